"""Submissions that are not what they should be: each gets a defined result, never an exception."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograder.engine.intake import NotGradable, read_submission
from autograder.engine.plan import blueprint, plan_submission
from autograder.tests.engine_case import assignment, engine, grade_json, notebook

CASE = assignment([("a", "def a():\n    return 1", "check(a() == 1, 'one')"), ("b", "def b():\n    return 2", "check(b() == 2, 'two')")])


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"not json", "JSON"),
        (b"[]", "not a notebook"),
        (b'{"worksheets": [], "nbformat": 3}', "old format"),
        (b'{"cells": [], "nbformat": 3}', "format 4"),
        (b'{"cells": {}, "nbformat": 4}', "not a notebook"),
        (b"[" * 200_000, "JSON"),
        (b" " * 100 + b"x" * (33 * 1024 * 1024), "bytes"),
    ],
)
def test_files_that_are_no_submission(payload: bytes, said: str) -> None:
    grade = engine().grade(CASE, payload)
    assert not grade.gradable
    assert grade.reason is not None
    assert said in grade.reason or "nested" in grade.reason
    assert grade.score == 0
    assert grade.max_score == 2
    assert grade.record["submission"]


def test_a_plain_submission_scores_in_full() -> None:
    grade = grade_json(CASE, notebook(CASE, {}))
    assert (grade.score, grade.max_score, grade.problems) == (2, 2, [])


def test_points_tests_and_given_cells_come_from_the_master() -> None:
    data = notebook(CASE, {"test_a": "pass", "setup": "1/0", "a": "def a():\n    return 5"})
    for cell in data["cells"]:
        cell["metadata"]["nbgrader"]["points"] = 100
    grade = grade_json(CASE, data)
    assert (grade.score, grade.max_score) == (1, 2)
    assert "given or test cells were changed, so the originals were used: setup, test_a" in grade.problems


def test_missing_duplicated_retyped_and_moved_cells() -> None:
    missing = notebook(CASE, {})
    missing["cells"] = [c for c in missing["cells"] if c["id"] != "a"]
    grade = grade_json(CASE, missing)
    assert [t.status for t in grade.tasks] == ["missing", "passed"]
    assert "'a' is missing" in " ".join(grade.problems)

    double = notebook(CASE, {"a": "def a():\n    return one"})
    double["cells"].append(dict(double["cells"][1], source="one = 1", id="copy"))
    grade = grade_json(CASE, double)
    assert grade.score == 2
    assert "2 times" in " ".join(grade.problems)

    retyped = notebook(CASE, {})
    retyped["cells"][1]["cell_type"] = "markdown"
    grade = grade_json(CASE, retyped)
    assert grade.score == 2
    assert "not a code cell" in " ".join(grade.problems)

    moved = notebook(CASE, {})
    moved["cells"].reverse()
    grade = grade_json(CASE, moved)
    assert grade.score == 2
    assert "moved" in " ".join(grade.problems)


def test_an_extra_cell_runs_where_it_stands() -> None:
    data = notebook(CASE, {"a": "def a():\n    return helper"})
    data["cells"].insert(2, {"cell_type": "markdown", "source": "mine", "metadata": {}})
    data["cells"].insert(3, {"cell_type": "code", "source": "helper = 1", "metadata": {}})
    assert grade_json(CASE, data).score == 2


def test_extra_cells_run_and_magics_do_nothing() -> None:
    extra = "%matplotlib inline\n!touch /tmp/x\nhelper = 1"
    data = notebook(CASE, {"a": "def a():\n    return helper"}, extra)
    assert grade_json(CASE, data).score == 2
    data["cells"][1]["source"] = "1/0"
    assert [t.score for t in grade_json(CASE, data).tasks] == [0, 1]


@pytest.mark.parametrize("around", ["%%time\n", "\n%%capture out\n", "%%prun -q\n", "%time\n", "%time "])
def test_code_that_is_only_measured_runs(around: str) -> None:
    """As it does in a notebook, where nbgrader gives its marks."""
    data = notebook(CASE, {"a": "%%time\ndef a():\n    return helper"}, f"{around}helper = 1")
    assert grade_json(CASE, data).score == 2


TELL = """
import struct, sys, os, time
def text(value): return b's' + struct.pack('<I', len(value)) + value
def number(value): return b'I' + struct.pack('<I', 8192) + value.to_bytes(8192, 'little')
frame = sys._getframe()
while not (frame.f_code.co_name == 'main' and 'channel' in frame.f_locals): frame = frame.f_back
def tell(**said):
    told = b''.join(text(key.encode()) + value for key, value in said.items())
    frame.f_locals['channel'].send(b'd' + struct.pack('<I', len(said)) + told)
"""
HOSTILE = {
    "a number too long to be written": (
        "tell(outputs=b'l' + bytes(4), failure=b't' + struct.pack('<I', 3) + number(7**20_000) + text(b'') * 2)"
    ),
    "keys that collide": (
        "keys = b''.join(b'I' + struct.pack('<I', 11) + (k * (2**61 - 1)).to_bytes(11, 'little') + b'N' for k in range(1, 90_000))\n"
        "tell(outputs=b'd' + struct.pack('<I', 89_999) + keys)"
    ),
    "no answer at all": "frame.f_locals['channel'].send(b'T' + b'l' * 90)",
}


@pytest.mark.parametrize("said", HOSTILE)
def test_what_a_learner_tells_the_grader_itself_stops_nobody(said: str) -> None:
    """Its process writes to the line on which the grader learns what became of a cell."""
    data = notebook(CASE, {"a": "def a():\n    return 1"}, f"{TELL}{HOSTILE[said]}\ntime.sleep(0.5)\nos._exit(0)")
    started = time.monotonic()
    grade = grade_json(CASE, data)
    assert not grade.infrastructure_error
    assert time.monotonic() - started < 4.0


@pytest.mark.parametrize("cells", [[{"cell_type": "code", "source": "1", "metadata": {}}] * 3_000, [[[]] * 1_000_000]])
def test_a_notebook_has_few_parts(cells: list[Any]) -> None:
    grade = grade_json(CASE, {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})
    assert not grade.gradable
    assert "more than the 2,000" in str(grade.reason) or "too many parts" in str(grade.reason)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_json_gives_a_plan_or_a_reason(data: st.DataObject) -> None:
    """Random damage to a good notebook."""
    document: Any = notebook(CASE, {})
    for _ in range(data.draw(st.integers(1, 5))):
        node: Any = document
        for _ in range(data.draw(st.integers(0, 5))):
            keys = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            if not isinstance(node[key], (dict, list)) or not node[key]:
                break
            node = node[key]
        if isinstance(node, dict) and node:
            node[data.draw(st.sampled_from(sorted(node)))] = data.draw(JUNK)
        elif isinstance(node, list) and node:
            node[data.draw(st.integers(0, len(node) - 1))] = data.draw(JUNK)
    try:
        plan = plan_submission(blueprint(CASE), read_submission(json.dumps(document).encode(), 1 << 20))
    except NotGradable:
        return
    assert [s.grade_id for s in plan.steps if s.kind == "test"] == ["test_a", "test_b"]
    assert all(s.source == CASE.source(s.grade_id) for s in plan.steps if s.kind in ("test", "given"))
