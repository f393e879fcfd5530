"""The engine: submissions in, grades out."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import platform
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from autograder.engine import sandbox
from autograder.engine.diagnosis import Observation
from autograder.engine.feedback import cell_outcomes, task_grades
from autograder.engine.host import InfrastructureError, NotStarted, ZygoteHost
from autograder.engine.intake import NotGradable, read_submission
from autograder.engine.limits import Limits
from autograder.engine.misconceptions import Misconceptions, catalogue
from autograder.engine.plan import Blueprint, Plan, blueprint, plan_sources, plan_submission
from autograder.engine.session import Session
from autograder.results import Grade, TaskGrade

if TYPE_CHECKING:
    from autograder.master import Assignment, Task

ATTEMPTS = 3
AHEAD = 12  # submissions for each worker that wait: it should not run out of them while those that are done are being kept


class Engine:
    """Grades submissions. A context manager: entering it starts the sandbox and imports the libraries, once."""

    def __init__(self, limits: Limits | None = None, sandbox_floor: str | None = None, explains: bool = True) -> None:
        """`sandbox_floor` is the weakest isolation to accept; if not given, what `AUTOGRADER_SANDBOX_FLOOR` says, else namespaces.

        Where a task fails, an engine that `explains` looks for the misconception behind it, for which the test goes on for a moment.
        """
        self.limits = limits or Limits()
        self.level = sandbox.require(sandbox_floor or os.environ.get(sandbox.FLOOR_VARIABLE) or sandbox.DEFAULT_FLOOR)
        self._host = ZygoteHost(self.level, self.limits)
        self._blueprints: dict[str, Blueprint] = {}
        self._abandoned = False
        self.explains, self.misconceptions = explains, Misconceptions(self.observe, environment_hash())

    def __enter__(self) -> Engine:
        self._host.launch()
        return self

    def __exit__(self, *exception: object) -> None:
        self._host.stop()

    def grade(self, assignment: Assignment, notebook: bytes, seed: int = 0) -> Grade:
        """Grade a submitted notebook file. Whatever its bytes are, there is a grade or a reason why not."""
        record = self._record(assignment, hashlib.sha256(notebook).hexdigest())
        try:
            cells = read_submission(notebook, self.limits.notebook)
        except NotGradable as reason:
            grade = Grade(assignment.stem, seed, gradable=False, reason=str(reason), record=record | {"seed": seed})
            grade.tasks = [TaskGrade(t.name, t.test_id, 0.0, t.points, "missing", message=str(reason)) for t in assignment.tasks]
            return grade
        return self._grade(assignment, plan_submission(self._blueprint(assignment), cells), seed, record, None)

    def grade_sources(
        self, assignment: Assignment, sources: Mapping[str, str], seed: int = 0, tasks: Collection[str] | None = None
    ) -> Grade:
        """Grade solution cells given as text by grade_id, without a notebook; `tasks` limits which tests run."""
        digest = hashlib.sha256(repr(sorted(sources.items())).encode()).hexdigest()
        plan = plan_sources(self._blueprint(assignment), sources)
        return self._grade(assignment, plan, seed, self._record(assignment, digest), tasks)

    def grade_many(
        self, jobs: Iterable[tuple[Assignment, bytes]], seed: int = 0, workers: int | None = None
    ) -> Iterator[tuple[int, Grade]]:
        """Grade many notebooks; yields (position, grade) as they are done. Few jobs are held at a time, however many there are.

        `workers` submissions are graded at once: one a core if not given. Stopping early (Ctrl-C, or closing the iterator) ends
        what is being graded at once.
        """
        workers = workers or usable_cores()
        pool = ThreadPoolExecutor(workers)
        pending: dict[Future[Grade], int] = {}
        whole = False
        try:
            for index, (assignment, notebook) in enumerate(jobs):
                pending[pool.submit(self.grade, assignment, notebook, seed)] = index
                if len(pending) > AHEAD * workers:
                    yield from self._finished(pending)
            while pending:
                yield from self._finished(pending)
            whole = True
        finally:
            if not whole:  # end what runs, so that nobody waits for it; the next grade starts the zygote anew
                self._abandoned = True
                self._host.kill()
            pool.shutdown(cancel_futures=True)
            self._abandoned = False

    @staticmethod
    def _finished(pending: dict[Future[Grade], int]) -> Iterator[tuple[int, Grade]]:
        done, _ = wait(pending, return_when=FIRST_COMPLETED)
        for future in done:
            yield pending.pop(future), future.result()

    def observe(self, assignment: Assignment, sources: Mapping[str, str], task: Task, seed: int) -> Observation:
        """What these solution cells, with the reference's for the rest, do on the inputs of one task's test."""
        reference = {t.solution_id: assignment.source(t.solution_id) for t in assignment.tasks}
        plan = plan_sources(self._blueprint(assignment), reference | dict(sources))
        self._revive()
        with Session(self._host, self._blueprint(assignment), plan, seed) as session:
            return session.observe(session.run_until(task.test_id))

    def learn(self, assignments: Iterable[Assignment], seed: int = 0, workers: int | None = None) -> None:
        """Find out how every known mistake behaves. Otherwise that is done when a task first fails, once for each master's version."""
        jobs = [(assignment, task) for assignment in assignments for task in assignment.tasks]
        with ThreadPoolExecutor(workers or usable_cores()) as pool:
            list(pool.map(lambda job: self.misconceptions.known(job[0], job[1], seed, catalogue(*job)), jobs))

    def _explain(self, assignment: Assignment, grades: list[TaskGrade], session: Session, seed: int) -> None:
        tasks = {task.test_id: task for task in assignment.tasks}
        for grade in grades:
            observed = session.observed.get(grade.test_id) if grade.status in ("failed", "error") else None
            explanation = self.misconceptions.explain(assignment, tasks[grade.test_id], observed, seed) if observed else None
            if explanation is not None:
                grade.diagnosis, grade.misconception = explanation.text, explanation.name

    def _blueprint(self, assignment: Assignment) -> Blueprint:
        if assignment.hash not in self._blueprints:
            self._blueprints[assignment.hash] = blueprint(assignment)
        return self._blueprints[assignment.hash]

    def _grade(self, assignment: Assignment, plan: Plan, seed: int, record: dict[str, Any], tasks: Collection[str] | None) -> Grade:
        grade = Grade(assignment.stem, seed, problems=list(plan.problems), record=record | {"seed": seed})
        chosen = [t for t in assignment.tasks if tasks is None or t.name in tasks]
        started = time.perf_counter()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._revive()
                with Session(self._host, self._blueprint(assignment), plan, seed) as session:
                    session.run({t.test_id for t in chosen}, observe=self.explains)
                grade.tasks = task_grades(chosen, plan, session)
                self._explain(assignment, grade.tasks, session, seed)
                grade.cells = cell_outcomes(plan, session, grade.tasks)
                break
            except InfrastructureError as error:
                if isinstance(error, NotStarted) and attempt == ATTEMPTS:
                    raise
                if attempt == ATTEMPTS or self._abandoned:
                    grade.tasks = [_ungraded(task, str(error)) for task in chosen]
                    break
            except Exception as error:  # a fault of the grader's own that this submission brings out: its neighbours are graded
                grade.tasks = [_ungraded(task, f"{type(error).__name__}: {str(error)[:200]}") for task in chosen]
                break
        grade.record["seconds"] = round(time.perf_counter() - started, 4)
        return grade

    def _revive(self) -> None:
        """Have a zygote that is ready, whatever became of the last one."""
        with self._host.lock:
            if not self._host.alive() and not self._abandoned:
                self._host.stop()
                self._host.launch()
            self._host.ready()

    def _record(self, assignment: Assignment, digest: str) -> dict[str, Any]:
        return {
            "submission": digest,
            "master": assignment.hash,
            "environment": environment_hash(),
            "sandbox": sandbox.described(self.level),
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }


def _ungraded(task: Task, reason: str) -> TaskGrade:
    return TaskGrade(task.name, task.test_id, 0.0, task.points, "infrastructure", message=f"the grader failed: {reason}")


@functools.lru_cache(maxsize=1)
def environment_hash() -> str:
    """A hash of what a result can depend on besides submission, master and seed: Python, the libraries, the course's own code."""
    digest = hashlib.sha256(f"{platform.python_version()} {platform.machine()}".encode())
    for name in ("numpy", "scipy", "scikit-learn", "torch", "matplotlib"):
        digest.update(f"{name}=={importlib.metadata.version(name)}".encode())
    for given in sandbox.GIVEN:
        path = sandbox.ROOT / given
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(source.read_bytes())
    return digest.hexdigest()


def usable_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
