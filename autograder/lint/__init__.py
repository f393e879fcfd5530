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
from autograder.lint.running import lint_running

__all__ = ["Finding", "lint"]


def lint(course: Course, stem: str) -> Iterator[Finding]:
    """All findings on one topic: its chapter, then its assignment."""
    yield from lint_chapter(course, stem)
    yield from lint_running(course, stem)
    yield from lint_assignment(course, stem)
