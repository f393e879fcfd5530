"""`autograder verify`: are the grades what grading gives?"""

from __future__ import annotations

import sys
from collections import Counter

import click
from rich.markup import escape

from autograder.cli.app import bar_updater, console, progress_bar, stems_argument, verb
from autograder.cli.driver import Where, where_options
from autograder.course import Course

SIGNS = {
    "different": "[red]different[/red]",
    "changed": "[yellow]changed[/yellow]",
    "failed": "[yellow]grader failed[/yellow]",
    "ungraded": "[yellow]not graded[/yellow]",
}

REST = {"ungraded": "not graded yet", "failed": "failed"}


@verb("verify")
@stems_argument
@click.option("--student", help="Verify this student's grades only.")
@where_options
def verify_verb(course: Course, stems: tuple[str, ...], student: str | None, where: Where) -> None:
    """Grade again, from the record kept with each grade, and report any difference.

    A grade whose submission or master has changed since is named, not graded again. Nothing is written. Fails if a grade is different,
    or its autograded notebook, or if the gradebook holds one that no record explains.
    """
    from autograder.verify import verify_class

    counts: Counter[str] = Counter()
    with progress_bar() as bar:
        for line in verify_class(course, where.driver, course.select(stems), student=student, progress=bar_updater(bar, "verifying")):
            counts[line.verdict] += 1
            if line.verdict != "same" or line.remarks:
                remarks = "; ".join(line.remarks)
                console.print(f"{escape(line.student)}, {line.stem}: {SIGNS.get(line.verdict, 'same')}: {escape(remarks)}", soft_wrap=True)
    more = "".join(f", {counts[verdict]} {said}" for verdict, said in REST.items() if counts[verdict])
    console.print(f"{counts['same']} grades verified, {counts['different']} different, {counts['changed']} changed since{more}.")
    sys.exit(1 if counts["different"] or counts["failed"] else 0)
