"""The attack table: every notebook of the corpus on our engine and, as the control, on nbgrader's own executor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from autograder.attacks import Attack, corpus
from autograder.attacks.control import Control, control, empty_class, require_walls
from autograder.attacks.trial import LIMITS, attempt
from autograder.course import Course
from autograder.engine import Engine
from autograder.engine.engine import usable_cores
from autograder.engine.sandbox import described

Tried = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """One attack: what it scored where, and what it achieved. `not_run` says why nbgrader was not tried.

    `nbgrader` is its score there: None if it was not tried, or gave no mark.
    """

    family: str
    name: str
    expected: float
    ours: float
    broken: list[str]
    nbgrader: float | None = None
    effects: list[str] = field(default_factory=list)
    not_run: str = ""


def families() -> dict[str, int]:
    """How many attacks each family has."""
    found: dict[str, int] = {}
    for attack in corpus():
        found[attack.family] = found.get(attack.family, 0) + 1
    return found


def measured(checkout: Course, attacks: Sequence[Attack], *, nbgrader: bool, tried: Tried = lambda name: None) -> dict[str, Any]:
    """Try these attacks; plain data: the sandbox's level, and a row an attack."""
    controls = dict(_controls(checkout, attacks, tried)) if nbgrader else {}
    with Engine(LIMITS) as engine:
        rows = []
        for attack in attacks:
            trial = attempt(attack, engine)
            row = Row(attack.family, attack.name, attack.expected, trial.score, trial.broken)
            rows.append(asdict(row) | _beside(attack, controls.get(attack.name)))
            tried(attack.name)
        return {"level": described(engine.level), "attacks": rows}


def _controls(checkout: Course, attacks: Sequence[Attack], tried: Tried) -> Iterator[tuple[str, Control]]:
    """nbgrader's answer to each attack that can be tried on it, one attack a core at once."""
    require_walls()
    safe = [attack for attack in attacks if not attack.harms]
    with empty_class(checkout) as template, ThreadPoolExecutor(usable_cores()) as pool:
        for attack, found in zip(safe, pool.map(partial(control, template=template), safe), strict=True):
            tried(attack.name)
            yield attack.name, found


def _beside(attack: Attack, found: Control | None) -> dict[str, Any]:
    if found is None:
        return {"nbgrader": None, "effects": [], "not_run": attack.harms or "not asked for"}
    return {"nbgrader": found.score, "effects": found.effects(attack.expected), "not_run": ""}


def totals(rows: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """For each family: attacks, how many fooled nbgrader, how many fooled us, how many nbgrader was not tried on."""
    found: dict[str, list[int]] = {}
    for row in rows:
        counts = found.setdefault(row["family"], [0, 0, 0, 0])
        for position, counted in enumerate((True, row["effects"], row["broken"], row["not_run"])):
            counts[position] += bool(counted)
    return [(family, *counts) for family, counts in found.items()]
