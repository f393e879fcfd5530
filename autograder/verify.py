"""`autograder verify`: grade again what was graded, from the record of each grade, and report any difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

from autograder.course import Course
from autograder.engine.engine import environment_hash
from autograder.grade import Driver
from autograder.gradebook import Scores, open_gradebook, saved_scores, scores_of
from autograder.kept import earlier_grade, refusal
from autograder.master import Assignment, read_master
from autograder.results import Grade
from autograder.submissions import Submission, digest_of, find_submissions

Verdict = Literal["same", "different", "changed", "ungraded", "failed"]


@dataclass(frozen=True)
class Verified:
    """What became of one grade. `changed` says that what it was given for is no longer there, so that it can't be repeated.

    A grade that the gradebook holds and no record explains is `different`.
    """

    student: str
    stem: str
    verdict: Verdict
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Case:
    submission: Submission
    kept: Grade


def verify_class(
    course: Course,
    driver: Callable[[], AbstractContextManager[Driver]],
    stems: list[str],
    *,
    student: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Verified]:
    """Check each kept grade against its record: with the gradebook, and by grading the same bytes with the same seed."""
    submissions = [s for s in find_submissions(course, stems) if student in (None, s.student)]
    assignments = {stem: read_master(course.master(stem)) for stem in sorted({s.stem for s in submissions})}
    with open_gradebook(course) as gradebook:
        saved = {key: scores for key, scores in saved_scores(gradebook, stems).items() if any(s is not None for s in scores.values())}
    handed_in = {(s.student, s.stem) for s in submissions}
    for name, stem in sorted(key for key in saved if key not in handed_in and student in (None, key[0])):
        yield Verified(name, stem, "changed", ("the gradebook holds a grade, but the submission is no longer there",))
    cases: list[_Case] = []
    for submission in submissions:
        key = (submission.student, submission.stem)
        kept = earlier_grade(course, *key)
        if kept is None:
            if key in saved:
                yield Verified(*key, "different", ("the gradebook holds a grade without a record; `autograder grade` grades anew",))
            elif not refusal(course, *key):
                yield Verified(*key, "ungraded", ("not graded yet; run `autograder grade`",))
            continue
        changes = changed_since(kept.record, assignments[submission.stem], submission)
        if changes:
            differences = not_as_recorded(kept, saved.get(key))
            yield Verified(*key, "different" if differences else "changed", (*differences, *changes))
        else:
            cases.append(_Case(submission, kept))
    if cases:
        with driver() as running:
            yield from _graded_again(running, cases, assignments, saved, progress)


def changed_since(record: dict[str, Any], assignment: Assignment, submission: Submission) -> list[str]:
    """What is no longer as it was when a grade was given, so that the grade can't be repeated."""
    found = []
    if record.get("submission") != digest_of(submission.content):
        found.append("the submission has changed since; `autograder grade` grades the new one")
    if record.get("master") != assignment.hash:
        found.append("the master has changed since; `autograder grade` grades by the new one")
    return found


def _graded_again(
    driver: Driver,
    cases: list[_Case],
    assignments: dict[str, Assignment],
    saved: dict[tuple[str, str], Scores],
    progress: Callable[[int, int], None],
) -> Iterator[Verified]:
    done = 0
    for seed in sorted({case.kept.seed for case in cases}):
        group = [case for case in cases if case.kept.seed == seed]
        jobs = ((assignments[case.submission.stem], case.submission.content) for case in group)
        for index, grade in driver.grade_many(jobs, seed=seed):
            done += 1
            progress(done, len(cases))
            case = group[index]
            key = (case.submission.student, case.submission.stem)
            yield Verified(*key, *compare(case.kept, grade, saved.get(key)))


def not_as_recorded(kept: Grade, saved: Scores | None) -> list[str]:
    """Where the gradebook's scores differ from those of the record."""
    if saved is None:
        return ["the gradebook does not hold this grade; `autograder grade` enters it"]
    recorded = scores_of(kept)
    cells = [cell for cell in {**recorded, **saved} if recorded.get(cell) != saved.get(cell)]
    said = [f"{cell}: {_points(saved.get(cell))} in the gradebook, {_points(recorded.get(cell))} in the record" for cell in cells]
    return [*said, "`autograder grade` grades anew"] if said else []


def _points(score: float | None) -> str:
    return "nothing" if score is None else f"{score:g}"


def compare(kept: Grade, again: Grade, saved: Scores | None) -> tuple[Verdict, tuple[str, ...]]:
    """A kept grade beside the same submission's grade now and beside the scores in the gradebook."""
    if again.infrastructure_error:
        return "failed", ("the grader failed, not the learner; run the command again",)
    differences = not_as_recorded(kept, saved)
    now = {task.name: task for task in again.tasks}
    for task in kept.tasks:
        other = now.get(task.name)
        if other is None or (other.score, other.status) != (task.score, task.status):
            said = f"{other.score:g} ({other.status})" if other else "nothing"
            differences.append(f"{task.name}: {task.score:g} ({task.status}) then, {said} now")
    remarks = []
    if kept.record.get("environment") != environment_hash():
        remarks.append("the environment has changed since")
    if kept.record.get("sandbox") != again.record.get("sandbox"):
        remarks.append(f"the sandbox was {kept.record.get('sandbox')!r} then, {again.record.get('sandbox')!r} now")
    return ("different" if differences else "same"), (*differences, *remarks)
