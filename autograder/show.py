"""How results look in a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autograder.report import Row, known_mistakes
from autograder.results import Grade, TaskGrade

MISTAKES_SHOWN = 10
SIGNS = {
    "passed": "[green]passed[/green]",
    "failed": "[red]failed[/red]",
    "error": "[red]error[/red]",
    "not_attempted": "[dim]not attempted[/dim]",
    "missing": "[yellow]cell missing[/yellow]",
    "timeout": "[red]too slow[/red]",
    "crashed": "[red]crashed[/red]",
    "infrastructure": "[yellow]grader failed[/yellow]",
}


def show_check(console: Console, grade: Grade) -> None:
    """One learner's result, task by task, with what to look at."""
    if not grade.gradable:
        console.print(f"[red]Not gradable[/red]: {escape(grade.reason or '')}")
        return
    table = Table(title=f"{grade.stem}: {grade.score:g} of {grade.max_score:g} points", title_justify="left")
    table.add_column("Task", no_wrap=True)
    table.add_column("Points", justify="right")
    table.add_column("Result", no_wrap=True)
    table.add_column("What to look at")
    for task in grade.tasks:
        table.add_row(task.name, f"{task.score:g} / {task.max_score:g}", SIGNS[task.status], escape(advice(task)))
    console.print(table)
    for problem in grade.problems:
        console.print(f"[yellow]Note[/yellow]: {escape(problem)}")


def advice(task: TaskGrade) -> str:
    """What a learner should know about a task that did not pass; never hidden data."""
    if task.status in ("passed", "not_attempted"):
        return ""
    parts = [task.message or (f"does not hold: {task.property}" if task.property else "")]
    parts += [f"Hint: {task.hint}"] if task.hint and task.hint not in parts[0] else []
    parts += [task.diagnosis] if task.diagnosis else []
    parts += [task.learner_trace] if task.learner_trace else []
    return "\n".join(part for part in parts if part)


def show_rows(console: Console, rows: list[Row]) -> None:
    """The class, a line per submission; remarks below, where there is room for them."""
    table = Table(title="Grades", title_justify="left")
    for head in ("Student", "Assignment", "Score", "Late"):
        table.add_column(head, justify="right" if head == "Score" else "left", no_wrap=True)
    for row in rows:
        score = "[yellow]none[/yellow]" if row.score is None else f"{row.score:g} / {row.max_score:g}"
        table.add_row(escape(row.student), row.stem, score, row.late)
    console.print(table)
    for row in rows:
        if row.note:
            console.print(f"{escape(row.student)}, {row.stem}: {escape(row.note)}", soft_wrap=True)
    for stem, task, text, count in known_mistakes(rows)[:MISTAKES_SHOWN]:
        console.print(f"{count} × {stem}, {task}: {escape(text)}", soft_wrap=True, highlight=False)
