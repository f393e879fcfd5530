"""`autograder diagnose`: how good the diagnosis of misconceptions is."""

from __future__ import annotations

import sys

import click
from rich.table import Table

from autograder.cli.app import console, stems_argument, verb, waiting
from autograder.course import Course


@verb("diagnose")
@stems_argument
@click.option("--write", is_flag=True, help="Keep the figures for the book's page on how tests are tested.")
def diagnose_verb(course: Course, stems: tuple[str, ...], write: bool) -> None:
    """Measure how often a failed task is told the right misconception.

    On the wrong solutions of the catalogue, on each of them held out of it, on rewritten forms (rewritten.py), and on the variants,
    which are right and must never be accused.
    """
    from autograder.diagnose import diagnose, write_scores
    from autograder.engine import Engine

    table = Table(title="Diagnosis", title_justify="left")
    for head in ("Assignment", "Known, named", "Held out, named", "Rewritten, named", "misnamed", "Right, accused"):
        table.add_column(head, justify="left" if head == "Assignment" else "right", no_wrap=True)
    scores = []
    with Engine() as engine:
        for stem in course.select(stems):
            with waiting(f"diagnosing {stem}"):
                score = diagnose(course, engine, stem)
            scores.append(score)
            for failure in score.failures:
                console.print(f"{stem}: {failure}", markup=False, highlight=False)
    for s in scores:
        table.add_row(
            s.stem, f"{s.known_named}/{s.known}", f"{s.held_out_named}/{s.known}", f"{s.rewritten_named}/{s.rewritten}",
            str(s.rewritten_misnamed), f"{s.right_accused}/{s.right}",
        )
    console.print(table)
    if write:
        console.print(f"written: {write_scores(course, scores).relative_to(course.root)}")
    sys.exit(any(score.right_accused for score in scores))
