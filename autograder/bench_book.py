"""`autograder bench-book`: how fast the book builds, beside plain Jupyter Book on the same tree in the same run."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_cache import get_cache

from autograder.book import build_book
from autograder.course import Course, CourseError
from autograder.warm_server import VARIABLE

TREE = ("_config.yml", "_toc.yml", "pyproject.toml", "book", "exercises", "solutions")
EDIT = "\n\n```{code-cell} ipython3\nassert 1 + 1 == 2\n```\n"

Outputs = dict[str, list[object]]


@dataclass
class BookTimes:
    """Seconds of each build, and the chapters whose executed output was not the same in both."""

    plain: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    edited: list[float] = field(default_factory=list)
    different: set[str] = field(default_factory=set)

    @property
    def ratio(self) -> float:
        return statistics.median(self.plain) / statistics.median(self.ours)


def bench_book(course: Course, repeat: int, done: Callable[[str, float], None]) -> BookTimes:
    """Build copies of the tree cold with plain Jupyter Book and with ours, then once more after an edit to one chapter's code."""
    times = BookTimes()
    for _ in range(repeat):
        with copied(course) as tree:
            times.plain.append(_timed("plain Jupyter Book, cold", tree, done, execution="plain"))
            expected = executed(tree)
        with copied(course) as tree:
            times.ours.append(_timed("warm and side by side, cold", tree, done))
            found = executed(tree)
            times.different |= {name for name in expected if expected[name] != found.get(name)}
            chapter = next(c for c in tree.chapters if c.stem in tree.stems)
            chapter.path.write_text(chapter.path.read_text() + EDIT)
            times.edited.append(_timed(f"after an edit to {chapter.stem}", tree, done))
    return times


@contextmanager
def copied(course: Course) -> Iterator[Course]:
    """A copy of what the book is made of, without anything built. It stays if a build in it fails, as the error names its log."""
    folder = Path(tempfile.mkdtemp(prefix="book-"))
    for name in TREE:
        source = course.root / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
        else:
            shutil.copy(source, folder)
    try:
        yield Course(folder)
    except CourseError:
        raise
    except BaseException:
        shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)


def executed(course: Course) -> Outputs:
    """The outputs of every executed chapter. What one cell printed counts as one text, however the kernel cut it into messages."""
    found: Outputs = {}
    for folder in (course.state / "executed").iterdir():
        cache = get_cache(str(folder))
        for record in cache.list_cache_records():
            cells = cache.get_cache_bundle(record.pk).nb.cells
            found[Path(record.uri).stem] = [_merged(cell.outputs) for cell in cells if cell.cell_type == "code"]
    return found


def _merged(outputs: list[dict[str, object]]) -> list[dict[str, object]]:
    merged: list[dict[str, object]] = []
    for output in outputs:
        last = merged[-1] if merged else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            last["text"] = f"{last['text']}{output['text']}"
        else:
            merged.append(dict(output))
    return merged


def _timed(what: str, course: Course, done: Callable[[str, float], None], execution: str = "") -> float:
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = execution
    started = time.perf_counter()
    try:
        build_book(course, force=True)
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before
    seconds = time.perf_counter() - started
    done(what, seconds)
    return seconds
