"""How long a chapter computes, as the last build of its page measured it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from autograder.course import Course
from autograder.lint.findings import Finding

LONGEST = 15.0  # seconds of processor time


def lint_running(course: Course, stem: str) -> Iterator[Finding]:
    """A finding if the chapter computes too long; a note if it has not been executed as it is now."""
    path = course.chapter(stem)
    seconds = executed_seconds(course, path)
    if seconds is None:
        yield Finding(path, 1, "not executed yet as it is now", f"run `autograder preview {stem}` to see how long it takes", kind="note")
    elif seconds > LONGEST:
        mend = "use less data or fewer steps, or keep the result of what is slow"
        yield Finding(path, 1, f"the chapter computes for {seconds:.0f} s, {LONGEST:.0f} s are meant", mend)


def executed_seconds(course: Course, chapter: Path) -> float | None:
    """The processor time in seconds that the chapter's present code took; None if no build has executed it.

    Builds keep what they execute in a cache for each state of the chapters' helpers; the newest is that of the last build.
    """
    from jupyter_cache import get_cache
    from myst_nb.core.read import read_myst_markdown_notebook

    caches = sorted((course.state / "executed").glob("*/global.db"), key=lambda file: file.parent.stat().st_mtime, reverse=True)
    if not caches:
        return None
    notebook = read_myst_markdown_notebook(chapter.read_text(), path=str(chapter))
    try:
        data = get_cache(str(caches[0].parent)).match_cache_notebook(notebook).data
    except KeyError:
        return None
    return float(data["execution_seconds"]) if "execution_seconds" in data else None
