"""`autograder check`: a learner's own grade."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from autograder.cli.app import console, verb, waiting
from autograder.course import Course


@verb("check", anywhere=True)
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--seed", default=0, show_default=True, help="Seed of the hidden tests' data.")
def check_verb(course: Course, notebook: Path, seed: int) -> None:
    """Grade your own NOTEBOOK as an instructor would, task by task, with hints.

    The result is added to your progress (.autograder/progress.json).
    """
    from autograder.check import check
    from autograder.engine import Engine
    from autograder.show import show_check

    with waiting(f"grading {notebook.name}"), Engine() as engine:
        grade = check(course, notebook, engine, seed)
    show_check(console, grade)
    sys.exit(0 if grade.gradable and grade.score == grade.max_score else 1)
