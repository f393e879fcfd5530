"""`autograder sample`: the sample class."""

from __future__ import annotations

import click

from autograder.cli.app import console, verb
from autograder.course import Course


@verb("sample")
@click.option("--remove", is_flag=True, help="Take the sample class away again.")
def sample_verb(course: Course, remove: bool) -> None:
    """Write the sample class's submissions, unless a real class is there."""
    from autograder.sample import PREFIX, remove_sample_class, sample_class

    if remove:
        console.print(f"{remove_sample_class(course)} folders of students {PREFIX}* removed")
    else:
        console.print(f"{len(sample_class(course))} submissions written")
