"""`autograder preview`: build one chapter's page."""

from __future__ import annotations

import click

from autograder.cli.app import console, verb, waiting
from autograder.course import Course


@verb("preview")
@click.argument("stem")
def preview_verb(course: Course, stem: str) -> None:
    """Execute and build the page of one chapter and its assignment, in seconds."""
    from autograder.book import preview

    with waiting(f"building {stem}"):
        page = preview(course, stem)
    console.print(f"open {page}", soft_wrap=True)
