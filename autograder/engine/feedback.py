"""From a session's bare facts to grades and to the outputs of the autograded notebook. No hidden test text passes through here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograder.engine.limits import CROWDED
from autograder.engine.plan import Plan
from autograder.results import CellOutcome, TaskGrade

if TYPE_CHECKING:
    from autograder.engine.session import Session
    from autograder.master import Task


def task_grades(tasks: Sequence[Task], plan: Plan, session: Session) -> list[TaskGrade]:
    """The verdicts as grades, with what the learner should read."""
    return [_task_grade(task, plan, session) for task in tasks]


def _task_grade(task: Task, plan: Plan, session: Session) -> TaskGrade:
    verdict = session.verdicts[task.test_id]
    grade = TaskGrade(
        task.name,
        task.test_id,
        task.points if verdict["status"] == "passed" else 0.0,
        task.points,
        verdict["status"],
        verdict["property"],
        verdict["hint"],
        _with_limit(verdict["message"], session),
        verdict["trace"],
    )
    if grade.status == "passed":
        return grade
    if task.solution_id in plan.missing:
        grade.status, grade.message = "missing", f"the solution cell {task.solution_id!r} is missing"
        return grade
    for step in plan.steps:
        failure = session.outcomes.get(step.identity, {}).get("failure") if step.grade_id == task.solution_id else None
        if failure is not None and failure[0] != "NotImplementedError":
            name, text, trace = failure
            grade.message = _with_limit(f"the solution cell itself failed: {name}: {text}", session)
            grade.learner_trace = trace or None
            if name in ("Timeout", "Crashed", "Memory", "Processes"):
                grade.status = "timeout" if name == "Timeout" else "crashed"
            else:
                grade.status = "error"
            grade.property = grade.hint = None
    return grade


def cell_outcomes(plan: Plan, session: Session, grades: Sequence[TaskGrade]) -> dict[str, CellOutcome]:
    """What each cell leaves in the autograded notebook, as nbformat outputs."""
    found: dict[str, CellOutcome] = {}
    count = 0
    for step in plan.steps:
        outcome = session.outcomes.get(step.identity)
        if outcome is None:
            continue
        count += 1
        outputs = [_output(output, count) for output in outcome["outputs"]]
        if outcome["failure"] is not None:
            name, text, trace = outcome["failure"]
            outputs.append(_error(name, _with_limit(text, session), trace))
        found.setdefault(step.grade_id, CellOutcome()).outputs.extend(outputs)
    for grade in grades:
        outputs = []
        printed = session.verdicts[grade.test_id]["printed"]
        if printed:
            outputs.append({"output_type": "stream", "name": "stdout", "text": printed})
        if grade.status != "passed":
            hint = f"\nHint: {grade.hint}" if grade.hint else ""
            known = f"\n{grade.diagnosis}" if grade.diagnosis else ""
            outputs.append(_error(grade.status, grade.message + hint + known, grade.learner_trace or ""))
        found[grade.test_id] = CellOutcome(outputs)
    return found


def _with_limit(text: str, session: Session) -> str:
    """What is said of a failure, and of the limit on processes if it looks as if that was met: the system does not name it."""
    most = session.limits.processes
    return f"{text} (your code may have {most} processes and threads at a time, no more)" if CROWDED.search(text) else text


def _output(output: dict[str, Any], count: int) -> dict[str, Any]:
    if output["output_type"] == "stream":
        return {"output_type": "stream", "name": output["name"], "text": output["text"]}
    return {"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": {"text/plain": output["text"]}}


def _error(name: str, text: str, trace: str) -> dict[str, Any]:
    return {"output_type": "error", "ename": name, "evalue": text, "traceback": [f"{name}: {text}", *trace.splitlines()]}
