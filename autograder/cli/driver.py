"""Where grading runs: options that `grade` and `verify` share, and the driver that they choose."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from autograder.cli.app import STOPPED, console
from autograder.course import CourseError


@dataclass(frozen=True)
class Where:
    """This process (the default), a local cluster of `workers`, or the workers of a scheduler."""

    scheduler: str | None = None
    workers: int | None = None
    tls: tuple[Path | None, Path | None, Path | None] = (None, None, None)

    def driver(self) -> AbstractContextManager[Any]:
        """What grades. Entering it starts it."""
        authority, certificate, key = self.tls
        if self.scheduler is None and self.workers is None:
            from autograder.engine import Engine

            return Engine()
        from autograder.cluster import Certificates, cluster_at, local_cluster

        if self.scheduler is None:
            assert self.workers is not None
            return _left_at_once(local_cluster(self.workers))
        if authority and certificate and key:
            return _left_at_once(cluster_at(self.scheduler, Certificates(authority, certificate, key)))
        if any(self.tls):
            raise CourseError("--tls-ca, --tls-cert and --tls-key go together; give all three")
        return _left_at_once(cluster_at(self.scheduler))


@contextmanager
def _left_at_once(driver: AbstractContextManager[Any]) -> Iterator[Any]:
    """While a cluster grades, Ctrl-C ends this process on the spot: to part from its workers in order can take minutes, and nothing
    is lost by it, as a run may be killed at any moment. A local cluster's workers end when they see that this process is gone."""

    def leave(_signal: int, _frame: Any) -> None:
        console.show_cursor(True)
        console.print(STOPPED)
        os._exit(130)

    before = signal.signal(signal.SIGINT, leave)
    try:
        with driver as running:
            yield running
    finally:
        signal.signal(signal.SIGINT, before)


def where_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; the function gets them as `where`."""

    @wraps(function)
    def run(*args: Any, scheduler: str | None, workers: int | None, **options: Any) -> Any:
        if scheduler and workers:
            raise click.UsageError("--scheduler and --workers exclude each other: a scheduler has its own workers")
        tls = (options.pop("tls_ca"), options.pop("tls_cert"), options.pop("tls_key"))
        return function(*args, where=Where(scheduler, workers, tls), **options)

    file = click.Path(path_type=Path)
    for option in (
        click.option("--tls-key", type=file, metavar="FILE", help="The key of that certificate."),
        click.option("--tls-cert", type=file, metavar="FILE", help="This machine's certificate."),
        click.option("--tls-ca", type=file, metavar="FILE", help="With a scheduler on another machine: the authority's certificate."),
        click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Grade on N local Dask workers."),
        click.option("--scheduler", metavar="ADDRESS", help="Grade on the workers of this Dask scheduler."),
    ):
        run = option(run)
    return run
