"""What a test that ends early could leave to the next submission in its process: settings of the libraries, and memory.

A test that changes a setting sets it back at its end, which a learner's failure keeps it from reaching.
"""

from __future__ import annotations

import os
import resource
import traceback
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

SPARE = 0.75  # of the memory that a new process has: with less, it serves nobody else


@dataclass(frozen=True)
class Settings:
    """The settings as they are when this is made; `restore` brings them back."""

    floating: Any = field(default_factory=np.geterr)
    printing: dict[str, Any] = field(default_factory=lambda: dict(np.get_printoptions()))
    dtype: torch.dtype = field(default_factory=torch.get_default_dtype)
    deterministic: bool = field(default_factory=torch.are_deterministic_algorithms_enabled)
    anomalies: bool = field(default_factory=torch.is_anomaly_enabled)
    filters: list[Any] = field(default_factory=lambda: list(warnings.filters))
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def restore(self) -> None:
        np.seterr(**self.floating)
        if np.get_printoptions() != self.printing:
            np.set_printoptions(**self.printing)
        torch.set_grad_enabled(True)
        torch.set_default_dtype(self.dtype)
        if torch.are_deterministic_algorithms_enabled() != self.deterministic:
            torch.use_deterministic_algorithms(self.deterministic)
        if torch.is_anomaly_enabled() != self.anomalies:
            torch.autograd.set_detect_anomaly(self.anomalies)
        if warnings.filters != self.filters:
            warnings.filters[:] = self.filters  # type: ignore[index]
            warnings._filters_mutated()  # type: ignore[attr-defined]
        if os.environ != self.environment:
            os.environ.clear()
            os.environ.update(self.environment)


def forget(error: BaseException | None) -> None:
    """Let go of what the frames hold that an error came through: they and the error hold each other, until garbage is looked for."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def room() -> int:
    """How many bytes this process may still take."""
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY:
        return 0
    with open("/proc/self/statm") as file:
        return most - int(file.read().split()[0]) * resource.getpagesize()
