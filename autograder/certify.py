"""`autograder certify`: prove that an assignment's tests catch wrong code and pass right code."""

from __future__ import annotations

import os
import pickle
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from autograder.catalogue import Alternative, read_alternatives, replace_definition
from autograder.checks import SEED_VARIABLE
from autograder.course import Course
from autograder.master import Assignment, read_master
from autograder.release import released

MINIMUM_WRONG = 4
SEEDS = 20
SECONDS = 120


@dataclass
class Certificate:
    """What was run on one assignment, and every finding that must be mended."""

    stem: str
    runs: int = 0
    wrong: int = 0
    variants: int = 0
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)
    caught: dict[str, dict[str, str]] = field(default_factory=dict)


def certify_all(course: Course, stems: list[str], seeds: int = SEEDS) -> Iterator[Certificate]:
    """Certify several assignments, one on each core, in their order."""
    with ProcessPoolExecutor(min(len(stems), os.cpu_count() or 1)) as pool:
        yield from pool.map(certify, [course] * len(stems), stems, [seeds] * len(stems))


def certify(course: Course, stem: str, seeds: int = SEEDS) -> Certificate:
    """Run blank, reference, wrong solutions and variants of one assignment through its tests."""
    _warm()
    assignment = read_master(course.master(stem))
    wrongs = read_alternatives(course.wrong(stem), "wrong")
    variants = read_alternatives(course.variants(stem), "variant")
    certificate = Certificate(stem, wrong=len(wrongs), variants=len(variants))
    started = time.perf_counter()
    chapter = course.chapter(stem)
    for finding in [
        *_blank(assignment, certificate),
        *_reference(assignment, certificate, seeds),
        *_wrongs(assignment, wrongs, certificate, chapter.read_text() if chapter.exists() else ""),
        *_variants(assignment, variants, certificate, seeds),
    ]:
        certificate.findings.append(finding)
    certificate.seconds = time.perf_counter() - started
    return certificate


def _warm() -> None:
    """Import what the notebooks import once, in the parent, so that each forked run finds it loaded."""
    import matplotlib
    import scipy.optimize
    import scipy.special
    import scipy.stats  # noqa: F401
    import sklearn.datasets  # noqa: F401
    import torch
    import torch.optim

    matplotlib.use("Agg")
    torch.set_num_threads(1)
    torch.optim.SGD([torch.zeros(1, requires_grad=True)]).step()  # the first step imports a second's worth of modules


def _blank(assignment: Assignment, certificate: Certificate) -> Iterator[str]:
    blank = {c.id: c.source for c in released(assignment).cells if c.metadata.get("nbgrader", {}).get("solution")}
    for test_id, message in run(assignment, blank, 0, certificate).items():
        if message is None:
            yield f"{assignment.path}: {test_id} passes on the blank notebook; test what the stub can't give"


def _reference(assignment: Assignment, certificate: Certificate, seeds: int) -> Iterator[str]:
    for seed in range(seeds):
        for test_id, message in run(assignment, {}, seed, certificate).items():
            if message is not None:
                yield f"{assignment.path}: {test_id} fails on the reference with seed {seed}: {message}"


def _wrongs(assignment: Assignment, wrongs: list[Alternative], certificate: Certificate, chapter: str) -> Iterator[str]:
    counts = dict.fromkeys((t.name for t in assignment.tasks), 0)
    for wrong in wrongs:
        task = assignment.task_defining(wrong.target)
        counts[task.name] += 1
        where = f"{wrong.path}:{wrong.line}: {wrong.name}"
        source = replace_definition(assignment.source(task.solution_id), wrong)
        verdicts = run(assignment, {task.solution_id: source}, 0, certificate)
        failed = {test_id: message for test_id, message in verdicts.items() if message is not None}
        certificate.caught[wrong.name] = failed
        if wrong.caught_by not in failed:
            yield f"{where} is not caught by {wrong.caught_by}; add a check that exposes it"
        for test_id in failed.keys() - {wrong.caught_by, *wrong.also}:
            yield f"{where} sinks {test_id} too ({failed[test_id]}); make that test independent, or list it in also=()"
        if f"({wrong.section})=" not in chapter:
            yield f"{where}: the chapter has no label ({wrong.section})=; name the section that mends the misconception"
    for name, count in counts.items():
        if count < MINIMUM_WRONG:
            yield f"{assignment.path.parent / 'wrong.py'}: task {name} has {count} wrong solutions; write at least {MINIMUM_WRONG}"


def _variants(assignment: Assignment, variants: list[Alternative], certificate: Certificate, seeds: int) -> Iterator[str]:
    for variant in variants:
        task = assignment.task_defining(variant.target)
        source = replace_definition(assignment.source(task.solution_id), variant)
        for seed in range(seeds):
            verdict = run(assignment, {task.solution_id: source}, seed, certificate, only=task.test_id)
            for test_id, message in verdict.items():
                if message is not None:
                    yield f"{variant.path}:{variant.line}: {variant.name} fails {test_id} with seed {seed}: {message}"


def run(
    assignment: Assignment, sources: dict[str, str], seed: int, certificate: Certificate, only: str | None = None
) -> dict[str, str | None]:
    """Each test cell's failure, or None where it passes, with the given solution cells in place of the reference's.

    `only` runs one test cell alone: a test calls its own task only, so the others would say what they say on the reference.
    """
    certificate.runs += 1
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.environ[SEED_VARIABLE] = str(seed)
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(_execute(assignment, sources, only), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    if not data:
        return {task.test_id: "the process died" for task in assignment.tasks}
    return dict(pickle.loads(data))


def _execute(assignment: Assignment, sources: dict[str, str], only: str | None) -> dict[str, str | None]:
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - lives as long as the child
    namespace: dict[str, object] = {"__name__": "__main__"}
    verdicts: dict[str, str | None] = {}
    for cell in assignment.notebook.cells:
        test = cell.metadata.get("nbgrader", {}).get("grade", False)
        if cell.cell_type != "code" or (test and only not in (None, cell.id)):
            continue
        try:
            exec(compile(sources.get(cell.id, cell.source), f"<{cell.id}>", "exec"), namespace)
            failure = None
        except Exception as error:
            line = next((f.lineno for f in reversed(traceback.extract_tb(error.__traceback__)) if f.filename == f"<{cell.id}>"), 0)
            failure = f"{type(error).__name__}: {error} (line {line} of the cell)"
        if test:
            verdicts[cell.id] = failure
    return verdicts
