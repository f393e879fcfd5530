"""`autograder attacks`: try to cheat the grading engine, and nbgrader's own executor for comparison."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.table import Table

from autograder.cli.app import bar_updater, console, progress_bar, verb
from autograder.course import Course, CourseError


@verb("attacks")
@click.option("--nbgrader", is_flag=True, help="Try each on nbgrader's own executor too, behind walls: is the attack real?")
@click.option("--fuzz", "cases", type=click.IntRange(min=1), metavar="N", help="Instead: grade N damaged notebooks.")
@click.option("--family", metavar="WORD", help="Only the attacks of families whose name holds this word; nothing is written.")
def attacks_verb(course: Course, nbgrader: bool, cases: int | None, family: str | None) -> None:
    """Grade every notebook of the attack corpus; fails if one earns, shows or harms anything.

    With --nbgrader (ten minutes) and with --fuzz the figures go to book/start_here/_measured/, where "How grading works" reads them.
    """
    if cases is not None:
        _fuzz(course, cases)
        return
    from autograder.attacks import corpus
    from autograder.attacks.measure import measured

    chosen = [attack for attack in corpus() if family is None or family.lower() in attack.family.lower()]
    if not chosen:
        raise CourseError(f"no family of attacks has {family!r} in its name; choose from: {', '.join(_names())}")
    with progress_bar() as bar:
        move, done = bar_updater(bar, "attacking"), iter(range(1, 3 * len(chosen)))
        total = len(chosen) + (sum(not attack.harms for attack in chosen) if nbgrader else 0)
        figures = measured(course, chosen, nbgrader=nbgrader, tried=lambda name: move(next(done), total))
    if nbgrader and family is None:
        _write(course, "attacks", figures)
    _show(figures, nbgrader)
    if any(row["broken"] for row in figures["attacks"]):
        raise SystemExit(1)


def _fuzz(course: Course, cases: int) -> None:
    from autograder.attacks.fuzz import fuzz

    with progress_bar() as bar:
        result = fuzz(cases, bar_updater(bar, "grading damaged notebooks"))
    _write(course, "fuzz", result.plain())
    console.print(f"{result.cases} damaged notebooks ({dict(result.outcomes)}), {len(result.failures)} failures")
    for failure in result.failures:
        console.print(failure, markup=False)
    if result.failures:
        raise SystemExit(1)


def _write(course: Course, name: str, figures: dict[str, Any]) -> None:
    from autograder.bench.speed import machine
    from autograder.release import write_if_changed

    path = course.measured(name)
    write_if_changed(path, json.dumps({"machine": machine(), **figures}, indent=1) + "\n")
    console.print(f"written: {path}", soft_wrap=True)


def _names() -> list[str]:
    from autograder.attacks.measure import families

    return list(families())


def _show(figures: dict[str, Any], nbgrader: bool) -> None:
    from autograder.attacks.measure import totals

    table = Table(title=f"Attacks, sandbox: {figures['level']}", title_justify="left")
    shown = [1, 2, 3, 4] if nbgrader else [1, 3]
    table.add_column("family")
    for position in shown:
        table.add_column(("", "attacks", "fooled nbgrader", "fooled ours", "not tried on nbgrader")[position], justify="right")
    rows = totals(figures["attacks"])
    for row in [*rows, ("all", *(sum(column) for column in list(zip(*rows, strict=True))[1:]))]:
        table.add_row(str(row[0]), *(str(row[position]) for position in shown))
    console.print(table)
    for row in figures["attacks"]:
        for broken in row["broken"]:
            console.print(f"{row['family']}: {row['name']}: {broken}", markup=False)
