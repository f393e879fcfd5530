"""`autograder verify`: grade again what was graded, from the record of each grade, and report any difference.

Three things are compared, each with the record of the grade: the gradebook's scores; the autograded notebook, exactly, with what the
record and the submission make; and a second run, in what it decides and says. What learner code put out, and the misconception that
was recognised, are not compared with the second run: the one may hold times and addresses, the other changes with the catalogue.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import LimitOutput

from autograder.autograded import graded_notebook
from autograder.course import Course
from autograder.engine.engine import environment_hash
from autograder.grade import Driver
from autograder.gradebook import Scores, open_gradebook, saved_scores, scores_of
from autograder.kept import earlier_grade, refusal
from autograder.master import Assignment, read_master
from autograder.release import text_of
from autograder.results import Grade, TaskGrade
from autograder.submissions import Submission, digest_of, find_submissions

# Numbers may be times or random, and addresses are; a line of them breaks elsewhere when they are longer.
UNSTEADY = re.compile(r"[-+]?(?:0x[0-9a-f]+|\d+(?:\.\d*)?(?:e[-+]?\d+)?|\bnan\b|\binf\b)|\s+", re.IGNORECASE)

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
            yield from _graded_again(course, running, cases, assignments, saved, progress)


def changed_since(record: dict[str, Any], assignment: Assignment, submission: Submission) -> list[str]:
    """What is no longer as it was when a grade was given, so that the grade can't be repeated."""
    found = []
    if record.get("submission") != digest_of(submission.content):
        found.append("the submission has changed since; `autograder grade` grades the new one")
    if record.get("master") != assignment.hash:
        found.append("the master has changed since; `autograder grade` grades by the new one")
    return found


def _graded_again(
    course: Course,
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
            altered = altered_since(course, assignments[case.submission.stem], case.submission, case.kept)
            verdict, remarks = compare(case.kept, grade, saved.get(key))
            yield Verified(*key, "different" if altered else verdict, (*altered, *remarks))


def altered_since(course: Course, assignment: Assignment, submission: Submission, kept: Grade) -> list[str]:
    """Where the autograded notebook, from which feedback is made, is not the one that the record and the submission make."""
    path = course.autograded(submission.student, submission.stem)
    expected = nbformat.reads(text_of(graded_notebook(assignment, submission.content, kept)), as_version=4)
    try:
        said = _cells_that_differ(expected, nbformat.read(path, as_version=4))
    except Exception as error:  # whatever somebody wrote there
        said = [f"the autograded notebook can't be read ({type(error).__name__})"]
    mend = f"`autograder grade {submission.stem} --student {submission.student} --again` writes it anew"
    return [*said, mend] if said else []


def _cells_that_differ(expected: NotebookNode, found: NotebookNode) -> list[str]:
    """A line for each cell of an autograded notebook that is not as it should be, and for what is not there or too much."""
    wanted, there = ({_called(cell): cell for cell in notebook.cells} for notebook in (expected, found))
    said = [f"{name}: twice in the autograded notebook" for name, count in Counter(map(_called, found.cells)).items() if count > 1]
    said += [f"{name}: not in the autograded notebook" for name in wanted if name not in there]
    said += [f"{name}: in the autograded notebook, but not of this submission" for name in there if name not in wanted]
    for name in [name for name in wanted if name in there]:
        parts = [part for part in ("cell_type", "source", "outputs", "metadata") if wanted[name].get(part) != there[name].get(part)]
        if "outputs" in parts and LimitOutput().preprocess_cell(wanted[name], {}, 0)[0].outputs == there[name].outputs:
            parts.remove("outputs")  # plain nbgrader shortens what is long
        said += [f"{name}: other {' and '.join(parts)} in the autograded notebook than the record gives"] if parts else []
    if not said and list(wanted) != list(there):
        said = ["the cells of the autograded notebook are in another order"]
    return said


def _called(cell: NotebookNode) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id") or cell.get("id"))


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
        elif _said(task) != _said(other):
            differences.append(f"{task.name}: the feedback was {task.message!r} then, and is {other.message!r} now")
    remarks = []
    if kept.record.get("environment") != environment_hash():
        remarks.append("the environment has changed since")
    if kept.record.get("sandbox") != again.record.get("sandbox"):
        remarks.append(f"the sandbox was {kept.record.get('sandbox')!r} then, {again.record.get('sandbox')!r} now")
    return ("different" if differences else "same"), (*differences, *remarks)


def _said(task: TaskGrade) -> list[str]:
    """What a task's feedback says, without what may be another each time: a message can quote what learner code computed."""
    return [UNSTEADY.sub("", text or "") for text in (task.property, task.hint, task.message)]
