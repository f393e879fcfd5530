"""The checks that test cells call.

A failed check raises `CheckFailed`, whose text is the *property* that does not hold (and, for visible
checks, a hint). It never holds the data of a hidden test, so that one can be reported without being shown: only a check
with a hint, which hidden tests may not have, shows what it got.
"""

from __future__ import annotations

import os
import re
import sys
import zlib
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

SEED_VARIABLE = "AUTOGRADER_SEED"
SHOWN = 6  # an array of at most so many numbers is shown by a check that has a hint


CHECKING = re.compile(r"^ *check(?:_close|_raises|_unchanged)?\(", re.MULTILINE)
HOLDS = "✓ All checks of this cell hold."

_listener: Callable[[str, float], bool] | None = None  # see `measure`


class CheckFailed(AssertionError):
    """A property that the tests look at does not hold."""

    def __init__(self, prop: str, detail: str = "", hint: str = "") -> None:
        self.property, self.detail, self.hint = prop, detail, hint
        text = f"{prop}: {detail}" if detail else prop
        super().__init__(f"{text}\nHint: {hint}" if hint else text)


def fresh_rng(name: str) -> np.random.Generator:
    """A generator for the test data of task `name`.

    It depends on the name and on the seed of the grading run (0 outside of one), so a run can be repeated
    exactly and no answer can be learned by heart.
    """
    return np.random.default_rng([int(os.environ.get(SEED_VARIABLE, "0")), zlib.crc32(name.encode())])


def check(condition: object, prop: str, *, hint: str = "") -> None:
    """Fail with `prop` unless `condition` is true."""
    try:
        holds = bool(condition)
    except (ValueError, RuntimeError, TypeError) as error:  # an array where one truth value was meant
        raise CheckFailed(prop, "the result is not a single true or false value", hint) from error
    if not holds:
        raise CheckFailed(prop, hint=hint)


def check_close(
    actual: Any,
    expected: Any,
    prop: str,
    *,
    rtol: float = 1e-7,
    atol: float = 1e-9,
    hint: str = "",
    dtype: Any = None,
) -> None:
    """Fail with `prop` unless `actual` is `expected` within |actual − expected| ≤ atol + rtol·|expected|.

    Both are numbers, arrays, tensors, or equally nested lists, tuples and dicts of them. Shapes must be equal,
    not-a-number and infinities must stand where they are expected, and `dtype`, where given (a NumPy or torch dtype), must match.
    With a hint, a small result is shown, beside what was expected if it has that shape.
    """
    if isinstance(expected, dict):
        if not isinstance(actual, dict) or actual.keys() != expected.keys():
            raise CheckFailed(prop, f"a dict with the keys {sorted(map(str, expected))} was expected", hint)
        for key, value in expected.items():
            check_close(actual[key], value, prop, rtol=rtol, atol=atol, hint=hint, dtype=dtype)
        return
    if isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)) and _is_nested(expected):
        if len(actual) != len(expected):
            raise CheckFailed(prop, f"{len(actual)} items, expected {len(expected)}", hint)
        for a, e in zip(actual, expected, strict=True):
            check_close(a, e, prop, rtol=rtol, atol=atol, hint=hint, dtype=dtype)
        return
    if dtype is not None and getattr(actual, "dtype", None) != dtype:
        raise CheckFailed(prop, f"dtype {getattr(actual, 'dtype', type(actual).__name__)}, expected {dtype}", hint)
    a, e = _as_array(actual, prop, hint), _as_array(expected, prop, hint)
    if a.shape != e.shape:
        shown = f": you got {_short(a)}" if hint and 0 < a.size <= SHOWN else ""
        raise CheckFailed(prop, f"shape {a.shape}, expected {e.shape}{shown}", hint)
    with np.errstate(all="ignore"):
        close = np.allclose(a, e, rtol=rtol, atol=atol, equal_nan=True)
        if _listener is not None and _listener(prop, _errors_per_tolerance(a, e, rtol, atol) if a.size else 0.0):
            return
        if close:
            return
        if hint and e.size <= SHOWN:  # infinities and not-a-number too: a hint may say what each of them stands for
            raise CheckFailed(prop, f"you got {_short(a)}, expected {_short(e)}", hint)
        finite = np.isfinite(a) & np.isfinite(e)
        if not np.array_equal(np.isfinite(a), np.isfinite(e)):
            raise CheckFailed(prop, "infinite or not-a-number values where finite ones belong, or the reverse", hint)
        kind = complex if "c" in (a.dtype.kind, e.dtype.kind) else float  # booleans and unsigned numbers can't be subtracted as they are
        worst = float(np.max(np.abs(a.astype(kind) - e.astype(kind))[finite], initial=0.0))
    raise CheckFailed(prop, f"off by up to {worst:.2g}, allowed {atol:g} + {rtol:g}·|expected|", hint)


def measure(listener: Callable[[str, float], bool] | None) -> None:
    """Have every numeric check tell `listener` its property and its worst |actual − expected| / (atol + rtol·|expected|).

    The ratio is infinite where the two can't be subtracted. Where the listener returns True, a check that failed is passed over.
    """
    global _listener
    _listener = listener


def _errors_per_tolerance(a: np.ndarray, e: np.ndarray, rtol: float, atol: float) -> float:
    kind = complex if "c" in (a.dtype.kind, e.dtype.kind) else float
    a, e = a.astype(kind), e.astype(kind)
    finite = np.isfinite(a) & np.isfinite(e)
    if not np.array_equal(a[~finite], e[~finite], equal_nan=True):
        return float("inf")
    error, allowed = np.abs(a - e)[finite], (atol + rtol * np.abs(e))[finite]
    return float(np.max(np.where(error == 0, 0.0, error / allowed), initial=0.0))


def check_raises(
    exception: type[BaseException] | tuple[type[BaseException], ...],
    prop: str,
    function: Callable[..., Any],
    *args: Any,
    hint: str = "",
    **kwargs: Any,
) -> None:
    """Fail with `prop` unless `function(*args, **kwargs)` raises `exception`.

    `NotImplementedError` never counts: it is what an untouched stub raises.
    """
    try:
        function(*args, **kwargs)
    except NotImplementedError:
        raise
    except exception:
        return
    except Exception as error:
        raise CheckFailed(prop, f"{type(error).__name__} was raised instead of {_names(exception)}", hint) from error
    raise CheckFailed(prop, f"nothing was raised, expected {_names(exception)}", hint)


def check_unchanged(before: Any, after: Any, prop: str = "inputs left unchanged", *, hint: str = "") -> None:
    """Fail with `prop` unless `after` equals the copy `before` exactly (values, shape, dtype)."""
    if isinstance(before, dict):
        same = isinstance(after, dict) and list(before) == list(after)
        pairs = [(before[k], after[k]) for k in before] if same else []
    elif isinstance(before, (list, tuple)):
        same = isinstance(after, type(before)) and len(after) == len(before)
        pairs = list(zip(before, after, strict=True)) if same else []
    else:
        a, b = _as_array(after, prop, hint), _as_array(before, prop, hint)
        same, pairs = a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"), []
    if not same:
        raise CheckFailed(prop, hint=hint)
    for x, y in pairs:
        check_unchanged(x, y, prop, hint=hint)


def snapshot(value: Any) -> Any:
    """A deep copy of test data, to hand to `check_unchanged` later."""
    return deepcopy(value)


def _is_nested(value: Any) -> bool:
    """Whether a list or tuple holds arrays or containers, so that it can't be compared as one array."""
    return any(isinstance(item, (list, tuple, dict)) or hasattr(item, "shape") for item in value)


def _as_array(value: Any, prop: str, hint: str) -> np.ndarray:
    if hasattr(value, "detach"):  # a torch tensor; torch itself is not imported here, as not every notebook needs it
        value = value.detach().cpu()
        value = value.float().numpy() if str(value.dtype) == "torch.bfloat16" else value.resolve_conj().numpy()
    try:
        array = np.asarray(value)
    except Exception as error:
        raise CheckFailed(prop, f"{type(value).__name__} is not a number or an array", hint) from error
    if array.dtype.kind not in "biufc":
        raise CheckFailed(prop, f"{type(value).__name__} is not a number or an array of numbers", hint)
    return array


def _short(array: np.ndarray) -> str:
    """A small array as a learner would print it."""
    return np.array2string(array, precision=5, separator=", ")


def _names(exception: type[BaseException] | tuple[type[BaseException], ...]) -> str:
    kinds = exception if isinstance(exception, tuple) else (exception,)
    return " or ".join(kind.__name__ for kind in kinds)


def _answer_in_jupyter() -> None:
    """Have a notebook say so when a cell's checks have all held: silence could also mean that nothing was run."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    if shell is not None:
        shell.events.register("post_run_cell", _answer)


def _answer(result: Any) -> None:
    if result.success and CHECKING.search(result.info.raw_cell or ""):
        print(HOLDS)


_answer_in_jupyter()
