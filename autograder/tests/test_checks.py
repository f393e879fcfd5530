"""`autograder.checks`: what holds passes, what does not is named, and no data is shown."""

from __future__ import annotations

import nbclient
import nbformat
import numpy as np
import pytest
import torch

from autograder.checks import (
    HOLDS,
    SEED_VARIABLE,
    CheckFailed,
    check,
    check_close,
    check_raises,
    check_unchanged,
    fresh_rng,
    measure,
    snapshot,
)


def test_check_names_the_property_and_the_hint() -> None:
    check(np.bool_(True), "fine")
    with pytest.raises(CheckFailed, match="weights sum to one\nHint: sum over keys") as failure:
        check(False, "weights sum to one", hint="sum over keys")
    assert failure.value.property == "weights sum to one"


def test_check_refuses_an_array_for_a_truth_value() -> None:
    with pytest.raises(CheckFailed, match="not a single true or false"):
        check(np.array([True, False]), "one value")


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (1.0, 1.0 + 1e-12),
        (np.array([1.0, np.nan, np.inf]), np.array([1.0, np.nan, np.inf])),
        (torch.ones(2, 3, requires_grad=True), np.ones((2, 3))),
        (torch.ones(2, dtype=torch.bfloat16), np.ones(2)),
        ([np.ones(2), {"a": 1}], (np.ones(2), {"a": 1})),
        ([0.5, 0.5], [0.5, 0.5]),
        (np.zeros((0, 3)), np.zeros((0, 3))),
    ],
)
def test_check_close_accepts(actual: object, expected: object) -> None:
    check_close(actual, expected, "equal")


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (1.0, 1.1),
        (np.ones(3), np.ones((1, 3))),
        (np.ones(3), 1.0),
        (np.array([np.nan]), np.array([1.0])),
        (np.array([np.inf]), np.array([-np.inf])),
        (None, 1.0),
        ("1.0", 1.0),
        ([1.0, [2.0]], [1.0, 2.0]),
        ([np.ones(2)], [np.ones(2), np.ones(2)]),
        ({"a": 1}, {"a": 1, "b": 2}),
        (object(), np.ones(2)),
        (np.array([True, False]), np.array([False, False])),
        (np.array([3], np.uint8), np.array([5], np.uint8)),
    ],
)
def test_check_close_refuses(actual: object, expected: object) -> None:
    with pytest.raises(CheckFailed):
        check_close(actual, expected, "equal")


def test_check_close_looks_at_the_dtype() -> None:
    check_close(np.ones(2, np.float32), np.ones(2), "float32", dtype=np.float32)
    check_close(torch.ones(2), np.ones(2), "float32", dtype=torch.float32)
    with pytest.raises(CheckFailed, match="dtype float64"):
        check_close(np.ones(2), np.ones(2), "float32", dtype=np.float32)


def test_messages_hold_no_data() -> None:
    secret = np.array([0.123456789, 7.0])
    with pytest.raises(CheckFailed) as failure:
        check_close(secret + np.array([0.0, 1.0]), secret, "the property")
    assert "0.1234" not in str(failure.value)
    assert "8" not in str(failure.value).replace("1e-07", "").replace("1e-09", "")


def test_a_visible_check_shows_what_it_got() -> None:
    with pytest.raises(CheckFailed, match=r"you got 0\.1178, expected 0\.1308\nHint: swapped"):
        check_close(0.1178, 0.1308, "the example", hint="swapped")
    with pytest.raises(CheckFailed, match="off by up to"):
        check_close(np.zeros(7), np.ones(7), "the example", hint="too long to show")


@pytest.mark.parametrize(
    ("actual", "expected", "shown"),
    [
        (13.12, np.inf, r"you got 13\.12, expected inf\nHint: clipped"),
        (np.nan, 0.5, r"you got nan, expected 0\.5\n"),
        (np.full(7, np.nan), np.ones(7), "infinite or not-a-number values"),
    ],
)
def test_a_visible_check_shows_infinities_and_nan(actual: object, expected: object, shown: str) -> None:
    with pytest.raises(CheckFailed, match=shown):
        check_close(actual, expected, "the example", hint="clipped")
    with pytest.raises(CheckFailed) as failure:
        check_close(actual, expected, "the example")
    assert "got" not in str(failure.value)


def test_check_raises() -> None:
    def bad(x: int) -> None:
        raise ValueError(x)

    check_raises(ValueError, "refuses", bad, 3)
    check_raises((KeyError, ValueError), "refuses", bad, x=3)
    with pytest.raises(CheckFailed, match="ValueError was raised instead of KeyError"):
        check_raises(KeyError, "refuses", bad, 3)
    with pytest.raises(CheckFailed, match="nothing was raised"):
        check_raises(KeyError, "refuses", len, [])


def test_an_untouched_stub_never_counts_as_raising() -> None:
    def stub() -> None:
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        check_raises(Exception, "refuses", stub)


def test_check_unchanged() -> None:
    before = {"w": [np.ones(2), torch.zeros(2)], "n": 3}
    kept = snapshot(before)
    check_unchanged(kept, before)
    before["w"][0] += 1
    with pytest.raises(CheckFailed, match="inputs left unchanged"):
        check_unchanged(kept, before)
    with pytest.raises(CheckFailed):
        check_unchanged(np.ones(2), np.ones(2, np.float32))


def test_fresh_rng_depends_on_name_and_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(name: str) -> float:
        return float(fresh_rng(name).random())

    first = draw("a")
    assert first == draw("a") != draw("b")
    monkeypatch.setenv(SEED_VARIABLE, "1")
    assert draw("a") != first


@pytest.mark.parametrize(
    ("actual", "expected", "ratio"),
    [
        (1.0, 1.0, 0.0),
        ([1.0, 2.5], [1.0, 2.0], 0.5 / (0.1 + 0.01 * 2.0)),
        (np.array([np.inf, 1.05]), np.array([np.inf, 1.0]), 0.05 / 0.11),
        (np.array([np.nan, 1.0]), np.array([0.0, 1.0]), np.inf),
        (np.zeros(0), np.zeros(0), 0.0),
        (np.array([True]), np.array([False]), 10.0),
        (3j, 3.2j, 0.2 / 0.132),
    ],
)
def test_a_listener_hears_errors_in_units_of_the_tolerance(actual: object, expected: object, ratio: float) -> None:
    heard: list[tuple[str, float]] = []
    measure(lambda prop, value: bool(heard.append((prop, value))) or True)
    try:
        check_close(actual, expected, "a property", rtol=0.01, atol=0.1)  # what fails is passed over
    finally:
        measure(None)
    assert heard == [("a property", pytest.approx(ratio))]


def test_a_listener_that_returns_false_changes_no_verdict() -> None:
    measure(lambda prop, value: False)
    try:
        check_close(1.0, 1.0, "close")
        with pytest.raises(CheckFailed, match="far"):
            check_close(1.0, 2.0, "far")
    finally:
        measure(None)


def test_a_notebook_says_that_all_checks_of_a_cell_have_held() -> None:
    cells = ["from autograder.checks import check", "check(True, 'so it is')", "check(False, 'so it is not')", "'no check(s) here'"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    nbclient.NotebookClient(notebook, allow_errors=True, kernel_name="python3").execute()
    printed = ["".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells]
    assert printed == ["", f"{HOLDS}\n", "", ""]
