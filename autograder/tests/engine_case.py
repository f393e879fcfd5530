"""One-task assignments for the engine's tests, and one engine for all of them: starting it takes seconds, a grade milliseconds."""

from __future__ import annotations

import atexit
import functools
import hashlib
import json
import textwrap
from pathlib import Path
from typing import Any

import nbformat

from autograder.engine import Engine, Limits
from autograder.engine.engine import Engine as RealEngine
from autograder.master import Assignment, Task
from autograder.results import Grade, TaskGrade

SETUP = """
import numpy as np
import torch
from autograder.checks import check, check_close, check_raises, check_unchanged, fresh_rng
"""
MIB = 1024 * 1024
LIMITS = Limits(cell_seconds=6, test_seconds=6, seconds=60, memory=512 * MIB, processes=24)


@functools.lru_cache(maxsize=1)
def engine() -> RealEngine:
    made: RealEngine = Engine(LIMITS)
    made.__enter__()
    atexit.register(made.__exit__)
    return made


def assignment(tasks: list[tuple[str, str, str]], given: str = "", **course: Any) -> Assignment:
    """An assignment of (name, answer, test) tasks with a setup cell."""
    cells = [_cell("setup", SETUP + textwrap.dedent(given), locked=True)]
    made = []
    for name, answer, test in tasks:
        cells.append(_cell(name, textwrap.dedent(answer), solution=True))
        cells.append(_cell(f"test_{name}", textwrap.dedent(test), grade=True, points=1))
        options = {key: {k: list(v) for k, v in course.get(key, {}).items()} for key in ("inplace", "attributes")}
        made.append(Task(name=name, points=1.0, defines=(), **options))
    notebook = nbformat.v4.new_notebook(cells=cells)
    digest = hashlib.sha256(nbformat.writes(notebook).encode() + repr(course).encode()).hexdigest()
    return Assignment("case", Path("case.md"), notebook, tuple(made), digest)


def _cell(identity: str, source: str, **flags: Any) -> Any:
    nbgrader = {"grade_id": identity, "grade": False, "solution": False, "locked": False, "schema_version": 3} | flags
    return nbformat.v4.new_code_cell(source.strip(), id=identity, metadata={"nbgrader": nbgrader})


def graded(answer: str, test: str, given: str = "", submitted: str | None = None, **course: Any) -> TaskGrade:
    """The grade of one task `f` whose reference is `answer`, for `submitted` (or the reference itself)."""
    return grade_of(answer, test, given, submitted, **course).tasks[0]


def grade_of(answer: str, test: str, given: str = "", submitted: str | None = None, **course: Any) -> Grade:
    case = assignment([("f", answer, test)], given, **course)
    return engine().grade_sources(case, {"f": textwrap.dedent(answer if submitted is None else submitted)}, seed=course.get("seed", 0))


def passes(answer: str, test: str, given: str = "", **course: Any) -> None:
    grade = graded(answer, test, given, **course)
    assert grade.status == "passed", (grade.status, grade.message)


def notebook(case: Assignment, sources: dict[str, str], extra: str | None = None) -> dict[str, Any]:
    """A submission as JSON data: the released notebook with `sources` filled in, and an extra cell behind the setup."""
    data: dict[str, Any] = json.loads(nbformat.writes(case.notebook))
    for cell in data["cells"]:
        cell["source"] = textwrap.dedent(sources.get(cell["id"], "".join(cell["source"])))
    if extra is not None:
        data["cells"].insert(1, {"cell_type": "code", "id": "mine", "source": textwrap.dedent(extra), "metadata": {}, "outputs": []})
    return data


def grade_json(case: Assignment, data: Any) -> Grade:
    return engine().grade(case, json.dumps(data).encode())
