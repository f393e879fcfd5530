"""Fixtures for all tests: a small course in a temporary folder, so that no test touches the checkout's own grades."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from autograder.catalogue import read_alternatives, replace_definition
from autograder.course import Course
from autograder.engine import Engine, Limits
from autograder.master import read_master
from autograder.release import release
from autograder.trials import keep_to_one_thread

keep_to_one_thread()  # the processes that tests start; this one has NumPy already
CHECKOUT = Path(__file__).resolve().parents[2]
TINY = Path(__file__).parent / "tiny.md"


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """One running engine for all tests that don't ask for limits of their own: starting it takes seconds."""
    with Engine(Limits(cell_seconds=5, test_seconds=5)) as running:
        yield running


@pytest.fixture
def tiny_course(tmp_path: Path) -> Course:
    """A course of one assignment, `tiny`, with this checkout's nbgrader configuration; released."""
    return make_tiny_course(tmp_path / "course")


def make_tiny_course(root: Path) -> Course:
    """Lay down the course that `tiny_course` gives."""
    (root / "solutions" / "tiny").mkdir(parents=True)
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/welcome\n")
    shutil.copy(CHECKOUT / "nbgrader_config.py", root)
    shutil.copy(TINY, root / "solutions" / "tiny" / "tiny.md")
    shutil.copy(TINY.with_name("tiny_wrong.py"), root / "solutions" / "tiny" / "wrong.py")
    course = Course(root)
    release(course, "tiny")
    return course


def add_assignment(course: Course, stem: str) -> None:
    """Copy one of the checkout's own assignments into a temporary course, and release it."""
    shutil.copytree(CHECKOUT / "solutions" / stem, course.root / "solutions" / stem, ignore=shutil.ignore_patterns("*.ipynb"))
    release(course, stem)


def answered(course: Course, stem: str, answers: dict[str, str]) -> str:
    """The released notebook as text with the sources of the cells in `answers` (by grade_id) replaced."""
    notebook = nbformat.read(course.release(stem), as_version=4)
    for cell in notebook.cells:
        cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id", ""), cell.source)
    return nbformat.writes(notebook)


def reference_answers(course: Course, stem: str) -> dict[str, str]:
    """The answers of the master, by grade_id."""
    assignment = read_master(course.master(stem))
    return {task.solution_id: assignment.source(task.solution_id) for task in assignment.tasks}


def wrong_answers(course: Course, stem: str, count: int) -> list[dict[str, str]]:
    """Reference answers with one wrong solution each, from the first `count` tasks that have any."""
    assignment, reference = read_master(course.master(stem)), reference_answers(course, stem)
    chosen: dict[str, dict[str, str]] = {}
    for wrong in read_alternatives(course.wrong(stem), "wrong"):
        task = assignment.task_defining(wrong.target)
        chosen.setdefault(task.name, reference | {task.name: replace_definition(reference[task.name], wrong)})
    return list(chosen.values())[:count]


def submit(course: Course, student: str, stem: str, content: str) -> Path:
    """Lay a notebook where nbgrader's `collect` would, with the marks that `submit` leaves beside it."""
    path = course.submission(student, stem)
    path.parent.mkdir(parents=True)
    path.write_text(content)
    (path.parent / "timestamp.txt").write_text("2026-01-02 03:04:05.000000 UTC")
    (path.parent / "submission_secret.txt").write_text(f"secret of {student}")
    return path
