"""Running solution cells against test cells, each in a fork of a warm process: what `autograder certify` measures with.

A worker has imported what the notebooks import. For a task it forks once and runs the cells before the task's test; from there each
attempt is a fork of its own, so that nothing an attempt does reaches the next. Names, files and results are as in an ordinary kernel.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import gc
import importlib
import os
import pickle
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from autograder import checks
from autograder.catalogue import defined_names
from autograder.checks import SEED_VARIABLE, CheckFailed
from autograder.master import Assignment

T = TypeVar("T")
MEMORY = 1 << 30  # bytes an attempt may take above what the worker holds
PATIENCE = 60.0  # seconds of processor time for what is meant to end
HUGE_PAGE, MADV_COLLAPSE = 2 << 20, 25
WAITING = 60.0  # seconds on the clock that a fork may spend without the processor
DIED, TIME_OUT = "the process died", "time-out"


@dataclass(frozen=True)
class Cells:
    """The code cells of a notebook as (id, source), and which of them are test cells."""

    code: tuple[tuple[str, str], ...]
    tests: frozenset[str]

    @classmethod
    def of(cls, assignment: Assignment) -> Cells:
        code = [cell for cell in assignment.notebook.cells if cell.cell_type == "code"]
        tests = frozenset(cell.id for cell in code if cell.metadata.get("nbgrader", {}).get("grade", False))
        return cls(tuple((cell.id, str(cell.source)) for cell in code), tests)

    def testing(self, tests: set[str]) -> Cells:
        """The same cells without the test cells that are not among `tests`."""
        return Cells(tuple(cell for cell in self.code if cell[0] not in self.tests - tests), self.tests & tests)

    def until(self, test_id: str, start: str | None = None) -> Iterator[tuple[str, str]]:
        """The cells that are no tests, from after `start` (or the first) to before a test cell."""
        passed = start is None
        for identity, source in self.code:
            if identity == test_id:
                return
            if passed and identity not in self.tests:
                yield identity, source
            passed = passed or identity == start

    def tests_reaching(self, solution_id: str) -> set[str]:
        """The test cells that use a name of a solution cell, itself or through other cells."""
        reaching, grown = {solution_id}, True
        names = set(_defined(dict(self.code)[solution_id]))
        while grown:
            found = {identity for identity, source in self.code if identity not in reaching and names & _used(source)}
            names |= {name for identity, source in self.code if identity in found - self.tests for name in _defined(source)}
            reaching, grown = reaching | found, bool(found)
        return reaching & self.tests

    def imports(self) -> set[str]:
        """The modules that any cell imports."""
        nodes = [node for _, source in self.code for node in ast.walk(ast.parse(source))]
        plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        return plain | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}


def _used(source: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}


def _defined(source: str) -> set[str]:
    """The names that a cell binds at its top level."""
    names = set(defined_names(source))
    for node in ast.parse(source).body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return names


@dataclass(frozen=True)
class Failure:
    """Why a test cell did not pass: the message, the line of the cell, and the property if a check failed."""

    message: str
    line: int = 0
    prop: str = ""

    def __str__(self) -> str:
        return f"{self.message} (line {self.line} of the cell)" if self.line else self.message


@dataclass
class Outcome:
    """What an attempt gave: a failure or None for each seed, and the worst ratio of error to tolerance of each numeric check."""

    failures: dict[int, Failure | None] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)

    @property
    def failure(self) -> Failure | None:
        return next((f for f in self.failures.values() if f is not None), None)


@dataclass(frozen=True)
class Attempt:
    """A solution cell to run against its task's test cell with each of some seeds.

    `measure` measures every numeric check; `lenient` passes over one that fails, so that those after it are measured too.
    """

    source: str
    seeds: tuple[int, ...] = (0,)
    measure: bool = False
    lenient: bool = False


def keep_to_one_thread() -> None:
    """Have the processes started from now on compute in one thread.

    It must be said before they import NumPy. BLAS threads of several forks wait for each other in busy loops: on two cores that takes
    three times the processor time, and now and then for ever.
    """
    os.environ["OMP_NUM_THREADS"] = "1"


def warm(modules: set[str]) -> None:
    """Import what the notebooks will, touch what is slow the first time, and make this process cheap to fork."""
    if "matplotlib" in {name.split(".")[0] for name in modules}:
        os.environ["MPLBACKEND"] = "Agg"
    for name in sorted(modules):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(1)  # a second thread would not survive a fork
        weight = torch.ones(2, 2, requires_grad=True)
        optimizer = torch.optim.SGD([weight])
        torch.nn.functional.cross_entropy(torch.nn.Linear(2, 2)(weight), torch.tensor([0, 1])).backward()
        optimizer.step()
    gc.collect()
    gc.freeze()
    _collapse_pages()


def _collapse_pages() -> None:
    """Put this process's memory on huge pages where Linux can: a fork then copies a fraction of the page table, three times as fast."""
    libc = ctypes.CDLL(None)
    with contextlib.suppress(OSError, AttributeError), open("/proc/self/maps") as maps:
        for line in maps.read().splitlines():
            span, mode, _offset, _device, inode, *_name = line.split()
            low, high = (int(bound, 16) for bound in span.split("-"))
            low, high = -(-low // HUGE_PAGE) * HUGE_PAGE, high // HUGE_PAGE * HUGE_PAGE
            if mode.startswith("rw") and inode == "0" and high > low:
                libc.madvise(ctypes.c_void_p(low), ctypes.c_size_t(high - low), MADV_COLLAPSE)


def forked(function: Callable[[], T], seconds: float = PATIENCE) -> T | Failure:
    """What `function` returns in a fork of this process, or how the fork ended.

    `seconds` limits its processor time. The clock's limit is far above it: it ends what waits, on however busy a machine.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            gc.disable()
            _limit(seconds)
            with open(os.devnull, "w") as null:
                sys.stdout = sys.stderr = null
                data = pickle.dumps(function())
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(data)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(child, 0)
    if data:
        return pickle.loads(data)
    late = os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGALRM)
    return Failure(TIME_OUT if late else DIED)


def _limit(seconds: float) -> None:
    """End this process by a signal after `seconds` of processor time, or long after on the clock; cap its memory."""
    for kind in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(kind, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, WAITING + 10 * seconds)
    with open("/proc/self/statm") as statm:
        held = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def execute(identity: str, source: str, namespace: dict[str, Any]) -> Failure | None:
    """Run one cell; why it failed, if it did."""
    try:
        exec(compile(source, f"<{identity}>", "exec"), namespace)
    except Exception as error:
        line = next((f.lineno for f in reversed(traceback.extract_tb(error.__traceback__)) if f.filename == f"<{identity}>"), 0)
        return Failure(f"{type(error).__name__}: {error}", line or 0, error.property if isinstance(error, CheckFailed) else "")
    return None


def processor_seconds() -> float:
    """The processor time of this process and of its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def run_notebook(cells: Cells, sources: dict[str, str], seed: int) -> dict[str, Failure | None]:
    """The verdict of every test cell of the whole notebook, with some cells' sources replaced, in a process of its own."""

    def run() -> dict[str, Failure | None]:
        os.environ[SEED_VARIABLE] = str(seed)
        namespace: dict[str, Any] = {"__name__": "__main__"}
        verdicts = {identity: execute(identity, sources.get(identity, source), namespace) for identity, source in cells.code}
        return {identity: verdict for identity, verdict in verdicts.items() if identity in cells.tests}

    result = forked(run)
    return dict.fromkeys(cells.tests, result) if isinstance(result, Failure) else result


@dataclass
class TaskRun:
    """The outcomes of the attempts at one task, in order, and their processor time. `baseline` is what the reference itself gives."""

    outcomes: list[Outcome]
    baseline: Failure | None
    seconds: float


def run_task(cells: Cells, solution_id: str, test_id: str, attempts: list[Attempt], patience: float | None = None) -> TaskRun:
    """Run attempts at one task. With `patience`, each may take that many times the reference's processor time, plus half a second."""

    def run() -> TaskRun:
        namespace: dict[str, Any] = {"__name__": "__main__"}
        for identity, source in cells.until(test_id):
            execute(identity, source, namespace)
        reference = Attempt(dict(cells.code)[solution_id])
        baseline = forked(lambda: _attempt(cells, solution_id, test_id, reference, namespace))
        before = processor_seconds()
        seconds = PATIENCE if patience is None else 0.5 + patience * before  # which the baseline took, and the cells before it
        outcomes = []
        for attempt in attempts:
            result = forked(lambda a=attempt: _attempt(cells, solution_id, test_id, a, namespace), seconds)  # type: ignore[misc]
            outcomes.append(Outcome(dict.fromkeys(attempt.seeds, result)) if isinstance(result, Failure) else result)
        failure = baseline if isinstance(baseline, Failure) else baseline.failure
        return TaskRun(outcomes, failure, processor_seconds() - before)

    result = forked(run, 3600)
    if isinstance(result, Failure):
        raise RuntimeError(f"the process for {test_id} ended: {result}")
    return result


def _attempt(cells: Cells, solution_id: str, test_id: str, attempt: Attempt, namespace: dict[str, Any]) -> Outcome:
    """Run the test cell for each seed in this process, which is a fork."""
    outcome, test = Outcome(), dict(cells.code)[test_id]
    between = [(solution_id, attempt.source), *cells.until(test_id, solution_id)]

    def record(prop: str, ratio: float) -> bool:
        outcome.ratios[prop] = max(ratio, outcome.ratios.get(prop, 0.0))
        return attempt.lenient

    if attempt.measure:
        checks.measure(record)
    for seed in attempt.seeds:
        os.environ[SEED_VARIABLE] = str(seed)
        failures = [execute(identity, source, namespace) for identity, source in between]
        outcome.failures[seed] = execute(test_id, test, namespace) or next((f for f in failures if f is not None), None)
    return outcome
