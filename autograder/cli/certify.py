"""`autograder certify`: prove the hidden tests."""

from __future__ import annotations

import sys

import click

from autograder.cli.app import console, stems_argument, verb, waiting
from autograder.course import Course


@verb("certify")
@stems_argument
@click.option("--seeds", default=20, show_default=True, help="How many seeds the reference and each variant run with.")
def certify_verb(course: Course, stems: tuple[str, ...], seeds: int) -> None:
    """Prove that the tests catch wrong code and pass right code.

    Blank scores 0, the reference 100 %, every wrong solution fails at the cell it names and only there, every variant passes.
    """
    from autograder.certify import certify_all

    chosen, failed = course.select(stems), False
    results = certify_all(course, chosen, seeds)
    for _ in chosen:
        with waiting("certifying"):
            result = next(results)
        stem = result.stem
        verdict = "[red]not certified[/red]" if result.findings else "[green]certified[/green]"
        console.print(
            f"[bold]{stem}[/bold]  {verdict}: {result.wrong} wrong solutions, {result.variants} variants, "
            f"{result.runs} runs in {result.seconds:.1f} s"
        )
        for finding in result.findings:
            console.print(f"  {finding}", markup=False, soft_wrap=True)
        failed |= bool(result.findings)
    sys.exit(failed)
