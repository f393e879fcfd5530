"""What chapters show with `explore`, `ledger` and `quiz`: correct, the same every time, and clear about mistakes."""

from __future__ import annotations

import json
import re
from typing import Any

import ipywidgets
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from book import display as book_display
from book import plotting
from book.display import json_script, number_text, rich_text
from book.ledger import ledger
from book.plotting import explore, use_course_style
from book.quiz import quiz

mpl.use("agg")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Everything displayed, as a book build displays it."""
    outputs: list[Any] = []
    monkeypatch.setenv("BOOK_BUILD", "1")
    monkeypatch.setattr(book_display, "display", outputs.append)
    monkeypatch.setattr(plotting, "display", outputs.append)
    return outputs


def draw(beta: float, steps: int = 1) -> None:
    plt.plot([0, 1], [0, beta * steps])


def data_of(markup: str, kind: str) -> Any:
    found = re.search(rf'<script type="application/json" class="{kind}">(.*?)</script>', markup, re.DOTALL)
    assert found
    return json.loads(found[1])


# explore


def test_explore_draws_every_frame_with_its_own_alt_text(shown: list[Any]) -> None:
    explore(draw, alt="line of slope {beta} times {steps}", beta=[0.0, 0.1 + 0.2], steps=[1, 2, 3], caption="Try $\\beta<1$")
    assert len(shown) == 1
    data = data_of(shown[0].data, "explore-frames")
    assert [axis["values"] for axis in data["axes"]] == [["0", "0.3"], ["1", "2", "3"]]
    assert [frame["alt"] for frame in data["frames"]][4] == "line of slope 0.3 times 2"
    assert len({frame["src"] for frame in data["frames"]}) == 4, "slope 0 looks the same for all three steps"
    assert "\\(\\beta&lt;1\\)" in shown[0].data


def readouts_of(markup: str) -> tuple[str, list[str]]:
    """What stands below the first picture, and what the script may put there."""
    shown = re.search(r'<p class="explore-readout[^>]*aria-live="polite">(.*?)</p>', markup)
    others = re.search(r'<template class="explore-readouts">(.*?)</template>', markup)
    assert shown
    return shown[1], re.findall(r"<p>(.*?)</p>", others[1]) if others else []


def titled(beta: float) -> None:
    _, (left, right) = plt.subplots(1, 2)
    left.set_title(f"slope {beta},\nor $\\beta$")
    right.set_title("a & b", loc="left")


def test_explore_says_in_words_what_the_titles_of_each_frame_say(shown: list[Any]) -> None:
    explore(titled, alt="slope {beta}", beta=[0.1, 0.2], start={"beta": 0.2})
    first, all_of_them = readouts_of(shown[0].data)
    beta = rich_text("$\\beta$")
    assert all_of_them == [f"slope {value},; or {beta}; a &amp; b".replace(",;", ";") for value in (0.1, 0.2)]
    assert first == all_of_them[1]


def test_explore_says_what_the_drawing_returns_rather_than_its_titles(shown: list[Any]) -> None:
    explore(lambda beta: titled(beta) or f"loss {beta}", alt="slope {beta}", beta=[0.1, 0.2])
    assert readouts_of(shown[0].data) == ("loss 0.1", ["loss 0.1", "loss 0.2"])


def test_explore_sets_the_point_apart_from_the_numbers_below_it(shown: list[Any]) -> None:
    explore(lambda beta: titled(beta) or f"the point\n$x={beta}$\n<b>", alt="slope {beta}", beta=[0.1, 0.2])
    assert 'the point <span class="explore-more"><span class="math' in shown[0].data
    assert '<span class="explore-more">&lt;b&gt;</span>' in shown[0].data


def test_explore_leaves_the_telling_to_the_alt_text_where_all_frames_say_the_same(shown: list[Any]) -> None:
    explore(lambda beta: plt.title("always"), alt="slope {beta}", beta=[0.1, 0.2])
    assert readouts_of(shown[0].data) == ("", [])
    assert "explore-unseen" in shown[0].data


def test_explore_starts_where_it_is_told(shown: list[Any]) -> None:
    explore(draw, alt="slope {beta}", beta=[0.0, 0.5, 0.9], start={"beta": 0.5}, labels={"beta": "momentum $\\beta$"})
    assert 'alt="slope 0.5"' in shown[0].data
    assert 'value="1" aria-valuetext="0.5"' in shown[0].data
    assert "momentum <span" in shown[0].data


def test_explore_has_a_label_and_a_native_slider_per_axis(shown: list[Any]) -> None:
    explore(draw, alt="x", beta=[0.0, 1.0], steps=[1, 2])
    ids = re.findall(r'<input type="range" id="([^"]+)"', shown[0].data)
    assert len(ids) == 2
    assert all(f'<label for="{name}">' in shown[0].data and f'<output for="{name}" aria-live="off">' in shown[0].data for name in ids)


def test_the_same_content_gives_the_same_page(shown: list[Any]) -> None:
    for _ in range(2):
        explore(draw, alt="x", beta=[0.0, 1.0])
        quiz(questions(3))
    assert shown[0].data == shown[2].data
    assert shown[1].data == shown[3].data


def test_explore_closes_what_it_opened_and_leaves_the_rest(shown: list[Any]) -> None:
    mine = plt.figure()
    explore(lambda beta: plt.subplots()[1].plot([0, beta]), alt="x", beta=[1, 2])
    assert plt.get_fignums() == [mine.number]
    plt.close(mine)


def test_explore_names_the_values_where_draw_fails(shown: list[Any]) -> None:
    with pytest.raises(RuntimeError, match=r"draw\(beta=0\) failed with ZeroDivisionError"):
        explore(lambda beta: 1 / beta, alt="x", beta=[0, 1])
    assert not plt.get_fignums()


def test_frames_are_small_even_of_noise(shown: list[Any]) -> None:
    noise = np.random.default_rng(0).random((300, 300, 3))
    explore(lambda gain: plt.imshow(noise * gain), alt="noise", gain=[0.5, 1.0])
    for frame in data_of(shown[0].data, "explore-frames")["frames"]:
        assert len(frame["src"]) < 3 * plotting.FRAME_BYTES, "noise is stored with loss"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "at least one axis"),
        ({"beta": [1]}, "at least two values"),
        ({"beta": range(41)}, "41 frames, more than 40"),
        ({"beta": [1, 2], "start": {"beta": 3}}, "not one of its values"),
        ({"beta": [1, 2], "start": {"gamma": 3}}, "no axis"),
        ({"beta": [1, 2], "labels": {"gamma": "g"}}, "name no axis"),
        ({"beta": [1, 2], "alt": "{gamma}"}, "only for beta"),
    ],
)
def test_explore_says_what_does_not_fit(shown: list[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explore(draw, **({"alt": "x"} | options))


def test_explore_is_live_without_a_book_build(shown: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOOK_BUILD")
    explore(draw, alt="x", beta=[0.0, 0.9], steps=[1, 2], start={"beta": 0.9})
    box = next(output for output in shown if isinstance(output, ipywidgets.VBox))
    assert [(slider.description, slider.value) for slider in box.children[:2]] == [("beta", 0.9), ("steps", 1)]
    shown.clear()
    box.children[0].value = 0.0
    box.children[1].value = 2
    figures = [output for output in shown if isinstance(output, Figure)]
    assert [figure.axes[0].lines[0].get_ydata()[1] for figure in figures] == [0.0, 0.0], "drawn anew for each move"
    box.children[0].value = 0.9
    assert shown[-1].axes[0].lines[0].get_ydata()[1] == 0.9 * 2
    assert not plt.get_fignums()


def test_the_style_applies() -> None:
    with plt.rc_context():
        use_course_style()
        assert plt.rcParams["figure.constrained_layout.use"]


# ledger


def row(**changes: Any) -> dict[str, Any]:
    usual = {"source": "Schulman 2020", "cite": "schulman2020kl", "says": "std is 20", "value": 20.0, "gives": 19.9, "tolerance": 0.5}
    return usual | changes


def test_ledger_shows_every_row_and_keeps_the_data(shown: list[Any]) -> None:
    placed = row(at="kl_divergence-estimators")
    ledger([placed, row(says="at most $1$ <b>", value=1, gives=np.float64(0.2), relation="<=", tolerance=None, cite=None)])
    markup = shown[0].data
    assert markup.count("<tr") == 3
    assert 'data-cite="schulman2020kl" data-at="kl_divergence-estimators"' in markup
    assert "20 ± 0.5" in markup
    heads, first = (
        re.findall(r"<th scope=.col. role=.columnheader.>(.*?)</th>", markup),
        re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", markup.split("<tbody")[1])[:4],
    )
    assert dict(zip(heads, first, strict=True)) == {
        "source": "Schulman 2020",
        "quantity": "std is 20",
        "this run gives": "19.9",
        "expected": "20 ± 0.5",
    }
    assert "≤ 1" in markup
    assert "&lt;b&gt;" in markup
    assert [entry["gives"] for entry in data_of(markup, "ledger-data")] == [19.9, 0.2]


@pytest.mark.parametrize(
    "change",
    [{"gives": 20.6}, {"gives": float("nan")}, {"relation": "<=", "gives": 20.6}, {"relation": ">=", "gives": 19.4}],
)
def test_ledger_names_a_row_that_does_not_hold(shown: list[Any], change: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="Schulman 2020 says 'std is 20'"):
        ledger([row(says="fine"), row(**change)])
    assert not shown


@pytest.mark.parametrize("change", [{"relation": "<=", "gives": 20.4}, {"relation": ">=", "gives": 19.6}, {"gives": 20, "tolerance": 0}])
def test_ledger_holds_within_tolerance(shown: list[Any], change: dict[str, Any]) -> None:
    ledger([row(**change)])
    assert len(shown) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"relation": "~"}, "none of"),
        ({"tolerance": None}, "add a tolerance"),
        ({"tolerance": -1}, "not negative"),
        ({"gives": "many"}, "must be one number"),
        ({"claim": 1}, "unknown claim"),
    ],
)
def test_ledger_says_which_row_is_malformed(shown: list[Any], change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"ledger row 2 .*{message}"):
        ledger([row(), row(**change)])


def test_ledger_needs_rows_and_their_keys(shown: list[Any]) -> None:
    with pytest.raises(ValueError, match="at least one row"):
        ledger([])
    with pytest.raises(ValueError, match="add gives, value"):
        ledger([{"source": "x", "says": "y"}])


# quiz


def questions(count: int, **changes: Any) -> list[dict[str, Any]]:
    right = {"answer": "$x<1$", "correct": True, "feedback": "why"}
    wrong = {"answer": "`no`", "correct": False, "feedback": "why not"}
    return [{"question": f"Question {i}?", "answers": [right, wrong | changes]} for i in range(count)]


def test_quiz_is_native_html_with_all_feedback(shown: list[Any]) -> None:
    quiz(questions(3))
    markup = shown[0].data
    assert "<script" not in markup, "the page loads quiz.js itself"
    assert markup.count("<fieldset><legend>") == 3
    assert markup.count('type="radio"') == 6
    assert markup.count('aria-live="polite"') == 3
    assert markup.count("why not") == 3
    assert "\\(x&lt;1\\)" in markup
    assert "<code>no</code>" in markup


def test_quiz_brings_its_script_to_jupyterlab(shown: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOOK_BUILD")
    quiz(questions(3))
    assert "<style>" in shown[0].data
    assert "courseQuiz" in shown[0].data


def test_right_answers_do_not_always_stand_first_and_keep_their_feedback(shown: list[Any]) -> None:
    quiz(questions(6))
    keys = re.findall(r'<ol type="A">(.*?)</ol>', shown[0].data)
    assert {key.startswith('<li data-correct="true">') for key in keys} == {True, False}
    for form in shown[0].data.split("<form")[1:]:
        choices = re.findall(r"<span>(.*?)</span></label>", form)
        key = re.findall(r'<li data-correct="(\w+)"><strong>\w+:</strong> (.*?) <span class="quiz-why">(.*?)</span></li>', form)
        assert [answer for _, answer, _ in key] == choices
        assert {(correct, why) for correct, _, why in key} == {("true", "why"), ("false", "why not")}


def test_several_right_answers_make_check_boxes(shown: list[Any]) -> None:
    asked = questions(3)
    asked[0]["answers"].append({"answer": "also", "correct": True, "feedback": "yes"})
    quiz(asked)
    assert shown[0].data.count('type="checkbox"') == 3
    assert shown[0].data.count("choose all that apply") == 1


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (questions(2), "3 to 6 questions"),
        (questions(7), "3 to 6 questions"),
        (questions(3, feedback=" "), "say in `feedback` why it is wrong"),
        (questions(3, correct=True), "all answers are correct"),
        (questions(3, correct="no"), "True or False"),
        (questions(3, answer="$x<1$"), "two answers are the same"),
        (questions(3, hint="x"), "unknown hint"),
        ([{"question": "q", "answers": [{"answer": "a", "correct": True}] * 2}] * 3, "add feedback"),
        ([{"question": "q", "answers": questions(1)[0]["answers"][1:] * 2}] * 3, "no answer is correct"),
        ([{"question": "q", "answers": []}] * 3, "at least two answers"),
    ],
)
def test_quiz_says_what_is_incomplete(shown: list[Any], asked: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quiz(asked)


# text and numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"), (1.0, "1"), (-0.5, "−0.5"), (-3, "−3"), (1e-5, "1e−05"), (123456.0, "123456"),
        (True, "True"), ("top-k", "top-k"), (np.float32(0.1), "0.1"), (np.int64(7), "7"), (float("inf"), "inf"),
    ],
)  # fmt: skip
def test_numbers_have_no_noise(value: Any, text: str) -> None:
    assert number_text(value) == text


def test_text_is_escaped_and_mathematics_left_to_the_page() -> None:
    assert rich_text("a < b") == "a &lt; b"
    assert rich_text("costs $5 and $6") == "costs $5 and $6"
    assert rich_text("$$x$$") == '<span class="math notranslate nohighlight">\\[x\\]</span>'


def test_data_cannot_close_its_script() -> None:
    assert json_script("k", "</script>").count("</script>") == 1
