"""`autograder lint`: is everything there that a chapter and its assignment must have?

It reads, and runs nothing: whether tests catch wrong code is `certify`'s matter, whether cells run is the book's. How long they ran is
kept by the book's last build.
"""

from __future__ import annotations

from collections.abc import Iterator

from autograder.course import Course
from autograder.lint.assignment import lint_assignment
from autograder.lint.chapter import lint_chapter
from autograder.lint.findings import Finding
from autograder.lint.page import PageError, read_page
from autograder.lint.running import lint_running

__all__ = ["Finding", "lint"]


def lint(course: Course, stem: str) -> Iterator[Finding]:
    """All findings on one topic: its chapter, then its assignment."""
    unreadable = []
    for path in (course.chapter(stem), course.master(stem)):
        try:
            read_page(path)
        except PageError as error:
            unreadable.append(Finding(path, error.line, str(error), "mend it: a key, a colon, a value; brackets and quotes in pairs"))
    yield from unreadable
    if not unreadable:
        yield from lint_chapter(course, stem)
        yield from lint_running(course, stem)
        yield from lint_assignment(course, stem)
