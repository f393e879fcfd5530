"""The number in a hint must be what a wrong solution gives at that check."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.certify import certify
from autograder.course import Course
from autograder.hints import Claim, claims, judge_hints, meet_hints
from autograder.master import read_master
from autograder.trials import Cells

OLD = '"a small example", hint="Square first, then average."'
SUM = "def mean_square(x):\n    return float(np.sum(np.square(x)))"
PAIR = "def mean_square(x):\n    return [2.25, float('nan')]"


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        ("0.693: natural logs. -1.5: the sign.", [("0.693", "natural logs"), ("-1.5", "the sign")]),
        ("Mean -4 or 0: the start is ignored.", [("-4", "the start is ignored"), ("0", "the start is ignored")]),
        ("[1, 1.5]: by s. Values 3 and 0.5: once.", [("1, 1.5", "by s"), ("3 and 0.5", "once")]),
        ("0.5: by weight, 1: equally.", [("0.5", "by weight"), ("1", "equally")]),
        ("100 means that q_min is missing.", [("100", "that q_min is missing")]),
        ("g2 = 2: a norm. Not a number: 0 · log 0.", [("2", "a norm"), ("Not a number", "0 · log 0")]),
        ("−0.5 in front: the sign.", [("−0.5", "the sign")]),
        ("log(1) is 0: nothing can be divided by it.", []),
        ("Signed 8 bits run from -128 to 127. Here 0 < 1 is false: round down.", []),
        ("-63.5 is a half: it goes to -64.", []),
    ],
)
def test_a_claim_is_a_sentence_that_begins_with_a_number(hint: str, expected: list[tuple[str, str]]) -> None:
    assert claims(hint) == expected


def judged(course: Course, hint: str, *wrong: str, expected: str = "2.5") -> list[Claim]:
    path = course.master("tiny")
    path.write_text(path.read_text().replace("2.5, " + OLD, f'{expected}, "a small example", hint="{hint}"'))
    assignment = read_master(path)
    sources = [assignment.source("mean_square"), *wrong]
    runs = meet_hints(Cells.of(assignment), "mean_square", "test_mean_square", sources)
    return list(judge_hints([f"wrong{number}" for number in range(len(wrong))], runs))


def test_the_number_that_a_wrong_solution_gives_is_founded(tiny_course: Course) -> None:
    (claim,) = judged(tiny_course, "5: a sum.", SUM)
    assert claim == Claim(1, "a small example", "5", "a sum", ("wrong0",))


@pytest.mark.parametrize("number", ["4", "5.1", "4.99", "2.5", "Infinite", "Not a number"])
def test_one_that_none_gives_is_found(tiny_course: Course, number: str) -> None:
    """Also the right answer: the reference gives it, and no wrong solution may be named by it."""
    (claim,) = judged(tiny_course, f"{number}: a sum.", SUM)
    assert "no wrong solution of the task gives that here" in claim.finding


def test_digits_are_compared_as_the_hint_prints_them(tiny_course: Course) -> None:
    third = "def mean_square(x):\n    return 1 / 3"
    assert [claim.finding != "" for claim in judged(tiny_course, "0.3333: a third. 0.33: too. 0.334: no.", third)] == [False, False, True]


def test_of_several_numbers_only_those_that_are_wrong_count_and_all_together_are_in_order(tiny_course: Course) -> None:
    hint = "2.25: the first. Not a number: the second. [2.25, Not a number]: both."
    found = judged(tiny_course, hint, PAIR, expected="[2.5, 2.5]")
    assert [claim.given_by for claim in found] == [("wrong0",)] * 3


def test_a_value_that_is_right_there_names_no_mistake(tiny_course: Course) -> None:
    (claim,) = judged(tiny_course, "2.25: the first.", PAIR, expected="[2.25, 2.5]")
    assert claim.given_by == ()


def test_a_check_that_shows_no_number_may_not_speak_of_one(tiny_course: Course) -> None:
    path = tiny_course.master("tiny")
    path.write_text(path.read_text().replace(OLD, OLD + ')\ncheck(mean_square(np.ones(2)) == 1, "ones", hint="2: a sum."'))
    assignment = read_master(path)
    runs = meet_hints(Cells.of(assignment), "mean_square", "test_mean_square", [assignment.source("mean_square"), SUM])
    assert [claim.line for claim in judge_hints(["sums"], runs) if "only check_close shows" in claim.finding] == [2]


def test_a_solution_that_raises_or_ends_its_process_does_not_stop_the_others(tiny_course: Course) -> None:
    bodies = ("raise KeyError", "import os; os._exit(3)")
    found = judged(tiny_course, "5: a sum.", *(f"def mean_square(x):\n    {body}" for body in bodies), SUM)
    assert [claim.given_by for claim in found] == [("wrong2",)]


def test_certify_tells_it_with_the_line_of_the_check(tiny_course: Course) -> None:
    path: Path = tiny_course.master("tiny")
    path.write_text(path.read_text().replace("Square first, then average.", "5.5: a sum."))
    line = next(number for number, text in enumerate(path.read_text().splitlines(), start=1) if "5.5: a sum" in text)
    found = [finding for finding in certify(tiny_course, "tiny", seeds=1, variant_seeds=1).findings if "hint" in finding]
    assert found == [
        f"{path}:{line}: the hint of 'a small example' says '5.5': no wrong solution of the task gives that here; "
        f"mend the number, or add to wrong.py the one that gives it"
    ]
