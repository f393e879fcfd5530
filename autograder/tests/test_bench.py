"""What is measured is what is meant: classes that can be repeated, memory that is counted once, and crashes that lose nothing."""

from __future__ import annotations

import mmap
import os
import sys
import time
from pathlib import Path

import pytest

from autograder.bench.classroom import SMALL, classroom, hand_in
from autograder.bench.crash import crash
from autograder.bench.process import family, memory, run
from autograder.catalogue import read_alternatives, replace_definition
from autograder.course import Course, CourseError
from autograder.engine import Engine
from autograder.master import read_master
from autograder.sample import reference
from autograder.submissions import find_submissions
from autograder.tests.conftest import CHECKOUT


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return classroom(tmp_path / "course", Course(CHECKOUT))


def test_the_small_assignment_passes_what_is_right_and_catches_what_is_wrong(course: Course, engine: Engine) -> None:
    assignment, sources = read_master(course.master(SMALL)), {}
    sources = reference(assignment)
    assert engine.grade_sources(assignment, sources).score == assignment.points
    for path, kind, passed in ((course.wrong(SMALL), "wrong", False), (course.variants(SMALL), "variant", True)):
        for alternative in read_alternatives(path, kind):
            task = assignment.task_defining(alternative.target)
            answers = sources | {task.solution_id: replace_definition(sources[task.solution_id], alternative)}
            failed = [t.name for t in engine.grade_sources(assignment, answers).tasks if t.status != "passed"]
            assert failed == ([] if passed else [task.name]), alternative.name


def test_a_class_is_the_same_each_time_and_no_two_submissions_are(course: Course) -> None:
    def handed_in() -> list[bytes]:
        hand_in(course, [SMALL, "kl_divergence"], 12)
        return [submission.content for submission in find_submissions(course, course.stems)]

    first = handed_in()
    assert len(set(first)) == 12
    assert handed_in() == first


def test_memory_counts_a_shared_page_once_and_the_whole_family() -> None:
    size = 64 * 2**20
    before = sum(map(memory, family(os.getpid())))
    block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE)
    block.write(b"x" * size)
    child = os.fork()
    if child == 0:
        time.sleep(30)
        os._exit(0)
    try:
        assert child in family(os.getpid())
        grown = sum(map(memory, family(os.getpid()))) - before
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert 0.9 * size < grown < 1.5 * size


def test_what_a_command_costs_and_its_failure_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    burn = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(8_000_000))'])"
    assert run([sys.executable, "-c", burn], folder).seconds > 0.05
    with pytest.raises(CourseError, match="no such thing"):
        run([sys.executable, "-c", "raise SystemExit('no such thing')"], folder)


def test_a_class_survives_kills_at_random_moments(course: Course) -> None:
    """Six here, fifty in `autograder bench --crash 50`: nothing lost, nothing double, no traceback."""
    result = crash(course, 6, submissions=24, targets=("command", "zygote", "interrupt"))
    assert result.findings == []
    assert sum(result.kills.values()) >= 4
