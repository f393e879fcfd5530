"""Seconds per submission with nbgrader's executor and with ours, memory for small and large classes, one Dask worker and two."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autograder.bench.classroom import SMALL, classroom, hand_in
from autograder.bench.process import memory_kind, run
from autograder.course import Course, CourseError
from autograder.engine.engine import Engine, usable_cores
from autograder.master import read_master
from autograder.submissions import find_submissions

Said = Callable[[str], None]
WARM_UP, TIMES = 3, 5
TARGETS = {"small_ratio": 50.0, "mix_ratio": 15.0, "small_seconds": 0.1, "memory_bytes": 1.5 * 2**30, "cluster_ratio": 1.7}


def machine() -> dict[str, Any]:
    return {"cores": usable_cores(), "python": platform.python_version(), "load": round(os.getloadavg()[0], 1)}


def beside_nbgrader(checkout: Course, *, mix: bool, count: int, sample: int, say: Said) -> dict[str, Any]:
    """The same class graded twice: all of it by us, `sample` submissions of each assignment by nbgrader's own executor.

    Both write a gradebook. For nbgrader the time to start is left out, and counted for us; not so the time in which we learn how known
    mistakes behave, which is taken once for each version of an assignment and told apart.
    """
    with _classroom(checkout) as course:
        stems = [stem for stem in course.stems if stem != SMALL] if mix else [SMALL]
        hand_in(course, stems, count)
        theirs = [_nbgrader(course, stem, sample) for stem in stems]
        their_seconds = sum(theirs) / len(theirs)
        say(f"nbgrader: {their_seconds:.2f} s a submission")
        for folder in ("autograded", "gradebook.db"):
            _remove(course.root / folder)
        _remake_gradebook(course)
        learning = _learn(course, stems)
        say(f"learning how the known mistakes behave, once for each version of an assignment: {learning:.1f} s")
        cost = run(grade_command(), course.root)
        say(f"autograder: {cost.seconds / count:.3f} s a submission")
        return {
            "submissions": count,
            "learning_seconds": round(learning, 1),
            "nbgrader_sample": sample * len(stems),
            "nbgrader_seconds": round(their_seconds, 3),
            "seconds": round(cost.seconds / count, 4),
            "ratio": round(their_seconds * count / cost.seconds, 1),
        }


def memory_of(checkout: Course, counts: tuple[int, ...], say: Said) -> dict[str, Any]:
    """The peak memory of all processes together while classes of these sizes are graded."""
    found: dict[str, int] = {}
    for count in counts:
        with _classroom(checkout) as course:
            hand_in(course, [SMALL], count)
            found[str(count)] = run(grade_command(), course.root, watch_memory=True).memory
            say(f"{count} submissions: {found[str(count)] / 2**20:.0f} MiB ({memory_kind()})")
    return {"kind": memory_kind(), "peak": found}


def cluster_scaling(checkout: Course, count: int, say: Said) -> dict[str, Any]:
    """Seconds for the same mixed class on one Dask worker and on two, once they have started and know the known mistakes.

    The two clusters take turns, so that a moment when the machine is slow meets both, and each figure is the median of `TIMES`.
    No submission is the same bytes as one before, as the scheduler knows those answers.
    """
    from autograder.cluster import local_cluster

    with _classroom(checkout) as course, local_cluster(1) as one, local_cluster(2) as two:
        stems = [stem for stem in course.stems if stem != SMALL]
        hand_in(course, stems, count)
        assignments = {stem: read_master(course.master(stem)) for stem in stems}
        jobs = [(assignments[s.stem], s.content) for s in find_submissions(course, stems)]
        drivers = {"1": one, "2": two}
        took: dict[str, list[float]] = {workers: [] for workers in drivers}
        for again in range(WARM_UP + TIMES):  # each worker has met each assignment before the last few
            fresh = [(assignment, content + b"\n" * again) for assignment, content in jobs]
            for workers, driver in drivers.items():
                started = time.perf_counter()
                failed = sum(grade.infrastructure_error for _, grade in driver.grade_many(fresh))
                took[workers].append(time.perf_counter() - started)
                if failed:
                    raise CourseError(f"{failed} of {count} submissions were not graded; run the command again with an idle machine")
            if again >= WARM_UP:
                say(f"one Dask worker {took['1'][-1] / count:.3f} s a submission, two {took['2'][-1] / count:.3f} s")
    seconds = {workers: round(statistics.median(times[-TIMES:]), 2) for workers, times in took.items()}
    return {"submissions": count, "seconds": seconds, "ratio": round(seconds["1"] / seconds["2"], 2)}


def grade_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "autograder", "grade", *arguments]


def _nbgrader(course: Course, stem: str, sample: int) -> float:
    """Seconds that one more submission costs nbgrader: what a run of several takes above a run of one."""
    hand_in(course, [stem], 1, prefix="first")
    hand_in(course, [stem], sample, prefix="more")
    tool = str(Path(sys.executable).with_name("nbgrader"))

    def autograde(students: str) -> float:
        return run([tool, "autograde", stem, f"--student={students}"], course.root, AUTOGRADER_EXECUTOR="nbgrader").seconds

    one, several = autograde("first*"), autograde("more*")
    for prefix in ("first", "more"):
        for folder in (course.root / "submitted").glob(f"{prefix}*"):
            _remove(folder)
    if sample == 1:
        return several
    return (several - one) / (sample - 1)


def _learn(course: Course, stems: list[str]) -> float:
    """Seconds to find out how the catalogue's mistakes behave, which the checkout then keeps."""
    with Engine() as engine:
        started = time.perf_counter()
        engine.learn([read_master(course.master(stem)) for stem in stems])
        return time.perf_counter() - started


def _remake_gradebook(course: Course) -> None:
    from autograder.gradebook import save_assignment

    for stem in course.stems:
        save_assignment(course, read_master(course.master(stem)))


def _remove(path: Path) -> None:
    import shutil

    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _classroom(checkout: Course) -> Iterator[Course]:
    with tempfile.TemporaryDirectory(prefix="autograder-bench-") as folder:
        yield classroom(Path(folder) / "course", checkout)
