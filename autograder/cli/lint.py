"""`autograder lint`: the anatomy of chapters and assignments."""

from __future__ import annotations

import sys

from autograder.cli.app import console, stems_argument, verb
from autograder.course import Course


@verb("lint")
@stems_argument
def lint_verb(course: Course, stems: tuple[str, ...]) -> None:
    """Check that chapters and assignments have everything they must have.

    Each finding names the file, the line and what mends it. Nothing is executed: how long a chapter takes is known once
    `autograder preview` has run it. Without a STEM, all topics.
    """
    from autograder.lint import lint

    total = 0
    for stem in course.select(stems):
        findings = list(lint(course, stem))
        wrong = sum(finding.kind != "note" for finding in findings)
        for finding in findings:
            console.print(finding.show(course.root), markup=False, soft_wrap=True, highlight=False)
        if not wrong:
            console.print(f"[bold]{stem}[/bold]  [green]nothing to mend[/green]")
        total += wrong
    sys.exit(total > 0)
