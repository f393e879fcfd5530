"""A tests' process serves one submission after another, and none that could have come to harm."""

from __future__ import annotations

import dataclasses
import socket
import textwrap

import pytest

from autograder.engine.host import MOST_IDLE
from autograder.tests.engine_case import assignment, engine

RIGHT = "def f(x):\n    return x"
TEST = """
    import os
    check("left" not in globals() and "LEFT" not in vars(np), "nothing of the submission before is here")
    left = f(1)
    check(f(2) == 2, "two comes back")
    check(False, f"by {os.getpid()}")
"""
HARM = {
    "a frame that is none": """
        import gc
        from autograder.engine.rpc import Peer
        def f(x):
            for peer in [o for o in gc.get_objects() if isinstance(o, Peer)]:
                peer.channel.send(b"A" + b"\\xff" * 9)
    """,
    "an end": "import os\ndef f(x):\n    os._exit(0)",
    "a hang": "import time\ndef f(x):\n    time.sleep(60)",
}


def process(answer: str = RIGHT, salt: str = "") -> str:
    """By which tests' process an answer was graded; what went wrong otherwise."""
    case = assignment([("f", RIGHT, TEST)], limits=salt)
    case = dataclasses.replace(case, limits={"test_seconds": 2.0})
    return engine().grade_sources(case, {"f": answer}).tasks[0].message


def test_one_process_serves_an_assignment_and_nothing_is_left_in_it() -> None:
    first = process()
    assert first.startswith("by ")
    assert {process(f"{RIGHT}  # {n}") for n in range(3)} == {first}
    assert process(salt="another assignment") != first


@pytest.mark.parametrize("kind", HARM)
def test_a_process_that_met_more_than_sound_data_serves_nobody_else(kind: str) -> None:
    before = process()
    assert not process(textwrap.dedent(HARM[kind])).startswith("by ")
    after = process()
    assert after.startswith("by ")
    assert after != before


def test_one_that_died_while_it_was_idle_costs_nobody_a_mark() -> None:
    before = process()
    for _, child in engine()._host.idle:
        child.channel.sock.shutdown(socket.SHUT_RDWR)
    after = process()
    assert after.startswith("by ")
    assert after != before


def test_few_wait_however_many_assignments_there_are() -> None:
    for number in range(MOST_IDLE + 3):
        process(salt=str(number))
    assert len(engine()._host.idle) <= MOST_IDLE


def test_what_a_submission_leaves_of_the_memory_is_enough_for_the_next() -> None:
    test = "f(1)\nkept = [f(2)]\ncheck(np.sum(f(3)) == 3 and np.zeros(40_000_000).size, 'three')"
    right = {name: f"def {name}(x):\n    return x" for name in ("f", "g", "h")}
    case = assignment([(name, answer, test.replace("f(", f"{name}(")) for name, answer in right.items()])
    large = {name: f"def {name}(x):\n    return np.zeros(9_000_000)" for name in right}
    for sources, score in ((large, 0), (right, 3), (large, 0), (large | {"h": right["h"]}, 1), (right, 3)):
        grade = engine().grade_sources(case, sources)
        assert (grade.score, [task.message for task in grade.tasks if "Memory" in task.message]) == (score, [])


def test_settings_that_a_failed_test_did_not_set_back_are_set_back() -> None:
    setting = """
        import os, warnings
        usual = torch.ones(1).dtype == torch.float32 and torch.is_grad_enabled() and np.geterr()["divide"] == "warn"
        usual = usual and "LEFT" not in os.environ and not torch.are_deterministic_algorithms_enabled()
        before = len(warnings.filters)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.use_deterministic_algorithms(True)
        np.seterr(all="raise")
        os.environ["LEFT"] = "1"
        warnings.filterwarnings("error", "left")
        check(f(2) == 2, f"two: {usual and before}")
    """
    case = assignment([("f", RIGHT, setting)])
    wrong = [engine().grade_sources(case, {"f": f"def f(x):\n    return {n}"}).tasks[0].property for n in (3, 4, 5)]
    assert wrong[0] not in (None, "two: False")
    assert len(set(wrong)) == 1
