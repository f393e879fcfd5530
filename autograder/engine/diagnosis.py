"""Which known mistake a solution behaves like.

A failed task's test goes on for a moment, and what the solution does on each input is summarised (`observe`). The same is known of the
reference and of each wrong solution in the catalogue. Where the learner and a wrong solution differ from the reference in the same places
and in the same way, that is the misconception.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Summary = tuple[Any, ...]  # a value as nested tuples of plain data
Observation = Sequence[tuple[str, Summary, Summary]]
CUT: tuple[str, Summary, Summary] = ("cut", (), ())  # the last of an observation that the clock ended: more might have come

Tolerance = tuple[float, float]  # relative and absolute

ROUNDING: Tolerance = (1e-9, 1e-12)  # between one and the same formula
REWRITTEN: Tolerance = (1e-4, 1e-7)  # between two ways of writing it, float32 included
ENOUGH = 0.85  # the share of informative places in which the two must agree
CLEAR = 0.05  # and by how much more than any other
MOST = 0.6  # a learner may have made a smaller mistake besides: this share is enough if no other wrong solution has half of it
FACTORS = 2  # a common factor is believed from so many places on


@dataclass(frozen=True)
class Match:
    """The wrong solution that fits best. `factor` is what its results must be multiplied by; 1 unless something is scaled too."""

    name: str
    share: float
    factor: float = 1.0


def best_match(learner: Observation, reference: Observation, catalogue: Mapping[str, Observation]) -> Match | None:
    """The wrong solution whose behaviour the learner's is, or None where none fits clearly."""
    exact = [name for name, wrong in catalogue.items() if _is_exactly(learner, reference, wrong)]
    if len(exact) == 1:
        return Match(exact[0], 1.0)
    differs = informative(learner, reference)
    if not differs:
        return None
    plain = _clear([Match(name, agreement(learner, reference, wrong, differs=differs)) for name, wrong in catalogue.items()])
    if plain is not None or scale_of_reference(learner, reference) is not None:
        return plain
    return _clear([match for name, wrong in catalogue.items() for match in _scaled(name, learner, reference, wrong)])


def scale_of_reference(learner: Observation, reference: Observation) -> float | None:
    """The one factor by which all results differ from the right ones, or None."""
    factor = _common_factor(learner, reference, reference)
    if factor is None:
        return None
    return factor if agreement(learner, reference, _multiplied(reference, factor)) >= ENOUGH else None


def _clear(matches: list[Match]) -> Match | None:
    """The best match, if it is good enough and no other is about as good."""
    ranked = sorted(matches, key=lambda match: -match.share)
    if not ranked:
        return None
    best, second = ranked[0], ranked[1].share if len(ranked) > 1 else 0.0
    like = best.share >= ENOUGH and (best.share - second >= CLEAR or second < best.share == 1.0)
    mostly = best.share >= MOST and second <= best.share / 2
    return best if like or mostly else None


def informative(one: Observation, reference: Observation, tolerance: Tolerance = REWRITTEN) -> set[int]:
    """The places in which a solution does something else than the reference."""
    places = {n for n, (a, b) in enumerate(zip(one, reference, strict=False)) if not same(a, b, tolerance)}
    return places | ({min(len(one), len(reference))} if len(one) != len(reference) else set())


def agreement(
    learner: Observation, reference: Observation, wrong: Observation, tolerance: Tolerance = REWRITTEN, differs: set[int] | None = None
) -> float:
    """In how many of the places where either differs from the reference the two do the same, from 0 to 1.

    `differs` is where the learner does, if that is known.
    """
    seen = _seen(learner, wrong)
    if seen is not None:
        learner, reference, wrong, differs = learner[:seen], reference[:seen], wrong[:seen], None
    places = (informative(learner, reference, tolerance) if differs is None else differs) | informative(wrong, reference, tolerance)
    if not places:
        return 0.0
    return sum(_at(learner, n, wrong, tolerance) for n in places) / len(places)


def _seen(learner: Observation, wrong: Observation) -> int | None:
    """How many places of the two can be compared, if the clock ended either."""
    return min((len(one) - 1 for one in (learner, wrong) if one and one[-1] == CUT), default=None)


def _is_exactly(learner: Observation, reference: Observation, wrong: Observation) -> bool:
    """Whether the two agree wherever either differs from the reference. Most do not in the first such place, and this is quick."""
    pairs = enumerate(zip(learner[: _seen(learner, wrong)], reference, strict=False))
    first = next((n for n, (a, b) in pairs if not same(a, b, ROUNDING)), None)
    if first is not None and not _at(learner, first, wrong, ROUNDING):
        return False
    return agreement(learner, reference, wrong, ROUNDING) == 1.0


def _at(learner: Observation, place: int, wrong: Observation, tolerance: Tolerance) -> bool:
    if place >= len(learner) or place >= len(wrong):
        return place >= len(learner) and place >= len(wrong)
    return same(learner[place], wrong[place], tolerance)


def same(a: Any, b: Any, tolerance: Tolerance) -> bool:
    """Whether two summaries are the same, their numbers within the tolerance."""
    if a == b:  # most are, and this is quick
        return True
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(same(x, y, tolerance) for x, y in zip(a, b, strict=True))
    if isinstance(a, float) and isinstance(b, float):
        relative, absolute = tolerance
        return a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=relative, abs_tol=absolute)
    return bool(a == b)


def _scaled(name: str, learner: Observation, reference: Observation, wrong: Observation) -> Iterator[Match]:
    factor = _common_factor(learner, reference, wrong)
    if factor is not None:
        yield Match(name, agreement(learner, reference, _multiplied(wrong, factor)), factor)


def _common_factor(learner: Observation, reference: Observation, wrong: Observation) -> float | None:
    """The factor between the learner's results and the wrong solution's, if it is the same in enough places, and not 1."""
    factors = []
    for place in sorted(informative(learner, reference)):
        if place < min(len(learner), len(wrong)):
            pairs = zip(_numbers(learner[place][1]), _numbers(wrong[place][1]), strict=False)
            factors += [a / b for a, b in pairs if b and math.isfinite(a) and math.isfinite(b)][:4]
    if len(factors) < FACTORS:
        return None
    middle = sorted(factors)[len(factors) // 2]
    usual = sum(math.isclose(f, middle, rel_tol=REWRITTEN[0]) for f in factors) >= ENOUGH * len(factors)
    return middle if usual and middle and not math.isclose(middle, 1.0, rel_tol=REWRITTEN[0]) else None


def _multiplied(observation: Observation, factor: float) -> list[tuple[str, Summary, Summary]]:
    return [(asked, _times(result, factor), arguments) for asked, result, arguments in observation]


def _times(value: Any, factor: float) -> Any:
    """A summary with its floating-point results multiplied; whole numbers and truth values stay."""
    if not isinstance(value, tuple):
        return value
    if len(value) >= 4 and value[0] == "array":
        return (*value[:3], tuple(number * factor for number in value[3]), *value[4:]) if value[1] in "fc" else value
    return tuple(_times(item, factor) for item in value)


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, tuple):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, float):
        yield value
