"""Sphinx extension: chapters are executed side by side in warm kernels while Sphinx reads the other pages.

What it executes goes into the cache that MyST-NB looks into, so MyST-NB finds every chapter done. `COURSE_EXECUTION=plain`
leaves execution to MyST-NB: one chapter after another, each in a kernel of its own.
"""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.read import create_nb_reader
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

from autograder.executed import cache_of, imported_modules, note_executed
from autograder.execution import WarmKernels
from autograder.warm_server import possible


@dataclass
class Chapter:
    """A chapter whose code has changed since it was last executed."""

    path: Path
    notebook: NotebookNode
    read_format: dict[str, Any]
    done: Future[float] = field(default_factory=Future)

    @property
    def code(self) -> list[str]:
        return [cell.source for cell in self.notebook.cells if cell.cell_type == "code"]

    @property
    def length(self) -> int:
        return sum(map(len, self.code))


class Execution:
    """What one build executes."""

    def __init__(self) -> None:
        self.chapters: dict[str, Chapter] = {}
        self.kernels: WarmKernels | None = None

    def start(self, app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
        """Begin to execute the chapters that need it; let Sphinx read all other pages first."""
        if env.mystnb_config.execution_mode != "cache" or not possible():
            return
        found = {docname: chapter for docname in docnames if (chapter := _to_execute(env, docname)) is not None}
        if not found:
            return
        # The longest first, so that none is left alone at the end.
        self.chapters = dict(sorted(found.items(), key=lambda item: item[1].length, reverse=True))
        docnames[:] = [*(docname for docname in docnames if docname not in found), *self.chapters]
        self.kernels = WarmKernels(imported_modules(cell for chapter in found.values() for cell in chapter.code))
        for chapter in self.chapters.values():
            chapter.done = self.kernels.submit(chapter.notebook, chapter.path.parent, env.mystnb_config.execution_timeout)

    def wait(self, app: Sphinx, docname: str, source: list[str]) -> None:
        """Before a chapter is read, see that its outputs are in the cache."""
        chapter = self.chapters.pop(docname, None)
        if chapter is None:
            return
        try:
            seconds = chapter.done.result()
        except Exception as error:
            said = " ".join(str(error).split())[:500]  # in one line, as `autograder.book` shows lines; the log has all of it
            raise ExtensionError(f"ERROR: {chapter.path}: executing it failed: {said}") from error
        cache = get_cache(app.env.mystnb_config.execution_cache_path)
        record = cache.add_nb_to_project(str(chapter.path), read_data=chapter.read_format)
        bundle = CacheBundleIn(chapter.notebook, record.uri, data={"execution_seconds": seconds})
        cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
        note_executed(Path(app.env.mystnb_config.execution_cache_path), chapter.path.read_text())
        if not self.chapters and self.kernels is not None:
            self.kernels.release()

    def stop(self, app: Sphinx, exception: Exception | None) -> None:
        if self.kernels is not None:
            self.kernels.__exit__()
            self.kernels = None


def setup(app: Sphinx) -> dict[str, Any]:
    run = Execution()
    app.connect("config-inited", share_cache)
    app.connect("env-before-read-docs", run.start)
    app.connect("source-read", run.wait)
    app.connect("build-finished", run.stop)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}


def share_cache(app: Sphinx, config: Config) -> None:
    """Keep executed chapters where the next build looks for them."""
    config.nb_execution_cache_path = str(cache_of(Path(app.srcdir)))


def _to_execute(env: BuildEnvironment, docname: str) -> Chapter | None:
    """The page as a notebook, if it is one that MyST-NB would execute now."""
    path, config = Path(env.doc2path(docname)), env.mystnb_config
    if any(PurePosixPath(path).match(pattern) for pattern in config.execution_excludepatterns):
        return None
    text = path.read_text()
    reader = create_nb_reader(str(path), env.myst_config, config, text)
    if reader is None or reader.read_fmt is None:
        return None
    notebook = reader.read(text)
    with suppress(KeyError):
        get_cache(config.execution_cache_path).match_cache_notebook(notebook)
        note_executed(Path(config.execution_cache_path), text)
        return None
    return Chapter(path, notebook, reader.read_fmt)
