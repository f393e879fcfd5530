"""The proof of one assignment's tests: what is run, and what is found.

Six steps: the blank notebook scores nothing and the reference everything, with every seed; each named wrong solution fails at its
cell and nowhere else; each variant passes; each generated mutant fails or is listed as equivalent; the errors of right solutions are
set against those of wrong ones, in units of each check's tolerance; and each number of a hint is what a wrong solution gives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.catalogue import Alternative, CatalogueError, read_alternatives, read_equivalents, replace_definition
from autograder.certificate import Certificate, TaskRecord, WrongRecord
from autograder.course import Course, CourseError
from autograder.hints import Met, judge_hints, meet_hints
from autograder.master import Assignment, Task, read_master
from autograder.mutants import Mutant, mutants_of
from autograder.refusals import MasterError
from autograder.release import released
from autograder.trials import TIME_OUT, Attempt, Cells, Failure, TaskRun, processor_seconds, run_notebook, run_task

MINIMUM_WRONG, WRONG_SEEDS = 4, 3
MUTANTS, NOTEBOOKS = 50, 10  # a job
PATIENCE = 10.0  # times the reference's processor time that a mutant may take
LONGEST = 10.0  # seconds of processor time for the whole notebook with its tests


def notebooks_job(cells: Cells, runs: list[tuple[dict[str, str], int]]) -> tuple[list[dict[str, Failure | None]], float]:
    """The verdicts of whole notebooks, and the processor time they took."""
    before = processor_seconds()
    return [run_notebook(cells, sources, seed) for sources, seed in runs], processor_seconds() - before


def task_job(cells: Cells, task: Task, attempts: list[Attempt], patience: float | None = None) -> tuple[TaskRun, float]:
    before = processor_seconds()
    return run_task(cells, task.solution_id, task.test_id, attempts, patience), processor_seconds() - before


def hints_job(cells: Cells, task: Task, sources: list[str]) -> tuple[list[list[Met]], float]:
    before = processor_seconds()
    return meet_hints(cells, task.solution_id, task.test_id, sources), processor_seconds() - before


@dataclass
class _Work:
    """The jobs of one task."""

    wrongs: list[Alternative]
    variants: list[Alternative]
    mutants: list[Mutant] = field(default_factory=list)
    wrong_job: Future[Any] | None = None
    hint_job: Future[Any] | None = None
    elsewhere: dict[str, Future[Any]] = field(default_factory=dict)
    variant_jobs: list[Future[Any]] = field(default_factory=list)
    mutant_jobs: list[Future[Any]] = field(default_factory=list)


class Proof:
    """One assignment on its way through the six steps, or some tasks of it."""

    def __init__(self, course: Course, stem: str, seeds: int, variant_seeds: int, tasks: tuple[str, ...] = ()) -> None:
        """`tasks` are the names of those to prove: all if none is given.

        Raises:
            CourseError: there is no task of such a name.
        """
        self.course, self.stem = course, stem
        self.assignment: Assignment = read_master(course.master(stem))
        names = [task.name for task in self.assignment.tasks]
        if unknown := [name for name in tasks if name not in names]:
            raise CourseError(f"{self.assignment.path}: there is no task {unknown[0]!r}; choose from: {', '.join(names)}")
        self.tasks = [task for task in self.assignment.tasks if not tasks or task.name in tasks]
        self.cells = Cells.of(self.assignment)
        self.certificate = Certificate(stem, seeds=seeds, variant_seeds=variant_seeds)
        wrongs, variants = read_alternatives(course.wrong(stem), "wrong"), read_alternatives(course.variants(stem), "variant")
        self.work = {
            task.name: _Work([w for w in wrongs if self._task_of(w) is task], [v for v in variants if self._task_of(v) is task])
            for task in self.tasks
        }

    def _task_of(self, alternative: Alternative) -> Task:
        try:
            return self.assignment.task_defining(alternative.target)
        except MasterError as error:
            mend = str(error).rpartition("; ")[2]
            where = f"{alternative.path}:{alternative.line}: {alternative.name}"
            raise CatalogueError(f"{where} replaces {alternative.target!r}, which no solution cell defines; {mend}") from error

    def submit(self, pool: Executor) -> None:
        """Hand all jobs to the pool."""
        blank = {c.id: c.source for c in released(self.assignment).cells if c.metadata.get("nbgrader", {}).get("solution")}
        cells = self.cells.testing({task.test_id for task in self.tasks})
        self.blank = pool.submit(notebooks_job, cells, [(blank, 0)])
        chunks = batched(range(self.certificate.seeds), NOTEBOOKS)
        self.reference = [(len(chunk), pool.submit(notebooks_job, cells, [({}, seed) for seed in chunk])) for chunk in chunks]
        for task in self.tasks:
            self._submit_task(pool, task, self.work[task.name])

    def _submit_task(self, pool: Executor, task: Task, work: _Work) -> None:
        own = self.assignment.source(task.solution_id)
        wrong_sources = [replace_definition(own, wrong) for wrong in work.wrongs]
        attempts = [Attempt(source, tuple(range(WRONG_SEEDS))) for source in wrong_sources]
        attempts += [Attempt(source, measure=True, lenient=True) for source in wrong_sources]
        work.wrong_job = pool.submit(task_job, self.cells, task, attempts)
        work.hint_job = pool.submit(hints_job, self.cells, task, [own, *wrong_sources])
        if self.cells.tests_reaching(task.solution_id) - {task.test_id}:
            for wrong, source in zip(work.wrongs, wrong_sources, strict=True):
                work.elsewhere[wrong.name] = pool.submit(notebooks_job, self.cells, [({task.solution_id: source}, 0)])
        work.variant_jobs.append(pool.submit(task_job, self.cells, task, [Attempt(own, measure=True)]))
        for variant in work.variants:
            attempt = Attempt(replace_definition(own, variant), tuple(range(self.certificate.variant_seeds)), measure=True)
            work.variant_jobs.append(pool.submit(task_job, self.cells, task, [attempt]))
        work.mutants = mutants_of(own)
        for chunk in batched(work.mutants, MUTANTS):
            work.mutant_jobs.append(pool.submit(task_job, self.cells, task, [Attempt(m.source) for m in chunk], PATIENCE))

    def collect(self) -> Certificate:
        """Wait for the jobs and judge what they gave."""
        findings = self.certificate.findings
        findings += self._blank_and_reference()
        equivalents = read_equivalents(self.course.equivalents(self.stem))
        chapter = next((c.path for c in self.course.chapters if c.stem == self.stem), None)
        text = chapter.read_text() if chapter and chapter.exists() else ""
        for task in self.tasks:
            record, work = TaskRecord(task.name, variants=len(self.work[task.name].variants)), self.work[task.name]
            self.certificate.tasks.append(record)
            findings += self._variants(task, work, record)
            findings += self._wrongs(task, work, record, text)
            findings += self._hints(task, work)
            findings += self._mutants(task, work, record, equivalents.pop(task.name, {}))
        for name in equivalents.keys() - {task.name for task in self.assignment.tasks}:
            findings.append(f"{self.course.equivalents(self.stem)}:1: there is no task {name!r}; remove its entries")
        return self.certificate

    def _result(self, job: Future[Any], runs: int) -> Any:
        result, seconds = job.result()
        self.certificate.seconds += seconds
        self.certificate.runs += runs
        return result

    def _blank_and_reference(self) -> Iterator[str]:
        for test_id, failure in self._result(self.blank, 1)[0].items():
            if failure is None:
                yield f"{self._place(test_id)}: {test_id} passes on the blank notebook; test what the stub can't give"
        verdicts = []
        for count, job in self.reference:
            before = self.certificate.seconds
            verdicts += self._result(job, count)
            self.certificate.notebook_seconds = max(self.certificate.notebook_seconds, (self.certificate.seconds - before) / count)
        for test_id in verdicts[0]:
            failed = {seed: verdict[test_id] for seed, verdict in enumerate(verdicts) if verdict[test_id] is not None}
            for seed, failure in list(failed.items())[:1]:
                which = f"with seed {seed} and {len(failed) - 1} others: {failure}"
                yield f"{self._place(test_id, failure.line)}: {test_id} fails on the reference {which}; mend the test or the reference"
        if self.certificate.notebook_seconds > LONGEST:
            took = f"{self.certificate.notebook_seconds:.0f} s of processor time, {LONGEST:.0f} s are meant"
            yield f"{self.assignment.path}:1: the whole notebook with its tests takes {took}; make the data of the slowest tests smaller"

    def _place(self, grade_id: str, line: int = 1) -> str:
        """The file and the line of a cell's line."""
        return f"{self.assignment.path}:{_line_before(self.assignment, grade_id) + max(line, 1)}"

    def _hints(self, task: Task, work: _Work) -> Iterator[str]:
        assert work.hint_job is not None
        runs = self._result(work.hint_job, 0)
        for claim in judge_hints([wrong.name for wrong in work.wrongs], runs):
            where = self._place(task.test_id, claim.line)
            if claim.finding:
                yield f"{where}: the hint of {claim.prop!r} says {claim.numbers!r}: {claim.finding}"
            else:
                self.certificate.hints.append(f"{where}: {claim.numbers}: {claim.words} ← {', '.join(claim.given_by)}")

    def _variants(self, task: Task, work: _Work, record: TaskRecord) -> Iterator[str]:
        for variant, job in zip([None, *work.variants], work.variant_jobs, strict=True):
            run: TaskRun = self._result(job, self.certificate.variant_seeds if variant else 1)
            (outcome,) = run.outcomes
            if variant is None and run.baseline is not None:
                where = f"{self._place(task.test_id, run.baseline.line)}: {task.test_id}"
                yield f"{where} fails on the reference when it runs alone ({run.baseline}); make it independent of other tests"
            if variant is not None and outcome.failure is not None:
                failed = [seed for seed, failure in outcome.failures.items() if failure is not None]
                which = f"with seed {failed[0]} and {len(failed) - 1} others: {outcome.failure}"
                where = f"{variant.path}:{variant.line}: {variant.name}"
                yield f"{where} fails {task.test_id} {which}; loosen the check, or mend the variant"
            for prop, ratio in outcome.ratios.items():
                if ratio <= 1:
                    known = self.certificate.checks.setdefault(f"{task.test_id}: {prop}", [0.0, None])
                    known[0] = max(known[0] or 0.0, ratio)
                    record.legitimate = max(record.legitimate, ratio)

    def _wrongs(self, task: Task, work: _Work, record: TaskRecord, chapter: str) -> Iterator[str]:
        assert work.wrong_job is not None
        outcomes = self._result(work.wrong_job, (WRONG_SEEDS + 1) * len(work.wrongs)).outcomes
        for wrong, outcome, measured in zip(work.wrongs, outcomes, outcomes[len(work.wrongs) :], strict=False):
            where = f"{wrong.path}:{wrong.line}: {wrong.name}"
            missed = [seed for seed, failure in outcome.failures.items() if failure is None]
            if wrong.caught_by != task.test_id:
                yield f'{where} names the test {wrong.caught_by!r}, its task has {task.test_id}; write caught_by="{task.test_id}"'
            elif missed:
                seeds = "" if missed in ([], list(range(WRONG_SEEDS))) else f" with seed {missed[0]}"
                yield f"{where} is not caught by {wrong.caught_by}{seeds}; add a check that exposes it"
            if wrong.name in work.elsewhere:
                (verdicts,) = self._result(work.elsewhere[wrong.name], 1)
                for test_id, failure in verdicts.items():
                    if failure is not None and test_id not in {wrong.caught_by, *wrong.also}:
                        yield f"{where} sinks {test_id} too ({failure}); make that test independent, or list it in also=()"
            if f"({wrong.section})=" not in chapter:
                yield f"{where}: the chapter has no label ({wrong.section})=; name the section that mends the misconception"
            first = outcome.failures[0]
            visible = first is not None and not _is_hidden(self.assignment.source(task.test_id), first.line)
            record.wrongs.append(WrongRecord(wrong.name, wrong.misconception, wrong.section, wrong.caught_by, visible))
            self._margins(task, record, measured.ratios)
        if len(work.wrongs) < MINIMUM_WRONG:
            path = self.course.wrong(self.stem)
            yield f"{path}:1: task {task.name} has {len(work.wrongs)} wrong solutions; write at least {MINIMUM_WRONG}"

    def _margins(self, task: Task, record: TaskRecord, ratios: dict[str, float]) -> None:
        """Note how far one wrong solution is off, at each check and at the check where it is off most."""
        seen = {prop: ratio for prop, ratio in ratios.items() if 1 < ratio < float("inf")}
        for prop, ratio in seen.items():
            known = self.certificate.checks.setdefault(f"{task.test_id}: {prop}", [None, None])
            known[1] = ratio if known[1] is None else min(known[1], ratio)
        if seen:
            record.mildest = min(record.mildest or float("inf"), max(seen.values()))

    def _mutants(self, task: Task, work: _Work, record: TaskRecord, equivalents: dict[tuple[str, str], str]) -> Iterator[str]:
        path, line = self.assignment.path, _line_before(self.assignment, task.solution_id)
        runs = [self._result(job, 0) for job in work.mutant_jobs]
        self.certificate.mutant_seconds += sum(run.seconds for run in runs)
        self.certificate.runs += len(work.mutants)
        failures = [outcome.failure for run in runs for outcome in run.outcomes]
        record.operators = dict(Counter(mutant.operator for mutant in work.mutants))
        record.timed_out = sum(failure is not None and failure.message == TIME_OUT for failure in failures)
        alive = [mutant for mutant, failure in zip(work.mutants, failures, strict=True) if failure is None]
        record.survivors, record.equivalents = dict(Counter(mutant.operator for mutant in alive)), len(equivalents)
        for mutant in alive:
            if equivalents.pop(mutant.key, None) is None:
                yield (
                    f"{path}:{line + mutant.line}: {task.test_id} passes the mutant in the line `{mutant.text}`: {mutant.change}; "
                    f"add a check that fails it, or list it in equivalent.yml with the reason"
                )
        generated = {mutant.key for mutant in work.mutants}
        for text, change in equivalents:
            why = "is caught by the tests" if (text, change) in generated else "is no mutant of the reference any more"
            yield f"{self.course.equivalents(self.stem)}:1: task {task.name}, line `{text}`: {change} {why}; remove the entry"


def batched(items: Any, size: int) -> list[list[Any]]:
    """The items in lists of at most `size`."""
    whole = list(items)
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def _is_hidden(source: str, line: int) -> bool:
    """Whether a line of a test cell stands in a hidden region."""
    above = "\n".join(source.splitlines()[:line])
    return above.rfind("### BEGIN HIDDEN TESTS") > above.rfind("### END HIDDEN TESTS")


def _line_before(assignment: Assignment, grade_id: str) -> int:
    """The line of the master before the first of a cell."""
    return Path(assignment.path).read_text().split(assignment.source(grade_id))[0].count("\n")
