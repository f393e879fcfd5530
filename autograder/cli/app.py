"""What all verbs of the `autograder` command share: the group they belong to, errors in one line, progress bars."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial, wraps
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from autograder.catalogue import CatalogueError
from autograder.course import Course, CourseError
from autograder.engine.host import InfrastructureError
from autograder.engine.sandbox import SandboxTooWeak
from autograder.master import MasterError

console = Console()
STOPPED = "Stopped; what was finished is kept. The same command goes on from there."


class Verb(click.Command):
    """A verb whose known errors are one clear line, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (CourseError, MasterError, CatalogueError, SandboxTooWeak, InfrastructureError) as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            console.print(STOPPED)
            ctx.exit(130)


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


def verb(name: str, *, anywhere: bool = False) -> Callable[[Callable[..., Any]], click.Command]:
    """Register a function as a verb; it gets the course as its first argument.

    One that can be run `anywhere` takes the checkout that it is installed from when it is run outside of any.
    """

    def register(function: Callable[..., Any]) -> click.Command:
        @wraps(function)
        def run(**options: Any) -> Any:
            return function(Course.find(own=anywhere), **options)

        return main.command(name, cls=Verb)(run)

    return register


stems_argument = click.argument("stems", nargs=-1, metavar="[STEM]...")


def grade_all(
    course: Course,
    stems: list[str],
    driver: Callable[[], AbstractContextManager[Any]],
    *,
    student: str | None = None,
    again: bool = False,
    seed: int = 0,
) -> tuple[int, int]:
    """Grade under a progress bar; how many were graded now, and how many there are."""
    from autograder.kept import anything_new

    fresh = total = 0
    with ExitStack() as stack, progress_bar() as bar:
        progress = bar_updater(bar, "grading")
        if again or anything_new(course, stems, student, seed):  # it starts while what grading needs besides is loaded
            running = stack.enter_context(driver())
            driver = partial(nullcontext, running)
        from autograder.grade import grade_class

        for line in grade_class(course, driver, stems, student=student, again=again, seed=seed, progress=progress):
            fresh, total = fresh + line.fresh, total + 1
    return fresh, total


def bar_updater(bar: Progress, what: str) -> Callable[[int, int], None]:
    """A task of a progress bar, as the function that moves it on."""
    task = bar.add_task(what, total=None)
    return lambda done, total: bar.update(task, completed=done, total=total)


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
