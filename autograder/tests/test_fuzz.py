"""Damaged notebooks: every one gets a grade that it earns, or a reason; and the fuzzer notices when one does not."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.attacks.damage import CHANGES, FILES
from autograder.attacks.fuzz import case, case_from, fuzz, judged, planned
from autograder.attacks.trial import handed_in, honest, victim
from autograder.tests.engine_case import engine

CASES = 1000


@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False))
def test_any_damage_gives_a_plan_or_a_reason(rng: random.Random) -> None:
    assert planned(case_from(rng))


def test_a_thousand_cases_are_graded_or_refused_with_a_reason() -> None:
    result = fuzz(CASES)
    assert result.failures == []
    assert result.outcomes["graded"] > 100
    assert result.outcomes["in a gradebook"] > 20
    read = ("refused with a reason", "planned", "planned, with remarks")
    assert sum(result.outcomes[name] for name in read) == result.cases == CASES
    assert all(result.outcomes[name] > CASES / 10 for name in read)


def test_a_case_is_its_number() -> None:
    assert case(7) == case(7)
    assert len({case(number).content for number in range(200)}) > 180


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.__name__.strip("_"))
def test_each_change_changes_something_and_bears_what_others_left(change: object) -> None:
    plain = handed_in({})
    seen = 0
    for seed in range(40):
        notebook = handed_in({})
        change(notebook, random.Random(seed))  # type: ignore[operator]
        seen += repr(notebook) != repr(plain)
        for ruin in ({}, {"cells": None}, {"cells": [1, None, {}, {"metadata": []}]}):
            change(ruin, random.Random(seed))  # type: ignore[operator]
    assert seen > 10


def test_each_damage_of_the_file_changes_it() -> None:
    content = honest()
    for damage in FILES:
        assert {damage(content, random.Random(seed)) for seed in range(5)} != {content}


def test_an_unearned_mark_a_lost_reason_and_a_broken_grader_are_noticed() -> None:
    made = case_from(random.Random(0))
    grade = engine().grade(victim(), honest())
    whole = dataclasses.replace(made, content=honest(), most=8.0)
    assert list(judged(whole, grade)) == ["it scored 9; what is in it earns 8 at most"]
    assert list(judged(dataclasses.replace(whole, most=9.0), grade)) == []
    assert "it was refused without a reason" in list(judged(whole, dataclasses.replace(grade, gradable=False)))
    grade.tasks[0].status = "infrastructure"
    assert "it made the grader fail" in list(judged(whole, grade))
