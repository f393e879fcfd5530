"""`autograder build`: the whole course."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from autograder.cli.app import console, grade_all, timed, verb, waiting, write_feedback
from autograder.course import Course

if TYPE_CHECKING:
    from autograder.engine import Engine


@verb("build")
@click.option("--force", is_flag=True, help="Build the book even if nothing has changed.")
def build_verb(course: Course, force: bool) -> None:
    """The whole course: exercises, book, gradebook, and a graded sample class.

    Run again, it does only what has changed.
    """
    from autograder.book import build_book
    from autograder.gradebook import enter_assignments
    from autograder.release import release
    from autograder.report import rows, write_report
    from autograder.sample import sample_class
    from autograder.show import show_rows

    times: dict[str, float] = {}
    with timed(times, "exercises"):
        for stem in course.stems:
            release(course, stem)
        enter_assignments(course)
    with timed(times, "book"), waiting("executing the chapters and building the book"):
        built = build_book(course, force=force)
    with timed(times, "sample class"):
        sample_class(course)
    with timed(times, "grading"):
        grade_all(course, course.stems, lambda: _engine(course))
    with timed(times, "feedback"):
        write_feedback(course, course.stems)
    with timed(times, "report"):
        write_report(course, course.stems)
    show_rows(console, rows(course, course.stems))
    console.print("  ".join(f"{name} {seconds:.1f} s" for name, seconds in times.items()), soft_wrap=True)
    console.print(f"\nThe book{'' if built else ' (unchanged)'}: {course.site / 'index.html'}", soft_wrap=True)
    console.print(f"The class report: {course.reports / 'index.html'}", soft_wrap=True)
    console.print(f"JupyterLab: {Path(sys.executable).parent / 'jupyter'} lab {course.root}", soft_wrap=True)


def _engine(course: Course) -> Engine:
    """The sample class is the course's own code, so it may run behind whatever walls there are; a real class may not."""
    from autograder.engine import Engine, sandbox
    from autograder.sample import real_students

    if real_students(course):
        return Engine()
    engine = Engine(sandbox_floor=sandbox.LEVELS[0])
    try:
        sandbox.require(sandbox.DEFAULT_FLOOR)
    except sandbox.SandboxTooWeak as weak:
        console.print(f"[yellow]Before you grade anybody's notebooks here[/yellow]: {escape(str(weak))}", soft_wrap=True)
    return engine
