"""`autograder report`: table, CSV and plots."""

from __future__ import annotations

from autograder.cli.app import console, stems_argument, verb
from autograder.course import Course


@verb("report")
@stems_argument
def report_verb(course: Course, stems: tuple[str, ...]) -> None:
    """Print the grades, and write them as CSV and as a page with plots (reports/)."""
    from autograder.report import rows, write_report
    from autograder.show import show_rows

    chosen = course.select(stems)
    show_rows(console, rows(course, chosen))
    for path in write_report(course, chosen):
        console.print(str(path), soft_wrap=True)
