"""What a solution does on the inputs of a test: one summary for each time the test asks it for something.

Summaries are made in the tests' process and are plain data. They are compared with those of the known wrong solutions
(`diagnosis`); no learner ever sees one.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from autograder.engine.diagnosis import Summary

KEPT = 64  # numbers of an array, spread evenly over it
ITEMS = 8  # of a sequence or a dict
DEPTH = 4
SECONDS = 3.0  # an observation ends after so long: what was seen until then tells enough
MOST = 400
LEAVES = 200_000  # of all summaries together: a result can be built to make them huge

class Enough(BaseException):
    """The observation has lasted long enough."""


class Observer:
    """Collects summaries; `seen` are (what was asked, what came back, what the arguments hold afterwards)."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Summary, Summary]] = []
        self.deadline = time.monotonic() + SECONDS
        self.leaves = 0

    def returned(self, asked: str, value: Any, arguments: tuple[Any, ...]) -> None:
        self._add(asked, summary(value), arguments)

    def raised(self, asked: str, error: BaseException, arguments: tuple[Any, ...]) -> None:
        self._add(asked, ("raised", type(error).__name__), arguments)

    def _add(self, asked: str, result: Summary, arguments: tuple[Any, ...]) -> None:
        mutable = tuple(a for a in arguments if isinstance(a, (list, dict, np.ndarray, torch.Tensor)))
        self.seen.append((asked, result, summary(mutable)))
        self.leaves += _leaves(self.seen[-1])
        if len(self.seen) >= MOST or self.leaves > LEAVES or time.monotonic() > self.deadline:
            raise Enough


def _leaves(value: Any) -> int:
    return sum(map(_leaves, value)) if isinstance(value, tuple) else 1


def summary(value: Any, depth: int = DEPTH) -> Summary:
    """A value as nested tuples of plain data: numbers, shapes, and the names of types."""
    if isinstance(value, torch.Tensor):
        gradient = () if value.grad_fn is not None or value.grad is None else (summary(value.grad),)
        return (*_array(value.detach().to(torch.float64).numpy() if value.is_floating_point() else value.detach().numpy()), *gradient)
    if isinstance(value, (bool, int, float, complex, np.number, np.bool_, np.ndarray)):
        try:
            return _array(np.asarray(value))
        except (TypeError, ValueError, OverflowError):
            return ("other", type(value).__name__)
    if isinstance(value, str):
        return ("text", value[:200])
    if depth and isinstance(value, (list, tuple)):
        return ("sequence", len(value), *(summary(item, depth - 1) for item in value[:ITEMS]))
    if depth and isinstance(value, dict):
        items = sorted(value.items(), key=lambda item: str(item[0]))[:ITEMS]
        return ("dict", len(value), *(part for key, item in items for part in (("text", str(key)[:80]), summary(item, depth - 1))))
    return ("other", type(value).__name__)


def _array(array: np.ndarray) -> Summary:
    """Shape, kind and evenly spread numbers; complex ones as pairs."""
    kind = array.dtype.kind
    flat = array.reshape(-1)
    if flat.size > KEPT:
        flat = flat[np.linspace(0, flat.size - 1, KEPT).astype(int)]
    if kind == "c":
        flat = np.stack([flat.real, flat.imag], axis=-1).reshape(-1)
    return ("array", kind, array.shape, tuple(float(number) for number in flat.astype(np.float64)))
