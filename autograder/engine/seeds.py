"""Seeding every global generator of a process."""

from __future__ import annotations

import random

import numpy as np
import torch


def reseed(seed: int) -> None:
    """As `torch.manual_seed` and its like, on the processor only: to look for other devices costs more than the fork before."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
