"""`autograder new`: the files of a new topic."""

from __future__ import annotations

import click

from autograder.cli.app import console, verb
from autograder.course import Course


@verb("new")
@click.argument("place", metavar="PART/STEM")
def new_verb(course: Course, place: str) -> None:
    """Make the chapter and the assignment of a new topic, to be filled in.

    The files are a small complete topic: they build, pass `certify`, and have every part that `lint` asks for. Each line
    to replace says REPLACE.
    """
    from autograder.new import new_topic
    from autograder.release import release

    stem = place.partition("/")[2]
    for path in new_topic(course, place):
        console.print(str(path.relative_to(course.root)), highlight=False)
    release(Course(course.root), stem)
    console.print(
        f"Next: edit them. `autograder preview {stem}` shows the page, `autograder lint {stem}` says what is missing,\n"
        f"`autograder release {stem}` and `autograder certify {stem}` build and prove the assignment.",
        soft_wrap=True,
    )
