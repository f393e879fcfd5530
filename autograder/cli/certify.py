"""`autograder certify`: prove the hidden tests."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from autograder.cli.app import console, stems_argument, verb, waiting
from autograder.course import Course

if TYPE_CHECKING:
    from autograder.certificate import Certificate

BUDGET = 60  # milliseconds a mutant


@verb("certify")
@stems_argument
@click.option("--seeds", default=50, show_default=True, help="How many seeds the reference runs with.")
@click.option("--variant-seeds", default=20, show_default=True, help="How many seeds each variant runs with.")
@click.option("--task", "tasks", multiple=True, metavar="NAME", help="Prove this task alone; may be repeated.")
@click.option("--all", "everything", is_flag=True, help="Run what has not changed too, as on CI.")
@click.option("--margins", is_flag=True, help="Show the margin of every numeric check.")
@click.option("--hints", is_flag=True, help="Show which wrong solution gives each number that a hint mentions.")
@click.option("--write", is_flag=True, help="Write the figures that the book shows.")
def certify_verb(course: Course, stems: tuple[str, ...], write: bool, tasks: tuple[str, ...], **options: Any) -> None:
    """Prove that the tests catch wrong code and pass right code.

    Blank scores 0, the reference 100 %; wrong solutions fail at the cell they name and only there; variants pass; generated mutants
    fail or are listed as equivalent; each number of a hint is what a wrong solution gives. An assignment that has not changed since
    it was certified is not run again.
    """
    from autograder.certificate import write_measured

    if tasks and (len(stems) != 1 or write):
        raise click.UsageError("--task proves tasks of one assignment: autograder certify STEM --task NAME, without --write")
    certificates = _certified(course, course.select(stems), tasks, **options)
    failed = any(certificate.findings for certificate in certificates)
    if write and not failed:
        console.print(f"wrote {write_measured(course, certificates).relative_to(course.root)}")
    sys.exit(failed)


def _certified(
    course: Course, stems: list[str], tasks: tuple[str, ...], seeds: int, variant_seeds: int, everything: bool, margins: bool, hints: bool
) -> list[Certificate]:
    """Certify and show each result as it comes, then what it cost."""
    from autograder.certify import certify_all

    started, certificates, fresh = time.perf_counter(), [], []
    everything = everything or os.environ.get("CI") == "true"
    results = certify_all(course, stems, seeds, variant_seeds, tasks=tasks, everything=everything)
    for _ in stems:
        with waiting("certifying"):
            certificate, known = next(results)
        certificates.append(certificate)
        fresh += [] if known else [certificate]
        _show(course, certificate, known, tasks)
        _show_details(course, certificate, margins, hints)
    mutants = sum(certificate.total("mutants") for certificate in fresh)
    if mutants:
        each = 1000 * sum(certificate.mutant_seconds for certificate in fresh) / mutants
        work = sum(certificate.seconds for certificate in fresh)
        console.print(
            f"{mutants} mutants, {each:.0f} ms of processor time each ({each / BUDGET:.2f} of the budget of {BUDGET} ms); "
            f"all in all {work:.0f} s of work in {time.perf_counter() - started:.0f} s",
            soft_wrap=True,
        )
    return certificates


def _show(course: Course, certificate: Certificate, known: bool, tasks: tuple[str, ...]) -> None:
    """One line on what was run, then the findings."""
    name = f"{certificate.stem}: {', '.join(tasks)}" if tasks else certificate.stem
    good, bad = ("proved", "not proved") if tasks else ("certified", "not certified")
    verdict = f"[red]{bad}[/red]" if certificate.findings else f"[green]{good}[/green]"
    again = " (unchanged, not run again)" if known else f", {certificate.runs} runs in {certificate.seconds:.1f} s of work"
    total = certificate.total
    console.print(
        f"[bold]{name}[/bold]  {verdict}: {len(certificate.tasks)} tasks, {total('wrongs')} wrong solutions, "
        f"{total('variants')} variants, {total('mutants')} mutants: {total('killed')} killed ({total('timed_out')} by time-out), "
        f"{total('equivalents')} equivalent; {_margin(certificate)}{again}",
        soft_wrap=True,
    )
    for finding in certificate.findings:
        console.print(f"  {finding.replace(f'{course.root}/', '')}", markup=False, highlight=False, soft_wrap=True)


def _margin(certificate: Certificate) -> str:
    """Between the worst error of a right solution and the mildest of a wrong one, over the tasks that have numeric checks."""
    right = max((task.legitimate for task in certificate.tasks), default=0.0)
    wrong = min((task.mildest for task in certificate.tasks if task.mildest is not None), default=None)
    mildest = "no wrong one is measured" if wrong is None else f"the mildest wrong one {wrong:.2g}"
    return f"the worst right solution is off by {right:.2g} tolerances, {mildest}"


def _show_details(course: Course, certificate: Certificate, margins: bool, hints: bool) -> None:
    lines = [
        f"{name}: right {right or 0:.2g}, wrong {'none' if wrong is None else format(wrong, '.2g')} tolerances"
        for name, (right, wrong) in sorted(certificate.checks.items()) if margins
    ]
    for line in lines + (certificate.hints if hints else []):
        console.print(f"  {line.replace(f'{course.root}/', '')}", markup=False, highlight=False, soft_wrap=True)
