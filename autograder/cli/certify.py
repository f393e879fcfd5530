"""`autograder certify`: prove the hidden tests."""

from __future__ import annotations

import os
import sys
import time

import click

from autograder.cli.app import console, stems_argument, verb, waiting
from autograder.course import Course

BUDGET = 60  # milliseconds a mutant


@verb("certify")
@stems_argument
@click.option("--seeds", default=50, show_default=True, help="How many seeds the reference runs with.")
@click.option("--variant-seeds", default=20, show_default=True, help="How many seeds each variant runs with.")
@click.option("--all", "everything", is_flag=True, help="Run what has not changed too, as on CI.")
@click.option("--margins", is_flag=True, help="Show the margin of every numeric check.")
@click.option("--write", is_flag=True, help="Write the figures that the book shows.")
def certify_verb(
    course: Course, stems: tuple[str, ...], seeds: int, variant_seeds: int, everything: bool, margins: bool, write: bool
) -> None:
    """Prove that the tests catch wrong code and pass right code.

    Blank scores 0, the reference 100 %; wrong solutions fail at the cell they name and only there; variants pass; generated mutants
    fail or are listed as equivalent. An assignment that has not changed since it was certified is not run again.
    """
    from autograder.certificate import write_measured
    from autograder.certify import certify_all

    chosen, started, certificates, fresh = course.select(stems), time.perf_counter(), [], []
    results = certify_all(course, chosen, seeds, variant_seeds, everything=everything or os.environ.get("CI") == "true")
    for _ in chosen:
        with waiting("certifying"):
            certificate, known = next(results)
        certificates.append(certificate)
        fresh += [] if known else [certificate]
        _show(certificate, known, margins)
    mutants = sum(certificate.total("mutants") for certificate in fresh)
    if mutants:
        each = 1000 * sum(certificate.mutant_seconds for certificate in fresh) / mutants
        work = sum(certificate.seconds for certificate in fresh)
        console.print(
            f"{mutants} mutants, {each:.0f} ms of processor time each ({each / BUDGET:.2f} of the budget of {BUDGET} ms); "
            f"all in all {work:.0f} s of work in {time.perf_counter() - started:.0f} s",
            soft_wrap=True,
        )
    failed = any(certificate.findings for certificate in certificates)
    if write and not failed:
        console.print(f"wrote {write_measured(course, certificates).relative_to(course.root)}")
    sys.exit(failed)


def _show(certificate: object, known: bool, margins: bool) -> None:
    from autograder.certificate import Certificate

    assert isinstance(certificate, Certificate)
    verdict = "[red]not certified[/red]" if certificate.findings else "[green]certified[/green]"
    again = " (unchanged, not run again)" if known else f", {certificate.runs} runs in {certificate.seconds:.1f} s of work"
    total = certificate.total
    console.print(
        f"[bold]{certificate.stem}[/bold]  {verdict}: {len(certificate.tasks)} tasks, {total('wrongs')} wrong solutions, "
        f"{total('variants')} variants, {total('mutants')} mutants: {total('killed')} killed ({total('timed_out')} by time-out), "
        f"{total('equivalents')} equivalent{again}",
        soft_wrap=True,
    )
    for finding in certificate.findings:
        console.print(f"  {finding}", markup=False, soft_wrap=True)
    for name, (right, wrong) in sorted(certificate.checks.items()) if margins else ():
        console.print(f"  {name}: right {right or 0:.2g}, wrong {wrong or float('nan'):.2g} tolerances", markup=False, soft_wrap=True)
