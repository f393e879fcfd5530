"""`autograder grade`: grade what was handed in, write the gradebook, and lose nothing on the way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from nbgrader.api import Gradebook

from autograder.autograded import graded_notebook
from autograder.course import Course
from autograder.gradebook import Entry, LatePenalties, Scores, open_gradebook, save_assignment, save_grades, saved_scores, scores_of
from autograder.kept import MARK, REFUSED, earlier_grade, key_of, refusal, refusal_file, refused
from autograder.master import Assignment, read_master
from autograder.release import text_of, write_if_changed
from autograder.results import Grade
from autograder.submissions import Submission, dated, digest_of, find_submissions

KEEP_AT = 16
KEEP_SECONDS = 0.5
KEEP_BYTES = 32_000_000


class Driver(Protocol):
    """What grades notebooks: the engine of this process, or a cluster's."""

    def grade_many(self, jobs: Iterable[tuple[Assignment, bytes]], seed: int = 0) -> Iterator[tuple[int, Grade]]:
        """Each job's position and grade, as they are done."""
        ...


@dataclass
class Graded:
    """One line of the grade table. `grade` is None where the submission could not be graded; `problem` says why."""

    student: str
    stem: str
    grade: Grade | None
    problem: str | None = None
    fresh: bool = False
    failed: bool = False  # the grader, not the learner


def grade_class(
    course: Course,
    driver: Callable[[], AbstractContextManager[Driver]],
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
    found = [s for s in find_submissions(course, stems) if student in (None, s.student)]
    submissions = [dated(s, course.submission(s.student, s.stem).parent) for s in found]
    assignments = {stem: read_master(course.master(stem)) for stem in {s.stem for s in submissions}}
    with open_gradebook(course) as gradebook:
        waiting = []
        saved = saved_scores(gradebook, list(assignments))
        for submission in submissions:
            key = key_of(assignments[submission.stem].hash, seed, digest_of(submission.content), submission.timestamp)
            known = None if again else earlier_grade(course, submission.student, submission.stem)
            if submission.problem:
                _refuse(course, submission, key, submission.problem)
                yield Graded(submission.student, submission.stem, None, submission.problem)
            elif known and known.record.get("key") == key and _is_kept(course, submission, known, saved):
                yield _line(submission, known, fresh=False)
            elif not again and refused(course, submission, key):
                yield Graded(submission.student, submission.stem, None, refusal(course, submission.student, submission.stem))
            else:
                waiting.append(submission)
        if waiting:
            with driver() as running:
                yield from _Run(course, gradebook, assignments, seed).grade(running, waiting, progress)


class _Run:
    """Grading what waits. Finished grades are kept a few at a time, as a transaction costs as much for many as for one."""

    def __init__(self, course: Course, gradebook: Gradebook, assignments: dict[str, Assignment], seed: int) -> None:
        self.course, self.gradebook, self.assignments, self.seed = course, gradebook, assignments, seed
        self.contents: dict[int, bytes] = {}  # of the submissions on their way
        self.finished: list[tuple[Submission, bytes, Grade]] = []
        self.penalties = LatePenalties(course)
        self.untold = list(assignments.values())  # of which the gradebook has not been told
        self.kept = time.monotonic()

    def grade(self, driver: Driver, waiting: list[Submission], progress: Callable[[int, int], None]) -> Iterator[Graded]:
        """A line for each, once its grade is kept."""
        save_assignment(self.course, self.untold.pop())  # what grades takes longer than that to start
        for done, (index, grade) in enumerate(driver.grade_many(self._jobs(waiting), seed=self.seed), start=1):
            if waiting[index].remark:
                grade.problems.insert(0, str(waiting[index].remark))
            self.finished.append((waiting[index], self.contents.pop(index), grade))
            if self._full() or done == len(waiting):
                lines = self._keep()
                progress(done, len(waiting))
                yield from lines

    def _full(self) -> bool:
        """Whether it is time to keep what is finished."""
        held = sum(len(content) for _, content, _ in self.finished)
        return len(self.finished) >= KEEP_AT or held > KEEP_BYTES or time.monotonic() - self.kept > KEEP_SECONDS

    def _jobs(self, waiting: list[Submission]) -> Iterator[tuple[Assignment, bytes]]:
        for index, submission in enumerate(waiting):
            self.contents[index] = submission.content
            yield self.assignments[submission.stem], self.contents[index]

    def _keep(self) -> list[Graded]:
        """Notebooks to the disk, then scores to the gradebook, then the marks that they are whole."""
        while self.untold:  # not all before, as that would keep what grades waiting
            save_assignment(self.course, self.untold.pop())
        batch, self.finished, entries, marks = self.finished, [], [], []
        for submission, content, grade in batch:
            assignment = self.assignments[submission.stem]
            key = key_of(assignment.hash, self.seed, digest_of(content), submission.timestamp)
            if not grade.gradable:
                _refuse(self.course, submission, key, grade.reason or "not a notebook")
            elif not grade.infrastructure_error:
                grade.record["key"] = key
                marks.append((_write_notebook(self.course, assignment, submission, content, grade), grade))
                entries.append(Entry(submission.student, grade, submission.timestamp))
        save_grades(self.gradebook, entries)
        self.penalties.enter(self.gradebook, entries)
        for folder, grade in marks:
            write_if_changed(folder / MARK, json.dumps(asdict(grade), indent=1) + "\n", durable=True)
            (folder / REFUSED).unlink(missing_ok=True)
        self.kept = time.monotonic()
        return [_line(submission, grade, fresh=True) for submission, _, grade in batch]


def _write_notebook(course: Course, assignment: Assignment, submission: Submission, content: bytes, grade: Grade) -> Path:
    path = course.autograded(submission.student, submission.stem)
    for name, text in (("timestamp.txt", submission.timestamp), ("submission_secret.txt", submission.secret)):
        if text:
            write_if_changed(path.with_name(name), text)
    write_if_changed(path, text_of(graded_notebook(assignment, content, grade)), durable=True)
    return path.parent


def _is_kept(course: Course, submission: Submission, grade: Grade, saved: dict[tuple[str, str], Scores]) -> bool:
    """Whether both the gradebook and the autograded notebook of a grade are there."""
    here = saved.get((submission.student, submission.stem)) == scores_of(grade)
    return here and course.autograded(submission.student, submission.stem).exists()


def _refuse(course: Course, submission: Submission, key: str, reason: str) -> None:
    text = json.dumps({"key": key, "reason": reason}) + "\n"
    write_if_changed(refusal_file(course, submission.student, submission.stem), text)


def _line(submission: Submission, grade: Grade, *, fresh: bool) -> Graded:
    if not grade.gradable:
        return Graded(submission.student, submission.stem, None, grade.reason, fresh)
    if grade.infrastructure_error:
        reason = grade.tasks[0].message.removeprefix("the grader failed: ") or "no reason known"
        problem = f"the grader failed, not the learner: {reason}\nmend that, then run the command again"
        return Graded(submission.student, submission.stem, None, problem, fresh, failed=True)
    return Graded(submission.student, submission.stem, grade, "; ".join(grade.problems) or None, fresh)
