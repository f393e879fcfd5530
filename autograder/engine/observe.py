"""What a solution does on the inputs of a test: one summary for each time the test asks it for something.

The test that is graded is watched as it runs. As most pass, only a sketch is kept at first; it becomes a summary, which is plain data
made in the tests' process, where one is wanted. Summaries are compared with those of the known wrong solutions (`diagnosis`); no learner
ever sees one.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from autograder.engine.diagnosis import CUT, Summary
from autograder.engine.remote import Remote

KEPT = 64  # numbers of an array, spread evenly over it
ITEMS = 8  # of a sequence or a dict
DEPTH = 4
SECONDS, CALLS = 0.25, 8  # a learner's test that has failed goes on for so long: what was seen until then tells enough
LONG, MOST = 1.0, 400  # and that of a known mistake, which is watched once
LEAVES = 200_000  # of all summaries together: a result can be built to make them huge


class Enough(BaseException):
    """A test that has failed has been watched long enough."""


class Observer:
    """Collects sketches of what was asked, what came back, and what the arguments hold afterwards."""

    def __init__(self, known: bool = False) -> None:
        """`known` mistakes are watched for longer."""
        self.known = known
        self.seconds, self.left = (LONG, MOST) if known else (SECONDS, CALLS)
        self.seen: list[tuple[str, Any, Any]] = []
        self.met: set[str] = set()  # functions that the test has called
        self.deadline: float | None = None
        self.cut, self.leaves = False, 0

    def failed(self) -> None:
        """The test has failed: it goes on for the sake of what can be seen, and not for long."""
        self.deadline = self.deadline or time.monotonic() + self.seconds

    def asks(self, target: Any) -> None:
        """A failed test ends where it turns to something new: that may take long, and says little of what has failed."""
        if isinstance(target, Remote):
            target = object.__getattribute__(target, "_target")
        if isinstance(target, str):
            if self.deadline is not None and not self.known and target not in self.met:
                self.cut = True
                raise Enough
            self.met.add(target)

    def returned(self, asked: str, value: Any, arguments: tuple[Any, ...]) -> None:
        self._add(asked, lambda: sketch(value), arguments)

    def raised(self, asked: str, error: BaseException, arguments: tuple[Any, ...]) -> None:
        self._add(asked, lambda: ("raised", type(error).__name__), arguments)

    def _add(self, asked: str, result: Callable[[], Any], arguments: tuple[Any, ...]) -> None:
        if not self._full():
            mutable = tuple(a for a in arguments if isinstance(a, (list, dict, np.ndarray, torch.Tensor)))
            self.seen.append((asked, result(), sketch(mutable) if mutable else NOTHING))
            self.leaves += _leaves(self.seen[-1])
        if self.deadline is None:
            return
        self.left -= 1
        if self._full() or self.left < 0 or time.monotonic() > self.deadline:
            self.cut = not self._full()
            raise Enough

    def _full(self) -> bool:
        return len(self.seen) >= MOST or self.leaves > LEAVES

    def summaries(self) -> list[tuple[str, Summary, Summary]]:
        found = [(asked, plain(result), plain(arguments)) for asked, result, arguments in self.seen]
        return [*found, CUT] if self.cut else found


def _leaves(sketched: Any) -> int:
    if isinstance(sketched, tuple):
        return sum(map(_leaves, sketched))
    return sketched.size if isinstance(sketched, np.ndarray) else 1


def summary(value: Any) -> Summary:
    """A value as nested tuples of plain data: numbers, shapes, and the names of types."""
    return plain(sketch(value))


def sketch(value: Any, depth: int = DEPTH) -> Any:
    """A summary whose numbers are still in an array of their own."""
    if isinstance(value, torch.Tensor):
        flat = value.detach().reshape(-1)
        flat = flat[torch.from_numpy(_places(len(flat)))] if len(flat) > KEPT else flat
        numbers = np.array((flat.to(torch.float64) if flat.is_floating_point() else flat.resolve_conj()).numpy())
        kind = "f" if value.is_floating_point() else numbers.dtype.kind
        gradient = () if value.grad_fn is not None or value.grad is None else (sketch(value.grad),)
        return ("array", kind, tuple(value.shape), numbers, *gradient)
    if isinstance(value, (bool, int, float, complex, np.number, np.bool_, np.ndarray)):
        try:
            array = np.asarray(value)
            flat = array.reshape(-1)
            kept = flat[_places(flat.size)] if flat.size > KEPT else flat.copy()
            if array.dtype.kind != "c":
                kept = kept.astype(np.float64)
        except (TypeError, ValueError, OverflowError):
            return ("other", type(value).__name__)
        return ("array", array.dtype.kind, array.shape, kept)
    if isinstance(value, str):
        return ("text", value[:200])
    if depth and isinstance(value, (list, tuple)):
        return ("sequence", len(value), *(sketch(item, depth - 1) for item in value[:ITEMS]))
    if depth and isinstance(value, dict):
        items = sorted(value.items(), key=lambda item: str(item[0]))[:ITEMS]
        return ("dict", len(value), *(part for key, item in items for part in (("text", str(key)[:80]), sketch(item, depth - 1))))
    return ("other", type(value).__name__)


def plain(sketched: Any) -> Any:
    """A sketch with its numbers as a tuple of floats; complex ones as pairs."""
    if isinstance(sketched, tuple):
        return tuple(map(plain, sketched))
    if isinstance(sketched, np.ndarray):
        if sketched.dtype.kind == "c":
            sketched = np.stack([sketched.real, sketched.imag], axis=-1).reshape(-1)
        return tuple(sketched.astype(np.float64).tolist())
    return sketched


@functools.lru_cache(maxsize=256)
def _places(size: int) -> np.ndarray:
    """Where the numbers stand that are kept of so many."""
    return np.linspace(0, size - 1, KEPT).astype(int)


NOTHING = sketch(())
