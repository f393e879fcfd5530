"""What all verbs of the `autograder` command share: the group they belong to, errors in one line, progress bars."""

from __future__ import annotations

import fcntl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial, wraps
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from autograder.course import Course
from autograder.refusals import REFUSALS

console = Console()
MEND = "mend that (make room, or make it yours), then run the command again: what was finished is kept"
SECONDS_BETWEEN_LINES = 5.0
STOPPED = "Stopped; what was finished is kept. The same command goes on from there."


class Verb(click.Command):
    """A verb whose known errors are one clear line, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except REFUSALS as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:  # the disk is full, or somebody else's
            if error.strerror is None:
                raise
            where = error.filename or Path.cwd()
            raise click.ClickException(f"{where}: {error.strerror}; {MEND}") from error
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
) -> Counter[str]:
    """Grade under a progress bar; how many were graded now, are unchanged, are not gradable, and failed, which is told at once."""
    from autograder.kept import anything_new

    counts, failures = Counter[str](), dict[str, list[str]]()
    with alone(course), ExitStack() as stack, progress_bar() as bar:
        progress = bar_updater(bar, "grading")
        if again or anything_new(course, stems, student, seed):  # it starts while what grading needs besides is loaded
            running = stack.enter_context(driver())
            driver = partial(nullcontext, running)
        from autograder.grade import grade_class

        for line in grade_class(course, driver, stems, student=student, again=again, seed=seed, progress=progress):
            if line.failed:
                failures.setdefault(str(line.problem), []).append(f"{line.student}'s {line.stem}")
            counts["failed" if line.failed else "not gradable" if line.grade is None else "graded" if line.fresh else "unchanged"] += 1
    for problem, whose in failures.items():
        more = f" and {len(whose) - 3} more" if len(whose) > 3 else ""
        console.print(f"[red]not graded[/red]: {escape(', '.join(whose[:3]))}{more}: {escape(problem)}", soft_wrap=True)
    return counts


@contextmanager
def alone(course: Course) -> Iterator[None]:
    """Grade a course in one process at a time; the lock goes with the process, however it ends."""
    course.state.mkdir(exist_ok=True)
    with (course.state / "grading.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print("Another command is grading here; this one goes on when that one is done.", soft_wrap=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def bar_updater(bar: Progress, what: str) -> Callable[[int, int], None]:
    """A task of a progress bar, as the function that moves it on; where no bar can be drawn (a log, a pipe), a line now and then."""
    task = bar.add_task(what, total=None)
    told = time.monotonic()

    def move(done: int, total: int) -> None:
        nonlocal told
        bar.update(task, completed=done, total=total)
        if bar.disable and (done == total or time.monotonic() - told > SECONDS_BETWEEN_LINES):
            told = time.monotonic()
            console.print(f"{what}: {done} of {total}")

    return move


def write_feedback(course: Course, stems: list[str], *, student: str | None = None, again: bool = False) -> int:
    from autograder.feedback import feedback_pages

    with progress_bar() as bar:
        pages = feedback_pages(course, stems, student=student, again=again)
        return sum(fresh for _, fresh in bar.track(pages, description="feedback"))


def progress_bar() -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )


def waiting(what: str) -> Progress:
    """A spinner with the time that has passed."""
    bar = Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )
    bar.add_task(what, total=None)
    return bar


@contextmanager
def timed(times: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    times[name] = time.perf_counter() - started
