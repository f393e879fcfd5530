"""`autograder grade`: grade what was handed in, write the gradebook, and lose nothing on the way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.utils import parse_utc

from autograder.autograded import graded_notebook
from autograder.course import Course
from autograder.engine import Engine
from autograder.gradebook import is_saved, open_gradebook, save_assignment, save_grade
from autograder.master import Assignment, read_master
from autograder.release import text_of, write_if_changed
from autograder.results import CellOutcome, Grade, TaskGrade
from autograder.submissions import Submission, find_submissions


@dataclass
class Graded:
    """One line of the grade table. `grade` is None where the submission could not be graded; `problem` says why."""

    student: str
    stem: str
    grade: Grade | None
    problem: str | None = None
    fresh: bool = False


def grade_class(
    course: Course,
    engine: Callable[[], AbstractContextManager[Engine]],
    stems: list[str],
    *,
    student: str | None = None,
    seed: int = 0,
    again: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Graded]:
    """Grade every submission that has changed since it was last graded.

    A grade is kept in the gradebook first and then, as the mark that it is whole, in `autograded/<student>/<stem>/grade.json`;
    stopped at any moment, the next run does again what was not marked, with the same result.
    """
    submissions = [s for s in find_submissions(course, stems) if student in (None, s.student)]
    assignments = {stem: read_master(course.master(stem)) for stem in {s.stem for s in submissions}}
    for assignment in assignments.values():
        save_assignment(course, assignment)
    with open_gradebook(course) as gradebook:
        waiting = []
        for submission in submissions:
            assignment = assignments[submission.stem]
            known = None if again else earlier_grade(course, submission.student, submission.stem)
            key = key_of(submission, assignment, seed)
            if submission.problem:
                _refuse(course, submission, key, submission.problem)
                yield Graded(submission.student, submission.stem, None, submission.problem)
            elif known and known.record.get("key") == key and is_saved(gradebook, submission.student, known):
                yield _line(submission, known, fresh=False)
            elif not again and _refused(course, submission, key):
                yield Graded(submission.student, submission.stem, None, refusal(course, submission.student, submission.stem))
            else:
                waiting.append(submission)
        if waiting:
            yield from _grade_waiting(course, engine, gradebook, assignments, waiting, seed, progress)


def _grade_waiting(
    course: Course,
    engine: Callable[[], AbstractContextManager[Engine]],
    gradebook: Gradebook,
    assignments: dict[str, Assignment],
    waiting: list[Submission],
    seed: int,
    progress: Callable[[int, int], None],
) -> Iterator[Graded]:
    jobs = [(assignments[s.stem], s.content) for s in waiting]
    with engine() as running:
        for done, (index, grade) in enumerate(running.grade_many(jobs, seed=seed), start=1):
            submission = waiting[index]
            if submission.remark:
                grade.problems.insert(0, submission.remark)
            if not grade.gradable:
                _refuse(course, submission, key_of(submission, assignments[submission.stem], seed), grade.reason or "not a notebook")
            elif not grade.infrastructure_error:
                _keep(course, gradebook, assignments[submission.stem], submission, grade, seed)
            progress(done, len(jobs))
            yield _line(submission, grade, fresh=True)


def _keep(
    course: Course, gradebook: Gradebook, assignment: Assignment, submission: Submission, grade: Grade, seed: int
) -> None:
    grade.record["key"] = key_of(submission, assignment, seed)
    notebook = graded_notebook(assignment, submission.content, grade)
    path = course.autograded(submission.student, submission.stem)
    marker = path.with_name("grade.json")
    write_if_changed(path, text_of(notebook))
    for name, text in (("timestamp.txt", submission.timestamp), ("submission_secret.txt", submission.secret)):
        if text:
            write_if_changed(path.with_name(name), text)
    save_grade(gradebook, submission.student, grade, _parsed(submission.timestamp))
    write_if_changed(marker, json.dumps(asdict(grade), indent=1) + "\n")
    refusal_file(course, submission.student, submission.stem).unlink(missing_ok=True)


def refusal_file(course: Course, student: str, stem: str) -> Path:
    """Why the latest submission is not gradable; absent if it is. An earlier grade stays beside it."""
    return course.autograded(student, stem).with_name("refused.json")


def _refuse(course: Course, submission: Submission, key: str, reason: str) -> None:
    text = json.dumps({"key": key, "reason": reason}) + "\n"
    write_if_changed(refusal_file(course, submission.student, submission.stem), text)


def _refused(course: Course, submission: Submission, key: str) -> bool:
    """Whether these very bytes were refused before."""
    path = refusal_file(course, submission.student, submission.stem)
    return path.exists() and json.loads(path.read_text())["key"] == key


def refusal(course: Course, student: str, stem: str) -> str | None:
    path = refusal_file(course, student, stem)
    return str(json.loads(path.read_text())["reason"]) if path.exists() else None


def _line(submission: Submission, grade: Grade, *, fresh: bool) -> Graded:
    if not grade.gradable:
        return Graded(submission.student, submission.stem, None, grade.reason, fresh)
    if grade.infrastructure_error:
        return Graded(submission.student, submission.stem, None, "the grader failed, not the learner; run the command again", fresh)
    return Graded(submission.student, submission.stem, grade, "; ".join(grade.problems) or None, fresh)


def key_of(submission: Submission, assignment: Assignment, seed: int) -> str:
    """What a grade depends on: the same key, the same grade."""
    digest = hashlib.sha256(submission.content).hexdigest()
    return f"{digest}:{assignment.hash}:{seed}:{submission.timestamp or ''}"


def earlier_grade(course: Course, student: str, stem: str) -> Grade | None:
    """The grade that an earlier run kept whole, or None."""
    path = course.autograded(student, stem).with_name("grade.json")
    try:
        data = json.loads(path.read_text())
        tasks = [TaskGrade(**task) for task in data.pop("tasks")]
        cells = {name: CellOutcome(**cell) for name, cell in data.pop("cells").items()}
        return Grade(tasks=tasks, cells=cells, **data)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _parsed(timestamp: str | None) -> str | None:
    """The timestamp if it is one; a learner can write anything into that file."""
    if timestamp is None:
        return None
    try:
        parse_utc(timestamp)
    except (ValueError, OverflowError):
        return None
    return timestamp
