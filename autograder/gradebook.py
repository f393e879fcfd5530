"""The one writer of grades: nbgrader's own gradebook, through nbgrader's own API."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
    SaveCells,
)
from nbgrader.utils import parse_utc
from sqlalchemy.exc import SAWarning

from autograder.course import Course
from autograder.master import Assignment
from autograder.release import built_master
from autograder.results import Grade

URL_VARIABLE = "AUTOGRADER_DB_URL"


def database_url(course: Course) -> str:
    """Where the grades are: `AUTOGRADER_DB_URL` (PostgreSQL, say), else SQLite in the checkout."""
    return os.environ.get(URL_VARIABLE) or f"sqlite:///{course.root / 'gradebook.db'}"


@contextmanager
def open_gradebook(course: Course) -> Iterator[Gradebook]:
    """nbgrader's gradebook of this checkout, closed at the end."""
    _tools_on_path()
    warnings.filterwarnings("ignore", category=SAWarning, message="Object of type .* not in session")  # nbgrader's own
    with Gradebook(database_url(course)) as gradebook:
        yield gradebook


def _tools_on_path() -> None:
    """nbgrader starts `alembic` by name; find it even where the environment is not activated."""
    tools = str(Path(sys.executable).parent)
    if tools not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([tools, os.environ.get("PATH", "")])


def save_assignment(course: Course, assignment: Assignment, duedate: datetime | None = None) -> None:
    """Tell the gradebook which cells the assignment has, as `nbgrader generate_assignment` does."""
    with open_gradebook(course) as gradebook:
        gradebook.update_or_create_assignment(assignment.stem, **({"duedate": str(duedate)} if duedate else {}))
    notebook = built_master(assignment)
    resources = {
        "nbgrader": {"assignment": assignment.stem, "notebook": assignment.stem, "db_url": database_url(course)}
    }
    for step in (LockCells, ClearSolutions, ClearOutput, CheckCellMetadata, ComputeChecksums, SaveCells):
        notebook, resources = step().preprocess(notebook, resources)


def save_grade(gradebook: Gradebook, student: str, grade: Grade, timestamp: str | None) -> None:
    """Write one submission's scores; a score given by hand stays, and is marked for another look."""
    gradebook.update_or_create_student(student)
    submission = gradebook.update_or_create_submission(
        grade.stem, student, **({"timestamp": timestamp} if timestamp else {})
    )
    scores = {task.test_id: task.score for task in grade.tasks}
    untouched = {task.name for task in grade.tasks if task.status in ("not_attempted", "missing")}
    for notebook in submission.notebooks:
        for row in notebook.grades:
            row.auto_score = scores[row.cell.name]
            row.needs_manual_grade = row.manual_score is not None
        for comment in notebook.comments:
            comment.auto_comment = "No response." if comment.cell.name in untouched else None
    gradebook.db.commit()


def is_saved(gradebook: Gradebook, student: str, grade: Grade) -> bool:
    """Whether the gradebook holds exactly these scores."""
    try:
        notebook = gradebook.find_submission_notebook(grade.stem, grade.stem, student)
    except MissingEntry:
        return False
    scores = {task.test_id: task.score for task in grade.tasks}
    return {row.cell.name: row.auto_score for row in notebook.grades} == scores


def set_due(course: Course, stem: str, duedate: str) -> None:
    """Set when an assignment is due (a date nbgrader understands, UTC unless it names a zone)."""
    with open_gradebook(course) as gradebook:
        gradebook.update_or_create_assignment(stem, duedate=str(parse_utc(duedate)))


def seconds_late(course: Course, student: str, stem: str) -> float:
    """How late a submission is, 0 if it is not, or if nothing is due."""
    with open_gradebook(course) as gradebook:
        try:
            return float(gradebook.find_submission(stem, student).total_seconds_late)
        except MissingEntry:
            return 0.0


