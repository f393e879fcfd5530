"""The one writer of grades: nbgrader's own gradebook, through nbgrader's own API."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nbgrader import api as tables
from nbgrader.api import Gradebook, MissingEntry, new_uuid
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
    SaveCells,
)
from nbgrader.utils import parse_utc
from sqlalchemy import event, insert, select, update
from sqlalchemy.exc import DBAPIError, SAWarning
from sqlalchemy.orm import Session
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from autograder.course import Course, CourseError
from autograder.master import Assignment, read_master
from autograder.release import built_master
from autograder.results import Grade

URL_VARIABLE = "AUTOGRADER_DB_URL"
DATABASE = "gradebook.db"
PATIENCE = 60  # seconds to wait for another program that writes, formgrader say; SQLite itself gives up after five


def database_url(course: Course) -> str:
    """Where the grades are: `AUTOGRADER_DB_URL` (PostgreSQL, say), else SQLite in the checkout."""
    return os.environ.get(URL_VARIABLE) or f"sqlite:///{course.root / DATABASE}?timeout={PATIENCE}"


@contextmanager
def open_gradebook(course: Course) -> Iterator[Gradebook]:
    """nbgrader's gradebook of this checkout, closed at the end."""
    _tools_on_path()
    warnings.filterwarnings("ignore", category=SAWarning, message="Object of type .* not in session")  # nbgrader's own
    if URL_VARIABLE not in os.environ and not (course.root / DATABASE).exists():
        _create_whole(course.root / DATABASE)
    with _refusals(course), Gradebook(database_url(course)) as gradebook:
        if gradebook.engine.dialect.name == "sqlite":
            gradebook.db.remove()
            gradebook.engine.dispose()
            event.listen(gradebook.engine, "connect", _survive_power_loss)
        yield gradebook


def _create_whole(path: Path) -> None:
    """Make the database beside its place: nbgrader creates it in several transactions, and half of them would stay half."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    with Gradebook(f"sqlite:///{temporary}"):
        pass
    with suppress(FileExistsError):  # somebody else was faster; theirs may hold grades already
        os.link(temporary, path)
    temporary.unlink()


def _survive_power_loss(connection: Any, _record: Any) -> None:
    """EXTRA syncs the folder, too, once the journal is deleted: a transaction that was committed is not rolled back by a power cut."""
    connection.execute("PRAGMA synchronous=EXTRA")


MENDS = {
    "locked": f"another program (formgrader, nbgrader, autograder) has been writing for {PATIENCE} s: let it finish, or end it",
    "readonly": "make the file and its folder writable for you",
    "unable to open": "make the file and its folder readable and writable for you",
    "full": "make room on its disk",
    "not a database": "put a backup in its place",
}


@contextmanager
def _refusals(course: Course) -> Iterator[None]:
    """What a database says when it is locked, read-only, away or not one, in a line."""
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        where = f"the database of {URL_VARIABLE}" if URL_VARIABLE in os.environ else str(course.root / DATABASE)
        mend = next((mend for word, mend in MENDS.items() if word in reason), "see to the database")
        raise CourseError(f"the gradebook can't be used, {where}: {reason}; {mend}, then run the command again") from error


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


def enter_assignments(course: Course) -> None:
    """Tell the gradebook of every assignment that it does not know, so that plain nbgrader can grade it."""
    with open_gradebook(course) as gradebook:
        known = {notebook.name for assignment in gradebook.assignments for notebook in assignment.notebooks}
    for stem in course.stems:
        if stem not in known:
            save_assignment(course, read_master(course.master(stem)))


@dataclass(frozen=True)
class Entry:
    """One submission's scores on their way into the gradebook; `timestamp` is when it was handed in, if that is known."""

    student: str
    grade: Grade
    timestamp: str | None = None


def save_grades(gradebook: Gradebook, entries: Sequence[Entry]) -> None:
    """Write submissions' scores in one transaction; a score given by hand stays, and is marked for another look.

    What nbgrader's `update_or_create_submission` and `SaveAutoGrades` do in three transactions and some thirty queries for each.

    """
    session = gradebook.db
    _add_students(session, sorted({entry.student for entry in entries}))
    for stem in sorted({entry.grade.stem for entry in entries}):
        _save_assignment_grades(session, _Cells.of(session, stem), {e.student: e for e in entries if e.grade.stem == stem})
    session.commit()


@dataclass(frozen=True)
class _Cells:
    """An assignment's rows: its own id, its notebook's, and those of its cells by name."""

    assignment: str
    notebook: str
    grades: dict[str, str]
    solutions: dict[str, str]

    @classmethod
    def of(cls, session: Session, stem: str) -> _Cells:
        assignment, notebook = session.execute(
            select(tables.Assignment.id, tables.Notebook.id).join(tables.Notebook.assignment).where(tables.Assignment.name == stem)
        ).one()
        found: list[dict[str, str]] = [
            {row.name: row.id for row in session.execute(select(kind.name, kind.id).where(kind.notebook_id == notebook))}
            for kind in (tables.GradeCell, tables.SolutionCell)
        ]
        return cls(assignment, notebook, *found)


def _add_students(session: Session, students: list[str]) -> None:
    known = set(session.scalars(select(tables.Student.id).where(tables.Student.id.in_(students))))
    _insert(session, tables.Student, [{"id": student} for student in students if student not in known])


def _save_assignment_grades(session: Session, cells: _Cells, entries: dict[str, Entry]) -> None:
    notebooks = _submitted_notebooks(session, cells, entries)
    graded = _rows(session, tables.Grade, notebooks, tables.Grade.manual_score)
    commented = _rows(session, tables.Comment, notebooks, tables.Comment.auto_comment)
    scores: list[dict[str, Any]] = []
    comments: list[dict[str, Any]] = []
    for student, entry in entries.items():
        notebook = notebooks[student]
        for task in entry.grade.tasks:
            key = (notebook, cells.grades[task.test_id])
            row, manual = graded.get(key, (None, None))
            scores.append(_row(row, key, auto_score=task.score, needs_manual_grade=manual is not None))
        untouched = {task.name for task in entry.grade.tasks if task.status in ("not_attempted", "missing")}
        for name, cell in cells.solutions.items():
            row, before = commented.get((notebook, cell), (None, None))
            comment = "No response." if name in untouched else None
            if row is None or comment != before:
                comments.append(_row(row, (notebook, cell), auto_comment=comment))
    for table, rows in ((tables.Grade, scores), (tables.Comment, comments)):
        _insert(session, table, [row for row in rows if "id" not in row])
        known = [row for row in rows if "id" in row]
        if known:
            session.execute(update(table), known)


def _submitted_notebooks(session: Session, cells: _Cells, entries: dict[str, Entry]) -> dict[str, str]:
    """Each student's submitted notebook in the gradebook, made where there is none."""
    submitted, notebook = tables.SubmittedAssignment, tables.SubmittedNotebook
    known = session.execute(
        select(submitted.student_id, submitted.id, notebook.id)
        .join(notebook, notebook.assignment_id == submitted.id)
        .where(submitted.assignment_id == cells.assignment, submitted.student_id.in_(list(entries)))
    ).all()
    times = {s: parse_utc(e.timestamp) for s, e in entries.items() if e.timestamp}
    found = {student: notebook_id for student, _, notebook_id in known}
    stamped = [{"id": identity, "timestamp": times[student]} for student, identity, _ in known if student in times]
    if stamped:
        session.execute(update(submitted), stamped)
    new = {student: (new_uuid(), new_uuid()) for student in entries if student not in found}
    _insert(
        session,
        submitted,
        [{"id": i, "assignment_id": cells.assignment, "student_id": s, "timestamp": times.get(s)} for s, (i, _) in new.items()],
    )
    _insert(session, notebook, [{"id": n, "assignment_id": i, "notebook_id": cells.notebook} for i, n in new.values()])
    return found | {student: identity for student, (_, identity) in new.items()}


def _rows(session: Session, table: Any, notebooks: dict[str, str], column: Any) -> dict[tuple[str, str], tuple[str, Any]]:
    """The rows that submitted notebooks have, by notebook and cell: their id and one column."""
    query = select(table.notebook_id, table.cell_id, table.id, column).where(table.notebook_id.in_(list(notebooks.values())))
    return {(notebook, cell): (identity, value) for notebook, cell, identity, value in session.execute(query)}


def _row(identity: str | None, key: tuple[str, str], **values: Any) -> dict[str, Any]:
    """A row to update where it has an id, to insert where it has none yet."""
    return values | ({"id": identity} if identity else {"notebook_id": key[0], "cell_id": key[1]})


def _insert(session: Session, table: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        session.execute(insert(table), rows)


def nbgrader_settings(course: Course) -> Config:
    """What `nbgrader_config.py` of this checkout sets."""
    path = course.root / "nbgrader_config.py"
    return PyFileConfigLoader(path.name, path=str(path.parent)).load_config() if path.exists() else Config()


class LatePenalties:
    """What a late submission loses by the plugin that `nbgrader_config.py` chooses, as `nbgrader autograde` enters it."""

    def __init__(self, course: Course) -> None:
        self.step = AssignLatePenalties(config=nbgrader_settings(course))
        self.step.log.setLevel(logging.ERROR)
        self.step.init_plugin()

    def enter(self, gradebook: Gradebook, entries: Sequence[Entry]) -> None:
        """Call it after `save_grades`; a mark given by hand counts."""
        for entry in self._that_can_be_late(gradebook.db, entries):
            submission = gradebook.find_submission(entry.grade.stem, entry.student)
            late = submission.total_seconds_late
            for notebook in submission.notebooks:
                penalty = self.step.plugin_inst.late_submission_penalty(entry.student, notebook.score, late) if late > 0 else None
                notebook.late_submission_penalty = penalty and min(max(0.0, penalty), notebook.score)
        gradebook.db.commit()

    @staticmethod
    def _that_can_be_late(session: Session, entries: Sequence[Entry]) -> list[Entry]:
        """Those of assignments with a due date, or with a penalty from when there was one."""
        due = select(tables.Assignment.name).where(tables.Assignment.duedate.is_not(None))
        penalised = (
            select(tables.Assignment.name)
            .join(tables.SubmittedAssignment, tables.SubmittedAssignment.assignment_id == tables.Assignment.id)
            .join(tables.SubmittedNotebook, tables.SubmittedNotebook.assignment_id == tables.SubmittedAssignment.id)
            .where(tables.SubmittedNotebook.late_submission_penalty.is_not(None))
        )
        stems = {*session.scalars(due), *session.scalars(penalised)}
        return [entry for entry in entries if entry.grade.stem in stems]


Scores = dict[str, float | None]


def saved_scores(gradebook: Gradebook, stems: Sequence[str]) -> dict[tuple[str, str], Scores]:
    """What the gradebook holds of these assignments: (student, stem) → test cell → score given by the engine."""
    found: dict[tuple[str, str], Scores] = {}
    query = (
        select(tables.SubmittedAssignment.student_id, tables.Assignment.name, tables.GradeCell.name, tables.Grade.auto_score)
        .join(tables.SubmittedNotebook, tables.Grade.notebook_id == tables.SubmittedNotebook.id)
        .join(tables.SubmittedAssignment, tables.SubmittedNotebook.assignment_id == tables.SubmittedAssignment.id)
        .join(tables.Assignment, tables.SubmittedAssignment.assignment_id == tables.Assignment.id)
        .join(tables.GradeCell, tables.Grade.cell_id == tables.GradeCell.id)
        .where(tables.Assignment.name.in_(stems))
    )
    for student, stem, cell, score in gradebook.db.execute(query):
        found.setdefault((student, stem), {})[cell] = score
    return found


def scores_of(grade: Grade) -> Scores:
    """A grade as the gradebook holds it."""
    return {task.test_id: task.score for task in grade.tasks}


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


