"""Sphinx extension: as many processes as there are cores write the pages, and do what else can be done piece by piece."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from autograder.warm_server import cores, possible

Item = TypeVar("Item")
Result = TypeVar("Result")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("env-updated", write_in_parallel)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def processes() -> int:
    """How many may work at once."""
    return cores() if possible() else 1


def write_in_parallel(app: Sphinx, env: BuildEnvironment) -> None:
    """Now, as pages are read by one process: that one waits for the chapters' outputs. Small batches, so that all end together."""
    if processes() > 1:
        app.parallel = 2 * processes() + 1


def side_by_side(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """What `function` gives for each item, in their order; the function and its results must be picklable."""
    work = list(items)
    if processes() == 1 or len(work) < 2:
        return [function(item) for item in work]
    with ProcessPoolExecutor(processes(), mp_context=multiprocessing.get_context("fork")) as pool:
        return list(pool.map(function, work))
