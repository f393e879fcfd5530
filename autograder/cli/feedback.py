"""`autograder feedback`: write the feedback pages."""

from __future__ import annotations

import click

from autograder.cli.app import console, stems_argument, verb, write_feedback
from autograder.course import Course


@verb("feedback")
@stems_argument
@click.option("--student", help="This student's pages only.")
@click.option("--again", is_flag=True, help="Write also the pages that are up to date.")
def feedback_verb(course: Course, stems: tuple[str, ...], student: str | None, again: bool) -> None:
    """Write a feedback page for every graded submission (feedback/<student>/<STEM>/)."""
    written = write_feedback(course, course.select(stems), student=student, again=again)
    console.print(f"{written} feedback pages written, under {course.root / 'feedback'}")
