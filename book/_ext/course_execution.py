"""Sphinx extension: chapters are executed side by side in warm kernels while Sphinx reads the other pages.

What it executes goes into the cache that MyST-NB looks into, so MyST-NB finds every chapter done. `COURSE_EXECUTION=plain`
leaves execution to MyST-NB: one chapter after another, each in a kernel of its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
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

from autograder import execution

VARIABLE = "COURSE_EXECUTION"
CACHES = 3  # of the last so many states of the helpers


@dataclass
class Chapter:
    """A chapter whose code has changed since it was last executed."""

    path: Path
    notebook: NotebookNode
    read_format: dict[str, Any]
    done: Future[float] = field(default_factory=Future)


class Execution:
    """What one build executes."""

    def __init__(self) -> None:
        self.chapters: dict[str, Chapter] = {}
        self.kernels: execution.WarmKernels | None = None

    def start(self, app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
        """Begin to execute the chapters that need it; let Sphinx read all other pages first."""
        if os.environ.get(VARIABLE) == "plain" or env.mystnb_config.execution_mode != "cache" or not execution.possible():
            return
        found = {docname: _to_execute(env, docname) for docname in docnames}
        self.chapters = {docname: chapter for docname, chapter in found.items() if chapter is not None}
        if not self.chapters:
            return
        docnames.sort(key=lambda docname: docname in self.chapters)
        self.kernels = execution.WarmKernels(execution.imported_modules(c.notebook for c in self.chapters.values()))
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
            raise ExtensionError(f"ERROR: {chapter.path}: executing it failed:\n{error}") from error
        cache = get_cache(app.env.mystnb_config.execution_cache_path)
        record = cache.add_nb_to_project(str(chapter.path), read_data=chapter.read_format)
        bundle = CacheBundleIn(chapter.notebook, record.uri, data={"execution_seconds": seconds})
        cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)

    def stop(self, app: Sphinx, exception: Exception | None) -> None:
        if self.kernels is not None:
            self.kernels.__exit__()
            self.kernels = None


def setup(app: Sphinx) -> dict[str, Any]:
    run = Execution()
    app.connect("config-inited", key_cache_by_helpers)
    app.connect("env-before-read-docs", run.start)
    app.connect("source-read", run.wait)
    app.connect("build-finished", run.stop)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}


def key_cache_by_helpers(app: Sphinx, config: Config) -> None:
    """Keep executed chapters apart by the helpers they ran with, as jupyter-cache looks only at the chapter's own cells.

    The site and all previews share what was executed.
    """
    digest = hashlib.sha256()
    helpers = Path(app.srcdir) / "book"
    for path in sorted([*helpers.glob("*.py"), *helpers.glob("*.mplstyle")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    cache = Path(app.srcdir) / ".autograder" / "executed" / digest.hexdigest()[:12]
    cache.mkdir(parents=True, exist_ok=True)
    cache.touch()
    for old in sorted(cache.parent.iterdir(), key=lambda folder: folder.stat().st_mtime)[:-CACHES]:
        shutil.rmtree(old)
    config.nb_execution_cache_path = str(cache)


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
        return None
    return Chapter(path, notebook, reader.read_fmt)
