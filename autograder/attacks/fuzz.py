"""The fuzzer: damaged notebooks, each of which must get a grade that its cells earn, or a reason why it has none."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.attacks import VICTIM, WRONG
from autograder.attacks.damage import damaged
from autograder.attacks.trial import LIMITS, active_content, handed_in, victim
from autograder.autograded import graded_notebook
from autograder.course import Course
from autograder.engine import Engine
from autograder.engine.intake import NotGradable, read_submission
from autograder.engine.plan import blueprint, plan_submission
from autograder.grade import grade_class
from autograder.release import text_of
from autograder.results import Grade

GRADED_EVERY = 4  # of all cases, this share runs; the others are read and planned only
WRITTEN_EVERY = 20  # this share is graded by the command's own way, into a gradebook
Said = Callable[[int, int], None]


@dataclass(frozen=True)
class Case:
    """A damaged notebook, and the most that what is in it can have earned."""

    number: int
    content: bytes
    most: float


@dataclass
class Fuzzed:
    """What became of the cases: how many came to what, and what should not have happened."""

    cases: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        return {"cases": self.cases, "outcomes": dict(self.outcomes.most_common()), "failures": self.failures}


def case(number: int) -> Case:
    """The case with this number: always the same."""
    return case_from(random.Random(number), number)


def case_from(rng: random.Random, number: int = 0) -> Case:
    """A submission that solves some tasks of the victim and answers the others wrongly, damaged."""
    wrong = WRONG | {"honest": "def honest():\n    return None\n"}
    solved = [task for task in victim().tasks if rng.random() < 0.5]
    answers = wrong | {task.solution_id: victim().source(task.solution_id) for task in solved}
    return Case(number, damaged(handed_in(answers), rng), sum(task.points for task in solved))


def planned(case: Case) -> str:
    """What reading and planning a case comes to. The tests and the given cells are the master's, whatever was handed in."""
    try:
        plan = plan_submission(blueprint(victim()), read_submission(case.content, LIMITS.notebook))
    except NotGradable as reason:
        return "refused with a reason" if str(reason) else "refused without a reason"
    fixed = [(step.grade_id, step.source) for step in plan.steps if step.kind in ("test", "given")]
    assert fixed == [(step.grade_id, step.source) for step in blueprint(victim()).cells if step.kind in ("test", "given")]
    return "planned, with remarks" if plan.problems else "planned"


def judged(case: Case, grade: Grade) -> Iterator[str]:
    """What is wrong with a grade."""
    if grade.infrastructure_error:
        yield "it made the grader fail"
    if grade.score > case.most:
        yield f"it scored {grade.score:g}; what is in it earns {case.most:g} at most"
    if not grade.gradable:
        if not grade.reason:
            yield "it was refused without a reason"
        return
    notebook = graded_notebook(victim(), case.content, grade)
    text_of(notebook).encode()
    yield from active_content(notebook)


def fuzz(count: int, said: Said = lambda done, total: None) -> Fuzzed:
    """Read and plan `count` cases, grade a share of them, and a share of those with the command's own way into a gradebook."""
    result = Fuzzed(count)
    chosen: list[Case] = []
    for number in range(count):
        made = case(number)
        try:
            outcome = planned(made)
        except Exception as error:  # whatever it is, it is the finding
            result.failures.append(f"case {number}: {type(error).__name__}: {error}"[:300])
            continue
        result.outcomes[outcome] += 1
        if outcome == "refused without a reason":
            result.failures.append(f"case {number}: {outcome}")
        if number % GRADED_EVERY == 0:
            chosen.append(made)
    with Engine(LIMITS, explains=False) as engine:
        for done, (index, grade) in enumerate(engine.grade_many((victim(), c.content) for c in chosen), start=1):
            found = list(judged(chosen[index], grade))
            result.failures += [f"case {chosen[index].number}: {what}" for what in found]
            result.outcomes["graded" if grade.gradable else "graded: refused with a reason"] += 1
            said(done, len(chosen))
        _written(chosen[:: WRITTEN_EVERY // GRADED_EVERY], engine, result)
    return result


def _written(cases: list[Case], engine: Engine, result: Fuzzed) -> None:
    """Grade a class of these cases as `autograder grade` does: every student must have a grade or a reason."""
    with tempfile.TemporaryDirectory(prefix="autograder-fuzz-") as folder:
        course = Course(Path(folder))
        course.master(victim().stem).parent.mkdir(parents=True)
        course.master(victim().stem).write_bytes(VICTIM.read_bytes())
        for made in cases:
            path = course.submission(f"case{made.number}", victim().stem)
            path.parent.mkdir(parents=True)
            path.write_bytes(made.content)
        most = {f"case{made.number}": made.most for made in cases}
        for line in grade_class(course, lambda: nullcontext(engine), [victim().stem]):
            limit = most.pop(line.student)
            if line.grade is None and not line.problem:
                result.failures.append(f"{line.student}: neither a grade nor a reason in the class's table")
            if line.grade is not None and line.grade.score > limit:
                result.failures.append(f"{line.student}: {line.grade.score:g} in the gradebook, earned {limit:g} at most")
            result.outcomes["in a gradebook" if line.grade else "in a class's table with a reason"] += 1
        result.failures += [f"{student}: lost by the command" for student in most]
