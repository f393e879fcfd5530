"""The `autograder` command: one verb, one module."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from autograder.catalogue import CatalogueError
from autograder.course import Course, CourseError
from autograder.engine.sandbox import SandboxTooWeak
from autograder.master import MasterError

console = Console()


class Verb(click.Command):
    """A verb whose known errors are one clear line, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (CourseError, MasterError, CatalogueError, SandboxTooWeak) as error:
            raise click.ClickException(str(error)) from error


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ml-researcher-foundations")
def main() -> None:
    """Build, check, grade and prove the assignments of ML Researcher Foundations.

    \b
    Learners:     autograder check exercises/attention/attention.ipynb
    Instructors:  autograder grade, autograder feedback, autograder report
    Authors:      autograder release, autograder certify, autograder preview

    Run it inside a checkout of the course.
    """


def verb(name: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Register a function as a verb; it gets the course as its first argument."""

    def register(function: Callable[..., Any]) -> click.Command:
        @wraps(function)
        def run(**options: Any) -> Any:
            return function(Course.find(), **options)

        return main.command(name, cls=Verb)(run)

    return register


stems_argument = click.argument("stems", nargs=-1, metavar="[STEM]...")


@verb("release")
@stems_argument
def release_verb(course: Course, stems: tuple[str, ...]) -> None:
    """Build the notebooks learners open (exercises/) from the masters (solutions/).

    Only files whose content changes are written. Without a STEM, all assignments.
    """
    from autograder.release import release

    for stem in course.select(stems):
        changed = release(course, stem)
        state = "unchanged" if not changed else ", ".join(str(p.relative_to(course.root)) for p in changed)
        console.print(f"[bold]{stem}[/bold]  {state}")


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


@verb("check")
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


@verb("grade")
@stems_argument
@click.option("--student", help="Grade this student's submissions only.")
@click.option("--again", is_flag=True, help="Grade also what has not changed since it was last graded.")
@click.option("--seed", default=0, show_default=True, help="Seed of the hidden tests' data.")
def grade_verb(course: Course, stems: tuple[str, ...], student: str | None, again: bool, seed: int) -> None:
    """Grade what was handed in (submitted/<student>/<STEM>/) and write nbgrader's gradebook.

    Only new or changed submissions are graded. It can be stopped at any moment and run again.
    """
    from autograder.report import rows
    from autograder.show import show_rows

    chosen = course.select(stems)
    done, total = grade_all(course, chosen, student=student, again=again, seed=seed)
    show_rows(console, [row for row in rows(course, chosen) if student in (None, row.student)])
    console.print(f"{done} graded, {total - done} unchanged.")


@verb("feedback")
@stems_argument
@click.option("--student", help="This student's pages only.")
@click.option("--again", is_flag=True, help="Write also the pages that are up to date.")
def feedback_verb(course: Course, stems: tuple[str, ...], student: str | None, again: bool) -> None:
    """Write a feedback page for every graded submission (feedback/<student>/<STEM>/)."""
    written = write_feedback(course, course.select(stems), student=student, again=again)
    console.print(f"{written} feedback pages written, under {course.root / 'feedback'}")


@verb("report")
@stems_argument
def report_verb(course: Course, stems: tuple[str, ...]) -> None:
    """Print the grades, and write them as CSV and as a page with plots (reports/)."""
    from autograder.report import rows, write_report
    from autograder.show import show_rows

    chosen = course.select(stems)
    show_rows(console, rows(course, chosen))
    for path in write_report(course, chosen):
        console.print(str(path), soft_wrap=True)


@verb("preview")
@click.argument("stem")
def preview_verb(course: Course, stem: str) -> None:
    """Execute and build the page of one chapter and its assignment, in seconds."""
    from autograder.book import preview

    with waiting(f"building {stem}"):
        page = preview(course, stem)
    console.print(f"open {page}", soft_wrap=True)


@verb("sample")
@click.option("--remove", is_flag=True, help="Take the sample class away again.")
def sample_verb(course: Course, remove: bool) -> None:
    """Write the sample class's submissions, unless a real class is there."""
    from autograder.sample import PREFIX, remove_sample_class, sample_class

    if remove:
        console.print(f"{remove_sample_class(course)} folders of students {PREFIX}* removed")
    else:
        console.print(f"{len(sample_class(course))} submissions written")


@verb("build")
@click.option("--force", is_flag=True, help="Build the book even if nothing has changed.")
def build_verb(course: Course, force: bool) -> None:
    """The whole course: exercises, book, gradebook, and a graded sample class.

    Run again, it does only what has changed.
    """
    from autograder.book import build_book
    from autograder.release import release
    from autograder.report import rows, write_report
    from autograder.sample import sample_class
    from autograder.show import show_rows

    times: dict[str, float] = {}
    with timed(times, "exercises"):
        for stem in course.stems:
            release(course, stem)
    with timed(times, "book"), waiting("executing the chapters and building the book"):
        built = build_book(course, force=force)
    with timed(times, "sample class"):
        sample_class(course)
    with timed(times, "grading"):
        grade_all(course, course.stems)
    with timed(times, "feedback"):
        write_feedback(course, course.stems)
    with timed(times, "report"):
        write_report(course, course.stems)
    show_rows(console, rows(course, course.stems))
    console.print("  ".join(f"{name} {seconds:.1f} s" for name, seconds in times.items()))
    console.print(f"\nThe book{'' if built else ' (unchanged)'}: {course.site / 'index.html'}", soft_wrap=True)
    console.print(f"The class report: {course.reports / 'index.html'}", soft_wrap=True)
    console.print(f"JupyterLab: {Path(sys.executable).parent / 'jupyter'} lab {course.root}", soft_wrap=True)


def grade_all(course: Course, stems: list[str], *, student: str | None = None, again: bool = False, seed: int = 0) -> tuple[int, int]:
    """Grade under a progress bar; how many were graded now, and how many there are."""
    from autograder.engine import Engine
    from autograder.grade import grade_class

    with progress_bar() as bar:
        task = bar.add_task("grading", total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        lines = list(grade_class(course, Engine, stems, student=student, again=again, seed=seed, progress=advance))
    return sum(line.fresh for line in lines), len(lines)


def write_feedback(course: Course, stems: list[str], *, student: str | None = None, again: bool = False) -> int:
    from autograder.feedback import feedback_pages

    with progress_bar() as bar:
        pages = feedback_pages(course, stems, student=student, again=again)
        return sum(fresh for _, fresh in bar.track(pages, description="feedback"))


def progress_bar() -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, transient=True,
    )


def waiting(what: str) -> Progress:
    """A spinner with the time that has passed."""
    bar = Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True)
    bar.add_task(what, total=None)
    return bar


@contextmanager
def timed(times: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    times[name] = time.perf_counter() - started


if __name__ == "__main__":
    main()
