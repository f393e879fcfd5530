"""A session has a core of its own, and its processes stay there."""

from __future__ import annotations

import os

import pytest

from autograder.engine import cores
from autograder.engine.cores import Claim
from autograder.tests.engine_case import graded

CORES = os.sched_getaffinity(0)
WHERE = """
    import os
    check(f(0) == sorted(os.sched_getaffinity(0)), "both processes may use the same cores")
    check(len(f(0)) == {count}, "as many as they should")
"""
ANSWER = "import os\n\ndef f(x):\n    return sorted(os.sched_getaffinity(0))"


@pytest.fixture(autouse=True)
def _nobody_else_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "NAME", f"\0autograder-test-{os.getpid()}-{{core}}")


def test_a_core_is_claimed_once_until_the_claim_is_closed() -> None:
    claims = [Claim() for _ in range(len(CORES) + 1)]
    assert {claim.core for claim in claims} == {*CORES, None}
    assert claims[-1].core is None
    claims[0].close()
    again = Claim()
    assert again.core == claims[0].core
    for claim in (*claims[1:], again):
        claim.close()


def test_the_processes_of_a_session_share_a_core_and_give_it_back() -> None:
    for _ in range(len(CORES) + 1):
        assert graded(ANSWER, WHERE.format(count=1)).status == "passed"


def test_without_a_free_core_a_session_may_use_all() -> None:
    claims = [Claim() for _ in CORES]
    assert graded(ANSWER, WHERE.format(count=len(CORES))).status == "passed"
    for claim in claims:
        claim.close()


def test_where_the_system_knows_no_such_names_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "NAME", "/no/such/folder/{core}")
    assert graded(ANSWER, WHERE.format(count=len(CORES))).status == "passed"
