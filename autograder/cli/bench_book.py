"""`autograder bench-book`: how fast the book builds."""

from __future__ import annotations

import sys

import click

from autograder.cli.app import console, verb
from autograder.course import Course


@verb("bench-book")
@click.option("--repeat", default=1, show_default=True, help="How often each build is timed; the medians are compared.")
def bench_book_verb(course: Course, repeat: int) -> None:
    """Time a cold build of the book beside plain Jupyter Book's, and a rebuild after an edit to one chapter.

    Both builds must give the same executed outputs.
    """
    from autograder.bench_book import bench_book

    def show(what: str, seconds: float) -> None:
        console.print(f"{seconds:7.1f} s  {what}")

    times = bench_book(course, repeat, show)
    console.print(f"{times.ratio:7.2f} times as fast as plain Jupyter Book")
    for name in sorted(times.different):
        console.print(f"[red]{name}[/red]: its executed outputs differ between the two builds; seed every generator")
    sys.exit(bool(times.different))
