"""Limits that a master sets: each is the one that ends a submission, and the engine's own stay where none is set."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from autograder.engine.limits import overrides
from autograder.results import Grade
from autograder.tests.engine_case import LIMITS, assignment, engine

TEST = "check(f() == 1, 'one')"
RIGHT = "def f():\n    return 1"
OVER = {
    "cell": ({"cell": 1}, "import time; time.sleep(2.5)"),
    "wall": ({"wall": 1}, "import time; time.sleep(2.5)"),
    "cpu": ({"cpu": 1}, "import time; end = time.process_time() + 2.5\nwhile time.process_time() < end: pass"),
    "memory": ({"memory": "128 MiB"}, "kept = bytearray(256 * 2**20)"),
    "processes": (
        {"processes": 1},
        "import os, time\nfor _ in range(12):\n    if os.fork() == 0: time.sleep(3); os._exit(0)\ntime.sleep(1.5)",
    ),
    "file_size": ({"file_size": "64 KiB"}, "open('/tmp/f', 'wb', buffering=0).write(b'x' * 2**18) == 2**18 or 1/0"),
}

CROWDED = """import os, time
for _ in range(4):
    if os.fork() == 0: kept = bytearray(96 * 2**20); time.sleep(3); os._exit(0)
time.sleep(1.5)"""
SAID = {
    "cell": "took longer than 1 s",
    "wall": "the submission took longer than 1 s",
    "cpu": "more processor time than allowed",
    "memory": "more memory than allowed",
}


def graded(limits: dict[str, Any], extra: str) -> Grade:
    case = assignment([("f", RIGHT, TEST)])
    case = dataclasses.replace(case, limits=overrides(limits), hash=f"{case.hash}{limits}")
    return engine().grade_sources(case, {"f": f"{extra}\n{RIGHT}"})


@pytest.mark.parametrize("name", OVER)
def test_what_a_master_allows_decides(name: str) -> None:
    limits, code = OVER[name]
    assert graded({}, code).score == 1, "the engine's own limits let it pass"
    over = graded(limits, code)
    assert over.score == 0
    assert not over.infrastructure_error


@pytest.mark.parametrize("name", SAID)
def test_the_learner_is_told_which_limit_it_was(name: str) -> None:
    limits, code = (OVER[name][0], CROWDED) if name == "memory" else OVER[name]
    over = graded(limits, code)
    assert SAID[name] in repr((over.tasks, over.cells))
    assert "ended its own process" not in repr((over.tasks, over.cells))


FORKS = "import os\nfor _ in range(12):\n    if os.fork() == 0: os._exit(0)"
THREADS = "import threading, time\nfor _ in range(12): threading.Thread(target=time.sleep, args=[1]).start()"


@pytest.mark.parametrize("code", [FORKS, THREADS])
@pytest.mark.parametrize("place", ["cell", "visible", "hidden"])
def test_the_learner_is_told_of_the_limit_on_processes(code: str, place: str) -> None:
    test = f"### BEGIN HIDDEN TESTS\n{TEST}\n### END HIDDEN TESTS" if place == "hidden" else TEST
    case = assignment([("f", RIGHT, test)])
    case = dataclasses.replace(case, limits=overrides({"processes": 4}), hash=f"{case.hash}{place}")
    body = RIGHT.replace("    ", "    exec(" + repr(code) + ")\n    ")
    over = engine().grade_sources(case, {"f": f"{code}\n{RIGHT}" if place == "cell" else body})
    assert over.score == 0
    said = "your code may have 4 processes and threads at a time"
    assert said in over.tasks[0].message
    assert said in repr(over.cells["f" if place == "cell" else "test_f"])


def test_output_is_cut_where_the_master_says() -> None:
    def shown(limits: dict[str, Any]) -> int:
        return len(repr(graded(limits, "print('x' * 40_000)").cells))

    assert shown({"output": "1 KiB"}) < 3_000 < 40_000 < shown({})


def test_an_assignment_may_allow_more_than_the_engine() -> None:
    code = f"kept = bytearray({LIMITS.memory + 2**26})"
    assert graded({}, code).score == 0
    assert graded({"memory": "2 GiB"}, code).score == 1


def test_one_assignments_limits_are_not_anothers() -> None:
    assert graded({"memory": "64 MiB"}, "kept = bytearray(2**27)").score == 0
    assert graded({}, "kept = bytearray(2**27)").score == 1


@pytest.mark.parametrize("place", ["in a cell", "in a call"])
def test_of_a_process_that_forks_the_first_goes_on(place: str) -> None:
    solution = f"import os\nos.fork()\n{RIGHT}" if place == "in a cell" else "def f():\n    import os\n    os.fork()\n    return 1"
    case = assignment([("f", RIGHT, TEST), ("g", RIGHT.replace("f()", "g()"), TEST.replace("f(", "g("))])
    for _ in range(10):
        assert [task.status for task in engine().grade_sources(case, {"f": solution, "g": case.source("g")}).tasks] == ["passed", "passed"]
