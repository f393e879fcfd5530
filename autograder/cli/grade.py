"""`autograder grade`: grade a class."""

from __future__ import annotations

import sys

import click
from rich.markup import escape

from autograder.cli.app import console, grade_all, stems_argument, verb
from autograder.cli.driver import Where, where_options
from autograder.course import Course
from autograder.submissions import misplaced


@verb("grade")
@stems_argument
@click.option("--student", help="Grade this student's submissions only.")
@click.option("--again", is_flag=True, help="Grade also what has not changed since it was last graded.")
@click.option("--seed", default=0, show_default=True, help="Seed of the hidden tests' data.")
@where_options
def grade_verb(course: Course, stems: tuple[str, ...], student: str | None, again: bool, seed: int, where: Where) -> None:
    """Grade what was handed in (submitted/<student>/<STEM>/) and write nbgrader's gradebook.

    Only new or changed submissions are graded. It can be stopped at any moment and run again. It grades in this process, on every
    core, unless told to use a Dask cluster. Fails if the grader itself failed on a submission; one that is not gradable is no failure.
    """
    chosen = course.select(stems)
    counts = grade_all(course, chosen, where.driver, student=student, again=again, seed=seed)
    from autograder.report import rows  # here, as it takes as long to load as it takes to start what grades
    from autograder.show import show_rows

    show_rows(console, [row for row in rows(course, chosen) if student in (None, row.student)])
    for lost in misplaced(course):
        console.print(f"[yellow]misplaced[/yellow]: {escape(lost)}", soft_wrap=True)
    if not counts:
        console.print("Nothing is handed in. Put notebooks at submitted/<student>/<assignment>/<assignment>.ipynb.", soft_wrap=True)
    said = [f"{counts[what]} {what}" for what in ("graded", "unchanged", "not gradable", "failed") if counts[what] or what == "graded"]
    console.print(f"{', '.join(said)}.")
    sys.exit(1 if counts["failed"] else 0)
