"""What grading returns: plain data, no behaviour that could run learner code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["passed", "failed", "error", "not_attempted", "missing", "timeout", "crashed", "infrastructure"]


@dataclass
class TaskGrade:
    """One test cell's verdict. `message` is safe to show to the learner: it holds no hidden data and no test source.

    `diagnosis` says which misconception the solution behaves like, if that is clear; `misconception` is the name of the wrong
    solution that stands for it.
    """

    name: str
    test_id: str
    score: float
    max_score: float
    status: Status
    property: str | None = None
    hint: str | None = None
    message: str = ""
    learner_trace: str | None = None
    diagnosis: str | None = None
    misconception: str | None = None


@dataclass
class CellOutcome:
    """What an executed cell leaves in the autograded notebook, as nbformat output dicts."""

    outputs: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Grade:
    """One submission's verdict.

    `gradable` is False where the file could not be read as a submission at all; `reason` says why. `record` holds what is
    needed to repeat the run: hashes of submission, master and environment, the seed, the sandbox level and the time.
    """

    stem: str
    seed: int
    gradable: bool = True
    reason: str | None = None
    problems: list[str] = field(default_factory=list)
    tasks: list[TaskGrade] = field(default_factory=list)
    cells: dict[str, CellOutcome] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def score(self) -> float:
        return sum(task.score for task in self.tasks)

    @property
    def max_score(self) -> float:
        return sum(task.max_score for task in self.tasks)

    @property
    def infrastructure_error(self) -> bool:
        """Whether the grader, not the learner, failed: such a run must never be written down as a zero."""
        return any(task.status == "infrastructure" for task in self.tasks)


def grade_from_plain(data: dict[str, Any]) -> Grade:
    """A grade from what `dataclasses.asdict` made of it, as JSON gives it back.

    Raises:
        TypeError, KeyError, AttributeError: if it is not one.
    """
    rest = dict(data)
    tasks = [TaskGrade(**task) for task in rest.pop("tasks")]
    cells = {name: CellOutcome(**cell) for name, cell in rest.pop("cells").items()}
    return Grade(tasks=tasks, cells=cells, **rest)
