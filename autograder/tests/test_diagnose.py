"""How good diagnosis is, measured: on two assignments here, on all of them by `autograder diagnose --write`."""

from __future__ import annotations

import json
from collections import Counter

from autograder.catalogue import read_alternatives
from autograder.course import Course
from autograder.diagnose import MEASURED, diagnose
from autograder.engine import Engine
from autograder.tests.conftest import CHECKOUT

COURSE = Course(CHECKOUT)
MEASURED_HERE = ("kl_divergence", "attention")
LEAST_NAMED, MOST_MISNAMED, LEAST_KNOWN = 0.8, 0.05, 0.95


def test_rewritten_mistakes_are_named_others_are_not_and_right_code_is_never_accused(engine: Engine) -> None:
    total = Counter[str]()
    for stem in MEASURED_HERE:
        score = vars(diagnose(COURSE, engine, stem))
        total.update({name: value for name, value in score.items() if isinstance(value, int)})
    assert total["right_accused"] == 0
    assert total["right"] > 30
    assert total["rewritten_named"] >= LEAST_NAMED * total["rewritten"]
    assert total["rewritten"] >= 15
    assert total["rewritten_misnamed"] <= MOST_MISNAMED * total["rewritten"]
    assert total["held_out_named"] <= MOST_MISNAMED * total["known"]
    assert total["known_named"] >= LEAST_KNOWN * total["known"]


def test_the_published_figures_hold_the_bounds_for_every_assignment() -> None:
    scores = json.loads((COURSE.root / MEASURED).read_text())
    assert [score["stem"] for score in scores] == COURSE.stems, "run `autograder diagnose --write`"
    assert sum(s["rewritten_named"] for s in scores) >= LEAST_NAMED * sum(s["rewritten"] for s in scores)
    assert sum(s["held_out_named"] for s in scores) <= MOST_MISNAMED * sum(s["known"] for s in scores)
    assert sum(s["right_accused"] for s in scores) == 0


def test_every_rewritten_form_names_a_wrong_solution_of_its_own_target() -> None:
    for stem in COURSE.stems:
        targets = {entry.name: entry.target for entry in read_alternatives(COURSE.wrong(stem), "wrong")}
        for entry in read_alternatives(COURSE.rewritten(stem), "rewritten"):
            assert targets.get(entry.of) == entry.target, f"{entry.path}:{entry.line}: of={entry.of!r}"
