"""Certify finds a test that catches nothing, one that refuses right code, and everything else CONTRIBUTING asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.certify import certify
from autograder.course import Course

WRONG = '''
from autograder.catalogue import wrong

@wrong("mean_square", caught_by="test_mean_square", section="tiny-mean", misconception="The sum, not the mean.")
def sum_of_squares(x):
    return float(np.sum(np.square(x)))

@wrong("mean_square", caught_by="test_mean_square", section="tiny-mean", misconception="The mean is squared.")
def square_of_mean(x):
    return float(np.mean(x) ** 2)

@wrong("mean_square", caught_by="test_mean_square", section="tiny-mean", misconception="Divided by n − 1.")
def unbiased(x):
    return float(np.sum(np.square(x)) / (len(x) - 1))

@wrong("mean_square", caught_by="test_mean_square", section="tiny-mean", misconception="Deviations from the mean.")
def variance(x):
    return float(np.var(x))

@wrong("safe_log", caught_by="test_safe_log", section="tiny-mean", misconception="Shifted to avoid log 0.")
def shifted(x):
    return np.log(x + 1e-9)

@wrong("safe_log", caught_by="test_safe_log", section="tiny-mean", misconception="Base 2.")
def base_two(x):
    return np.log2(x)

@wrong("safe_log", caught_by="test_safe_log", section="tiny-mean", misconception="0 for log 0.")
def zero_at_zero(x):
    return np.where(x > 0, np.log(np.maximum(x, 1e-300)), 0.0)

@wrong("safe_log", caught_by="test_safe_log", section="tiny-mean", misconception="log(1 + x).")
def log_one_plus(x):
    return np.log1p(x)
'''
VARIANTS = '''
from autograder.catalogue import variant

@variant("mean_square", why="a loop")
def loop(x):
    return sum(float(v) ** 2 for v in x) / len(x)
'''


@pytest.fixture
def course(tiny_course: Course) -> Course:
    (tiny_course.root / "_toc.yml").write_text("format: jb-book\nroot: book/one/tiny\n")
    chapter = tiny_course.root / "book" / "one" / "tiny.md"
    chapter.parent.mkdir(parents=True)
    chapter.write_text("(tiny-mean)=\n# Tiny\n")
    tiny_course.wrong("tiny").write_text(WRONG)
    tiny_course.variants("tiny").write_text(VARIANTS)
    return Course(tiny_course.root)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def findings(course: Course) -> str:
    return "\n".join(certify(course, "tiny", seeds=2).findings)


def test_a_sound_topic_is_certified(course: Course) -> None:
    certificate = certify(course, "tiny", seeds=3)
    assert certificate.findings == []
    assert (certificate.wrong, certificate.variants) == (8, 1)


HIDDEN_LOG = '''hidden_input = np.array([0.0, 1.0, 7.5])
check_close(safe_log(hidden_input), np.array([-np.inf, 0.0, 2.0149030205422647]), "minus infinity at zero")
'''
VISIBLE_LOG = 'check_close(safe_log(np.array([1.0])), np.array([0.0]), "log 1 is 0")'
NEIGHBOUR = 'check_close(mean_square(np.ones(1)), 1, "a neighbour")\n'
BASE_TWO = 'section="tiny-mean", misconception="Base 2."'


@pytest.mark.parametrize(
    ("finding", "edits"),
    [
        ("is not caught by test_safe_log", [("tiny.md", "check_close(safe_log(hidden_input)", "check_close(np.log(hidden_input)")]),
        ("passes on the blank", [("tiny.md", HIDDEN_LOG, ""), ("tiny.md", VISIBLE_LOG, "check(True, 'fine')")]),
        ("fails on the reference with seed 0", [("tiny.md", "hidden_total / 17", "hidden_total / 16")]),
        ("loop fails test_mean_square", [("variants.py", "len(x)", "(len(x) + 1e-4)")]),
        ("no label (no-such)=", [("wrong.py", BASE_TWO, BASE_TWO.replace("tiny-mean", "no-such"))]),
        ("has 3 wrong", [("wrong.py", f'@wrong("safe_log", caught_by="test_safe_log", {BASE_TWO})', "")]),
        ("variance sinks test_safe_log too", [("tiny.md", HIDDEN_LOG, HIDDEN_LOG + NEIGHBOUR)]),
    ],
)  # fmt: skip
def test_what_is_unsound_is_found(course: Course, finding: str, edits: list[tuple[str, str, str]]) -> None:
    for file, old, new in edits:
        edit(course.master("tiny").parent / file, old, new)
    assert finding in findings(course)
