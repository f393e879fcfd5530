"""The engine gives the marks that one ordinary process gives: wrong solutions fail at their cell, variants pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.catalogue import Alternative, read_alternatives, replace_definition
from autograder.course import Course
from autograder.engine import Engine
from autograder.master import Assignment, read_master

CHECKOUT = Course(Path(__file__).resolve().parents[2])


def passes(engine: Engine, assignment: Assignment, alternative: Alternative) -> bool:
    task = assignment.task_defining(alternative.target)
    source = replace_definition(assignment.source(task.solution_id), alternative)
    sources = {t.solution_id: assignment.source(t.solution_id) for t in assignment.tasks} | {task.solution_id: source}
    grade = engine.grade_sources(assignment, sources, tasks={task.name})
    assert not grade.infrastructure_error
    return grade.tasks[0].status == "passed"


@pytest.mark.parametrize("stem", CHECKOUT.stems)
def test_wrong_solutions_fail_and_variants_pass(engine: Engine, stem: str) -> None:
    assignment = read_master(CHECKOUT.master(stem))
    wrongs = read_alternatives(CHECKOUT.wrong(stem), "wrong")
    variants = read_alternatives(CHECKOUT.variants(stem), "variant")
    assert wrongs
    assert variants
    assert [w.name for w in wrongs if passes(engine, assignment, w)] == []
    assert [v.name for v in variants if not passes(engine, assignment, v)] == []
