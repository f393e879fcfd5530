"""`autograder audit`: is the built book fast, self-contained and accessible?"""

from __future__ import annotations

import click

from autograder.cli.app import console, progress_bar, verb
from autograder.course import Course, CourseError


@verb("audit")
@click.option("--lighthouse/--no-lighthouse", "with_lighthouse", default=True, help="Run Lighthouse too (needs Node.js).")
@click.option("--runs", default=1, show_default=True, help="Runs of Lighthouse per page; the median counts.")
def audit_verb(course: Course, with_lighthouse: bool, runs: int) -> None:
    """Visit every page of the built book as a reader's browser would, and print what was found.

    Bytes by kind, requests that leave the site, errors, layout shift, axe-core in both themes, and Lighthouse's scores
    for the first page, a chapter and an assignment.
    """
    from autograder.audit import report, scores, visits

    if not course.site.is_dir():
        raise CourseError(f"{course.site}: there is no book yet; build it with: autograder build")
    with progress_bar() as bar:
        task = bar.add_task("visiting", total=None)
        found = list(visits(course, progress=lambda done, total: bar.update(task, completed=done, total=total)))
        bar.update(task, description="Lighthouse")
        measured = list(scores(course, runs)) if with_lighthouse else []
    if not report(console, found, measured):
        raise click.ClickException("the book misses its targets; see above")
