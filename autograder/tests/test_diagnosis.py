"""Diagnosis: a failed task is told its misconception, in other words too; a right one is never accused, a strange one not labelled."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autograder.engine import Engine
from autograder.engine.diagnosis import Observation, best_match, scale_of_reference
from autograder.engine.misconceptions import Misconceptions, catalogue, section_title
from autograder.engine.observe import summary
from autograder.master import Assignment, read_master
from autograder.tests.conftest import TINY


def seen(*values: object) -> Observation:
    return [("call None", summary(value), ()) for value in values]


RIGHT = seen(1.0, 2.0, [3.0, 4.0], True)
HALF = seen(0.5, 1.0, [1.5, 2.0], True)
SQUARE = seen(1.0, 4.0, [9.0, 16.0], True)
FALSE = seen(1.0, 2.0, [3.0, 4.0], False)


def test_the_same_behaviour_is_recognised_up_to_rounding() -> None:
    match = best_match(seen(1.0, 4.0000001, [9.0, 16.0000002], True), RIGHT, {"half": HALF, "square": SQUARE, "false": FALSE})
    assert match is not None
    assert match.name == "square"


def test_right_behaviour_is_never_accused() -> None:
    assert best_match(seen(1.0, 2.00000001, [3.0, 4.0], True), RIGHT, {"half": HALF, "square": SQUARE}) is None
    assert scale_of_reference(RIGHT, RIGHT) is None


def test_something_else_is_not_labelled() -> None:
    assert best_match(seen(7.0, 1.0, [0.0, 0.0], True), RIGHT, {"half": HALF, "square": SQUARE, "false": FALSE}) is None
    assert best_match(seen(1.0, 4.0, [1.0, 1.0], False), RIGHT, {"square": SQUARE, "false": FALSE}) is None


def test_the_larger_of_two_mistakes_is_named() -> None:
    match = best_match(seen(1.0, 4.0, [9.0, 16.0], False), RIGHT, {"square": SQUARE, "false": FALSE})
    assert match is not None
    assert match.name == "square"


def test_two_that_behave_alike_are_not_told_apart() -> None:
    assert best_match(SQUARE, RIGHT, {"one": SQUARE, "other": SQUARE}) is None


def test_a_wrong_factor_beside_a_mistake_is_found_and_one_alone_too() -> None:
    match = best_match(seen(-1.0, -4.0, [-9.0, -16.0], True), RIGHT, {"square": SQUARE, "false": FALSE})
    assert match is not None
    assert (match.name, round(match.factor, 6)) == ("square", -1.0)
    assert scale_of_reference(seen(3.0, 6.0, [9.0, 12.0], True), RIGHT) == pytest.approx(3.0)
    assert scale_of_reference(seen(3.0, 6.0, [9.0, 13.0], True), RIGHT) is None


def test_an_error_and_an_early_end_count_as_behaviour() -> None:
    ends = [*seen(1.0), ("call None", ("raised", "IndexError"), ())]
    match = best_match(ends, RIGHT, {"square": SQUARE, "ends": [*seen(1.0), ("call None", ("raised", "IndexError"), ())]})
    assert match is not None
    assert match.name == "ends"


@pytest.fixture
def tiny(tmp_path: Path) -> Assignment:
    """The tiny assignment with its catalogue and a chapter, where a checkout has them."""
    folder = tmp_path / "solutions" / "tiny"
    folder.mkdir(parents=True)
    shutil.copy(TINY, folder / "tiny.md")
    shutil.copy(TINY.with_name("tiny_wrong.py"), folder / "wrong.py")
    chapter = tmp_path / "book" / "part" / "tiny.md"
    chapter.parent.mkdir(parents=True)
    chapter.write_text("# Tiny\n\n(tiny-mean)=\n## Means of squares\n\n:::{prf:theorem} The log\n:label: tiny-log\n:::\n")
    return read_master(folder / "tiny.md")


@pytest.mark.parametrize(
    ("answer", "name", "says"),
    [
        ("def mean_square(x):\n    t = 0.0\n    for v in x:\n        t += v * v\n    return t / 2", "half_of_the_sum", "halved"),
        ("def mean_square(x):\n    return -sum(v * v for v in x) / 2", "half_of_the_sum", "the negative of"),
        ("def mean_square(x):\n    return 3 * float(np.mean(x ** 2))", None, "Every result is 3 times"),
        ("def mean_square(x):\n    return float(np.mean(np.abs(x)))", None, None),
        ("def mean_square(x):\n    while True: pass", None, None),
        ("def mean_square(x):\n    raise NotImplementedError", None, None),
        ("def mean_square(x):\n    return float(np.dot(x, x)) / len(x)", None, None),
    ],
    ids=["rewritten", "negative too", "factor alone", "unknown", "endless", "not attempted", "right"],
)
def test_the_engine_explains(engine: Engine, tiny: Assignment, answer: str, name: str | None, says: str | None) -> None:
    grade = engine.grade_sources(tiny, {"mean_square": answer, "safe_log": tiny.source("safe_log")})
    task = grade.tasks[0]
    assert task.misconception == name
    assert (says in (task.diagnosis or "")) if says else task.diagnosis is None
    if name:
        assert "Reread “Means of squares”" in str(task.diagnosis)
        assert str(task.diagnosis) in str(grade.cells["test_mean_square"].outputs)
    assert "hidden" not in (task.diagnosis or "")
    assert grade.tasks[1].diagnosis is None


def test_behaviour_is_kept_for_the_next_engine_and_a_broken_file_is_made_anew(engine: Engine, tiny: Assignment) -> None:
    (tiny.path.parents[2] / "_toc.yml").write_text("format: jb-book\n")
    answers = {"mean_square": "def mean_square(x):\n    return sum(v * v for v in x) / 2", "safe_log": tiny.source("safe_log")}

    def fresh() -> Misconceptions:
        return Misconceptions(engine.observe, "environment")

    task = tiny.tasks[0]
    first = fresh().known(tiny, task, 0, catalogue(tiny, task))
    (kept,) = (tiny.path.parents[2] / ".autograder" / "behaviour").iterdir()
    again = Misconceptions(lambda *_: pytest.fail("observed again"), "environment").known(tiny, task, 0, catalogue(tiny, task))
    assert (again.reference, again.wrong) == (first.reference, first.wrong)
    kept.write_bytes(b"half a file")
    assert fresh().known(tiny, task, 0, catalogue(tiny, task)).wrong == first.wrong
    assert engine.grade_sources(tiny, answers).tasks[0].misconception == "half_of_the_sum"


def test_what_cannot_be_kept_stops_nobody(engine: Engine, tiny: Assignment) -> None:
    """A full disk; here a file stands where the folder should be."""
    (tiny.path.parents[2] / "_toc.yml").write_text("format: jb-book\n")
    (tiny.path.parents[2] / ".autograder").write_text("")
    alike = Misconceptions(engine.observe, "no room")
    task = tiny.tasks[0]
    assert alike.known(tiny, task, 0, catalogue(tiny, task))


def test_a_section_is_named_by_its_heading_or_its_theorem(tiny: Assignment) -> None:
    assert section_title(tiny, "tiny-mean") == "Means of squares"
    assert section_title(tiny, "tiny-log") == "The log"
    assert section_title(tiny, "nowhere") is None
    assert [entry.name for entry in catalogue(tiny, tiny.tasks[1])] == ["clipped"]
