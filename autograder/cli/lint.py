"""`autograder lint`: the anatomy of chapters and assignments."""

from __future__ import annotations

import sys

from autograder.cli.app import console, stems_argument, verb
from autograder.course import Course


@verb("lint")
@stems_argument
def lint_verb(course: Course, stems: tuple[str, ...]) -> None:
    """Check that chapters and assignments have everything they must have.

    Each finding names the file, the line and what mends it. Nothing is executed. Without a STEM, all topics.
    """
    from autograder.lint import lint

    total = 0
    for stem in course.select(stems):
        findings = list(lint(course, stem))
        total += len(findings)
        for finding in findings:
            console.print(finding.show(course.root), markup=False, soft_wrap=True, highlight=False)
        if not findings:
            console.print(f"[bold]{stem}[/bold]  [green]nothing to mend[/green]")
    sys.exit(total > 0)
