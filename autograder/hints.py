"""Whether the number that a hint mentions is what the mistake it names gives.

A hint says `0.693: natural logarithms.` or `A mean of 0.5 means that …`: a sentence that begins with a number, or with a few words and
a number, and goes on with the mistake. Each such number must be what one of the task's wrong solutions gives at that very check.
"""

from __future__ import annotations

import ast
import math
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograder.trials import Cells, Failure, execute, forked

WORDS = {"not a number": math.nan, "not-a-number": math.nan, "infinite": math.inf}
NUMBER = rf"(?:[-+−]?\d+(?:\.\d+)?(?:e[-−]?\d+)?|{'|'.join(WORDS)})"
CLAIM = re.compile(
    r"(?:^|(?<=[.;,?!] ))(?:[^\W\d_][\w-]* (?:= )?){0,4}?"
    rf"[\[(]*(?P<numbers>{NUMBER}(?:(?:, | and | or ){NUMBER})*)[\])]*"
    r"(?! is)(?: [^\d\s:;.,]+){0,6}(?::(?=\s)| means\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Number:
    """A number as a hint prints it, with half a unit of its last decimal place."""

    value: float
    half: float

    @classmethod
    def of(cls, text: str) -> Number:
        if text.lower() in WORDS:
            return cls(WORDS[text.lower()], 0.0)
        decimals = len(text.partition(".")[2])
        return cls(float(text.replace("−", "-")), 0.501 * 10.0**-decimals if decimals else 1e-6)

    def near(self, number: float, allowed: float) -> bool:
        if math.isnan(self.value) or math.isnan(number):
            return math.isnan(self.value) and math.isnan(number)
        return abs(self.value) == abs(number) or abs(number - self.value) <= self.half + allowed


@dataclass(frozen=True)
class Met:
    """A visible check with a hint, as one solution met it. `actual` is None where it compares no numbers."""

    line: int
    prop: str
    hint: str
    actual: tuple[float, ...] | None = None
    expected: tuple[float, ...] = ()
    rtol: float = 1e-7
    atol: float = 1e-9

    def shows(self, numbers: list[Number]) -> bool:
        """Whether the solution is wrong here, and these numbers are among what is wrong; as many as there are: in their order."""
        actual = self.actual or ()
        allowed = [self.atol + self.rtol * abs(e) if math.isfinite(e) else 0.0 for e in self.expected]
        most, wrong = max(allowed, default=0.0), actual
        if len(actual) == len(self.expected):
            triples = zip(actual, self.expected, allowed, strict=True)
            wrong = tuple(a for a, e, tolerance in triples if not (a == e or abs(a - e) <= tolerance))
        if wrong and len(numbers) == len(actual):
            return all(number.near(a, most) for a, number in zip(actual, numbers, strict=True))
        return all(any(number.near(a, most) for a in wrong) for number in numbers)


@dataclass(frozen=True)
class Claim:
    """What a hint says that a mistake gives: its numbers, the mistake in words, the wrong solutions that give them, a finding if any."""

    line: int
    prop: str
    numbers: str
    words: str
    given_by: tuple[str, ...] = ()
    finding: str = ""


def claims(hint: str) -> list[tuple[str, str]]:
    """The numbers that a hint says mistakes give, and the words on the mistake."""
    matches = list(CLAIM.finditer(hint))
    ends = [match.start() for match in matches[1:]] + [len(hint)]
    words = [hint[match.end() : end].strip(" ,.") for match, end in zip(matches, ends, strict=False)]
    return [(part, text) for match, text in zip(matches, words, strict=True) for part in match["numbers"].split(" or ")]


def judge_hints(wrongs: list[str], runs: list[list[Met]]) -> Iterator[Claim]:
    """Every claim of the hints that the reference meets (`runs[0]`), set against what each wrong solution meets."""
    told = set()
    for check in runs[0]:
        for numbers, words in claims(check.hint):
            if (check.line, numbers) in told:
                continue
            told.add((check.line, numbers))
            wanted = [Number.of(number) for number in re.findall(NUMBER, numbers, re.IGNORECASE)]
            given_by = tuple(
                wrong for wrong, run in zip(wrongs, runs[1:], strict=True)
                if any(met.line == check.line and met.shows(wanted) for met in run)
            )
            finding = ""
            if check.actual is None:
                finding = "only check_close shows the learner a number; use it here, or say it without the number"
            elif not given_by:
                finding = "no wrong solution of the task gives that here; mend the number, or add to wrong.py the one that gives it"
            yield Claim(check.line, check.prop, numbers, words, given_by, finding)


def meet_hints(cells: Cells, solution_id: str, test_id: str, sources: list[str]) -> list[list[Met]]:
    """What each solution meets in the visible part of a test cell."""

    def run() -> list[list[Met]]:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        for identity, source in cells.until(test_id):
            execute(identity, source, namespace)
        results = [forked(lambda s=source: _meet(cells, solution_id, test_id, s, namespace)) for source in sources]  # type: ignore[misc]
        return [[] if isinstance(result, Failure) else result for result in results]

    result = forked(run, 3600)
    if isinstance(result, Failure):
        raise RuntimeError(f"the process for the hints of {test_id} ended: {result}")
    return result


def _meet(cells: Cells, solution_id: str, test_id: str, source: str, namespace: dict[str, Any]) -> list[Met]:
    """Run the visible statements one by one, with checks that only take notes; one that raises is passed over."""
    met: list[Met] = []
    for identity, text in [(solution_id, source), *cells.until(test_id, solution_id)]:
        execute(identity, text, namespace)
    for name in ("check", "check_close", "check_raises", "check_unchanged"):
        namespace[name] = _noting(met, name, f"<{test_id}>")
    visible = dict(cells.code)[test_id].partition("### BEGIN HIDDEN TESTS")[0]
    for statement in ast.parse(visible).body:
        try:
            exec(compile(ast.Module([statement], []), f"<{test_id}>", "exec"), namespace)
        except Exception:
            continue
    return met


def _noting(met: list[Met], name: str, file: str) -> Callable[..., None]:
    """A check that fails nothing and notes, if it has a hint, what it was given and on which line of the test cell."""

    def note(*args: Any, hint: str = "", rtol: float = 1e-7, atol: float = 1e-9, **_: Any) -> None:
        if not hint:
            return
        frame = sys._getframe(1)
        while frame.f_code.co_filename != file and frame.f_back is not None:
            frame = frame.f_back
        if name == "check_close":
            met.append(Met(frame.f_lineno, str(args[2]), hint, tuple(_flat(args[0])), tuple(_flat(args[1])), rtol, atol))
        else:
            met.append(Met(frame.f_lineno, str(args[2 if name == "check_unchanged" else 1]), hint))

    return note


def _flat(value: Any) -> Iterator[float]:
    """All numbers in nested lists, dicts, arrays and tensors, in order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _flat(item)
        return
    if hasattr(value, "detach"):
        value = value.detach().cpu().double().numpy()
    try:
        yield from np.asarray(value, dtype=float).ravel().tolist()
    except (TypeError, ValueError):
        return
