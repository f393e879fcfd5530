"""The engine on the course's own assignments, and as a whole: many at once, zygote lost."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from autograder.engine import Engine
from autograder.engine.sandbox import described
from autograder.master import Assignment, read_master
from autograder.tests.engine_case import LIMITS, assignment, engine, notebook

MASTERS = sorted(Path(__file__).resolve().parents[2].glob("solutions/*/*.md"))
BLANK = re.compile(r"( *)### BEGIN SOLUTION.*?### END SOLUTION", re.DOTALL)


def sources(case: Assignment, blank: bool) -> dict[str, str]:
    texts = {task.solution_id: case.source(task.solution_id) for task in case.tasks}
    return {name: BLANK.sub(r"\1raise NotImplementedError", text) for name, text in texts.items()} if blank else texts


@pytest.mark.parametrize("master", MASTERS, ids=lambda path: path.stem)
def test_reference_scores_all_and_blank_nothing(master: Path) -> None:
    case = read_master(master)
    grade = engine().grade_sources(case, sources(case, blank=False), seed=3)
    assert grade.score == grade.max_score == case.points, [t for t in grade.tasks if t.status != "passed"]
    blank = engine().grade_sources(case, sources(case, blank=True), seed=3)
    assert blank.score == 0
    assert {task.status for task in blank.tasks} == {"not_attempted"}


def test_many_at_once_and_a_lost_zygote() -> None:
    import json

    case = assignment([("f", "def f():\n    return 1", "check(f() == 1, 'one')")])
    bodies = [json.dumps(notebook(case, {"f": f"def f():\n    return {n % 2}"})).encode() for n in range(8)]
    with Engine(LIMITS) as own:
        grades = dict(own.grade_many([(case, body) for body in bodies], workers=2))
        assert [grades[n].score for n in range(8)] == [n % 2 for n in range(8)]
        assert {g.record["sandbox"] for g in grades.values()} == {described("namespaces")}
        assert own._host.process is not None
        os.kill(own._host.process.pid, signal.SIGKILL)
        assert own.grade(case, bodies[1]).score == 1
    assert grades[0].record["submission"] != grades[1].record["submission"]
