"""`autograder certify`: prove that an assignment's tests catch wrong code and pass right code.

What is proved of one assignment, and how, is in `proof`; here it is handed to the cores, and not asked again of what has not changed.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import Any

from autograder.certificate import Certificate, content_hash, remember, remembered
from autograder.course import Course
from autograder.proof import Proof
from autograder.trials import keep_to_one_thread, warm

SEEDS, VARIANT_SEEDS = 50, 20


class Inline(Executor):
    """Runs each job at once in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def certify_all(
    course: Course,
    stems: list[str],
    seeds: int = SEEDS,
    variant_seeds: int = VARIANT_SEEDS,
    *,
    tasks: tuple[str, ...] = (),
    everything: bool = True,
    pool: Executor | None = None,
) -> Iterator[tuple[Certificate, bool]]:
    """Certify assignments on all cores, or with `pool`; yields each certificate in order, and whether it is an earlier run's.

    Unless `everything`, an assignment whose content has not changed since it was certified is not run again. With `tasks`, only
    these are proved, whatever has changed, and nothing is remembered.

    Raises:
        CourseError: an assignment has no task of such a name.
    """
    proofs = {stem: Proof(course, stem, seeds, variant_seeds, tasks) for stem in stems}
    hashes = {stem: content_hash(course, stem, proof.cells.imports(), seeds, variant_seeds) for stem, proof in proofs.items()}
    kept = {} if everything or tasks else {stem: found for stem in stems if (found := remembered(course, stem, hashes[stem]))}
    running = {stem: proof for stem, proof in proofs.items() if stem not in kept}
    modules = {name for proof in running.values() for name in proof.cells.imports()}
    keep_to_one_thread()
    with pool or ProcessPoolExecutor(min(os.cpu_count() or 1, 8), multiprocessing.get_context("spawn"), warm, (modules,)) as workers:
        for proof in running.values():
            proof.submit(workers)
        for stem in stems:
            if stem in kept:
                yield kept[stem], True
                continue
            certificate = running[stem].collect()
            if not certificate.findings and not tasks:
                remember(course, certificate, hashes[stem])
            yield certificate, False


def certify(course: Course, stem: str, seeds: int = SEEDS, variant_seeds: int = VARIANT_SEEDS) -> Certificate:
    """Certify one assignment in this process."""
    proof = Proof(course, stem, seeds, variant_seeds)
    proof.submit(Inline())
    return proof.collect()
