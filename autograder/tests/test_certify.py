"""Certify finds a test that catches nothing, one that refuses right code, and everything else CONTRIBUTING asks for."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.catalogue import CatalogueError, read_alternatives, read_equivalents
from autograder.certificate import content_hash, read_measured, write_measured
from autograder.certify import Inline, certify, certify_all
from autograder.cli import main
from autograder.course import Course, CourseError
from autograder.master import read_master
from autograder.mutants import mutants_of
from autograder.tests.conftest import CHECKOUT as ROOT
from autograder.trials import TIME_OUT, Attempt, Cells, run_task

CHECKOUT = Course(ROOT)
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

EQUIVALENT = """
mean_square:
  - reason: NumPy's float64 is a Python float too.
    mutants:
      return float(np.mean(np.square(x))):
        - float(np.mean(np.square(x))) → np.mean(np.square(x))
safe_log:
  - reason: It only silences a warning.
    mutants:
      with np.errstate(divide="ignore"):
        - np.errstate(divide='ignore') → np.errstate()
"""


@pytest.fixture
def course(tiny_course: Course) -> Course:
    (tiny_course.root / "_toc.yml").write_text("format: jb-book\nroot: book/one/tiny\n")
    chapter = tiny_course.root / "book" / "one" / "tiny.md"
    chapter.parent.mkdir(parents=True)
    chapter.write_text("(tiny-mean)=\n# Tiny\n")
    tiny_course.wrong("tiny").write_text(WRONG)
    tiny_course.variants("tiny").write_text(VARIANTS)
    tiny_course.equivalents("tiny").write_text(EQUIVALENT)
    return Course(tiny_course.root)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def findings(course: Course) -> str:
    return "\n".join(certify(course, "tiny", seeds=2, variant_seeds=2).findings)


def test_a_sound_topic_is_certified(course: Course) -> None:
    certificate = certify(course, "tiny", seeds=3, variant_seeds=2)
    assert certificate.findings == []
    assert (certificate.total("wrongs"), certificate.total("variants"), certificate.total("equivalents")) == (8, 1, 2)
    assert certificate.total("mutants") == certificate.total("killed") + 2
    square, _ = certificate.tasks
    assert square.legitimate < 0.01 < 1 < square.mildest  # the loop rounds otherwise; the mildest wrong solution is off by much more
    assert {w.name: w.visible for w in square.wrongs} == dict.fromkeys(["sum_of_squares", "square_of_mean", "unbiased", "variance"], True)


HIDDEN_LOG = '''hidden_input = np.array([0.0, 1.0, 7.5])
check_close(safe_log(hidden_input), np.array([-np.inf, 0.0, 2.0149030205422647]), "minus infinity at zero")
'''
VISIBLE_LOG = 'check_close(safe_log(np.array([1.0])), np.array([0.0]), "log 1 is 0")'
NEIGHBOUR = 'check_close(mean_square(np.ones(1)), 1, "a neighbour")\n'
WITH = "      with np.errstate"
STALE = "      return np.log(x):\n        - np.log(x) → np.log2(x)\n"
BASE_TWO = 'section="tiny-mean", misconception="Base 2."'


@pytest.mark.parametrize(
    ("finding", "edits"),
    [
        ("is not caught by test_safe_log", [("tiny.md", "check_close(safe_log(hidden_input)", "check_close(np.log(hidden_input)")]),
        ("passes the mutant in the line `return np.log(x)`", [("tiny.md", HIDDEN_LOG, "")]),
        ("safe_log, line `return np.log(x)`: np.log(x) → np.log2(x) is caught by the tests", [("equivalent.yml", WITH, STALE + WITH)]),
        ("is no mutant of the reference any more", [("equivalent.yml", "np.errstate()", "np.nothing()")]),
        ("there is no task 'cube'", [("equivalent.yml", "safe_log:", "cube:")]),
        ("fails on the reference when it runs alone (NameError", [("tiny.md", "hidden_input = np", "x\nhidden_input = np")]),
        ("passes on the blank", [("tiny.md", HIDDEN_LOG, ""), ("tiny.md", VISIBLE_LOG, "check(True, 'fine')")]),
        ("fails on the reference with seed 0", [("tiny.md", "hidden_total / 17", "hidden_total / 16")]),
        ("loop fails test_mean_square", [("variants.py", "len(x)", "(len(x) + 1e-4)")]),
        ("no label (no-such)=", [("wrong.py", BASE_TWO, BASE_TWO.replace("tiny-mean", "no-such"))]),
        ("names the test 'test_x', its task has test_safe_log", [("wrong.py", f'test_safe_log", {BASE_TWO}', f'test_x", {BASE_TWO}')]),
        ("has 3 wrong", [("wrong.py", f'@wrong("safe_log", caught_by="test_safe_log", {BASE_TWO})', "")]),
        ("variance sinks test_safe_log too", [("tiny.md", HIDDEN_LOG, HIDDEN_LOG + NEIGHBOUR)]),
    ],
)  # fmt: skip
def test_what_is_unsound_is_found(course: Course, finding: str, edits: list[tuple[str, str, str]]) -> None:
    for file, old, new in edits:
        edit(course.master("tiny").parent / file, old, new)
    assert finding in findings(course)


def test_a_wrong_solution_of_nothing_is_refused_with_what_there_is(course: Course) -> None:
    edit(course.wrong("tiny"), f'@wrong("safe_log", caught_by="test_safe_log", {BASE_TWO})', f'@wrong("log", caught_by="x", {BASE_TWO})')
    message = r"wrong\.py:25: base_two replaces 'log', which no solution cell defines; choose from: mean_square, safe_log"
    with pytest.raises(CatalogueError, match=message):
        certify(course, "tiny", seeds=1, variant_seeds=1)


@pytest.mark.parametrize(("text", "cause"), [("safe_log: [{mutants: {}}]", "reason"), ("- safe_log", "takes a list"), ("a: [", "expected")])
def test_a_list_of_equivalents_that_cannot_be_read_is_refused(course: Course, text: str, cause: str) -> None:
    course.equivalents("tiny").write_text(text)
    with pytest.raises(CatalogueError, match=rf"(?s)equivalent\.yml.*{cause}"):
        certify(course, "tiny", seeds=1, variant_seeds=1)


def test_an_endless_loop_and_a_greedy_one_are_cut_and_count_as_caught(course: Course) -> None:
    cells = Cells.of(read_master(course.master("tiny")))
    bodies = ("while True: pass", "return [0] * 10**12", "import os; os._exit(3)", "return 2.5")
    attempts = [Attempt(f"def mean_square(x):\n    {body}") for body in bodies]
    run = run_task(cells, "mean_square", "test_mean_square", attempts, patience=1.0)
    messages = [str(outcome.failure) for outcome in run.outcomes]
    assert messages[0] == TIME_OUT
    assert messages[1].startswith("MemoryError")
    assert messages[2] == "the process died"
    assert messages[3].startswith("CheckFailed: average, not sum")


def test_attempts_do_not_reach_each_other(course: Course) -> None:
    cells = Cells.of(read_master(course.master("tiny")))
    spoil = "np.square = np.abs\ndef mean_square(x):\n    return 0"
    own = dict(cells.code)["mean_square"]
    run = run_task(cells, "mean_square", "test_mean_square", [Attempt(spoil), Attempt(own)])
    assert [outcome.failure is None for outcome in run.outcomes] == [False, True]


def known(course: Course) -> bool:
    """Whether certifying takes an earlier run's word."""
    ((_, known),) = certify_all(course, ["tiny"], 1, 1, everything=False, pool=Inline())
    return known


def test_only_what_changed_is_run_again(course: Course) -> None:
    assert [known(course), known(course)] == [False, True]
    edit(course.master("tiny"), '"average, not sum")', '"average, not sum", rtol=1e-6)')
    assert not known(course)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("tiny.md", '"average, not sum")', '"average, not sum", atol=1e-8)'),
        ("wrong.py", "np.sum(np.square(x))", "2 * np.sum(np.square(x))"),
        ("variants.py", "a loop", "one by one"),
        ("equivalent.yml", "silences", "only silences"),
        ("../../book/one/tiny.md", "(tiny-mean)=", "(tiny-mean)=\n(tiny-more)="),
    ],
)
def test_a_change_of_any_of_its_files_is_a_change_of_the_assignment(course: Course, file: str, old: str, new: str) -> None:
    before = content_hash(course, "tiny", {"numpy"}, 1, 1)
    edit(course.master("tiny").parent / file, old, new)
    assert content_hash(course, "tiny", {"numpy"}, 1, 1) != before


@pytest.mark.parametrize("module", ["checks", "trials", "proof", "hints", "mutation_operators", "engine/tester", "engine/rpc"])
def test_a_change_of_the_tool_is_a_change_of_every_assignment(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    tool = tmp_path / "tool"
    shutil.copytree(ROOT / "autograder", tool / "autograder", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    monkeypatch.setattr("autograder.certificate.TOOL", tool)
    before = content_hash(course, "tiny", {"numpy"}, 1, 1)
    path = tool / "autograder" / f"{module}.py"
    path.write_text(path.read_text() + "\n")
    assert content_hash(course, "tiny", {"numpy"}, 1, 1) != before


def test_the_helpers_and_the_libraries_of_the_notebook_count(course: Course) -> None:
    helper = course.root / "book" / "helper.py"
    helper.write_text("from book.deeper import x\n")
    hashes = [content_hash(course, "tiny", {"numpy", "book.helper"}, 1, 1)]
    helper.with_name("deeper.py").write_text("x = 1\n")
    hashes.append(content_hash(course, "tiny", {"numpy", "book.helper"}, 1, 1))
    hashes.append(content_hash(course, "tiny", {"book.helper"}, 1, 1))
    assert len(set(hashes)) == 3


def test_one_task_is_proved_alone_and_certifies_nothing(course: Course) -> None:
    edit(course.wrong("tiny"), "np.log2(x)", "np.log(x)")  # a fault of the other task
    ((certificate, _),) = certify_all(course, ["tiny"], 2, 2, tasks=("mean_square",), everything=False, pool=Inline())
    assert certificate.findings == []
    assert [task.name for task in certificate.tasks] == ["mean_square"]
    assert not known(course)
    ((certificate, _),) = certify_all(course, ["tiny"], 2, 2, tasks=("safe_log",), everything=False, pool=Inline())
    assert any("base_two is not caught" in finding for finding in certificate.findings)


def test_an_unknown_task_is_answered_with_those_there_are(course: Course) -> None:
    with pytest.raises(CourseError, match=r"there is no task 'cube'; choose from: mean_square, safe_log"):
        next(certify_all(course, ["tiny"], 1, 1, tasks=("cube",), pool=Inline()))


@pytest.mark.parametrize("arguments", [["--task", "x"], ["a", "b", "--task", "x"], ["tiny", "--task", "mean_square", "--write"]])
def test_tasks_belong_to_one_assignment_and_are_not_written_down(
    course: Course, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(course.root)
    result = CliRunner().invoke(main, ["certify", *arguments])
    assert result.exit_code == 2
    assert "autograder certify STEM --task NAME" in " ".join(result.output.split())


def test_the_margin_and_the_notebooks_time_are_reported(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(course.root)
    result = CliRunner().invoke(main, ["certify", "tiny", "--seeds", "2", "--variant-seeds", "2", "--margins"])
    text = " ".join(result.output.split())
    assert result.exit_code == 0, text
    assert re.search(r"the worst right solution is off by [\d.e-]+ tolerances, the mildest wrong one [\d.e+]+", text)
    assert re.search(r"test_mean_square: average, not sum: right [\d.e-]+, wrong [\d.e+]+ tolerances", text)
    certificate = certify(course, "tiny", 2, 2)
    assert 0 < certificate.notebook_seconds < 10
    monkeypatch.setattr("autograder.proof.LONGEST", certificate.notebook_seconds / 1000)
    assert "the whole notebook with its tests takes" in findings(course)


def test_what_the_book_shows_names_no_check(course: Course) -> None:
    certificate = certify(course, "tiny", seeds=1, variant_seeds=1)
    path = write_measured(course, [certificate])
    assert "average, not sum" in " ".join(certificate.checks)
    assert "average, not sum" not in path.read_text()
    (read,) = read_measured(course)
    assert [task.operators for task in read.tasks] == [task.operators for task in certificate.tasks]


@pytest.mark.parametrize("stem", CHECKOUT.stems)
def test_the_figures_of_the_book_are_those_of_the_sources(stem: str) -> None:
    """All counts follow from the sources alone, given that every survivor is listed, which `certify` itself proves."""
    measured = {certificate.stem: certificate for certificate in read_measured(CHECKOUT)}
    assert stem in measured, f"run `autograder certify {stem} --write`"
    assignment, equivalents = read_master(CHECKOUT.master(stem)), read_equivalents(CHECKOUT.equivalents(stem))
    wrongs, variants = read_alternatives(CHECKOUT.wrong(stem), "wrong"), read_alternatives(CHECKOUT.variants(stem), "variant")
    told = []
    for record in measured[stem].tasks:
        named = [(w.name, w.misconception, w.section) for w in record.wrongs]
        told.append((record.name, named, record.variants, record.operators, record.equivalents, record.killed))
    counted = []
    for task in assignment.tasks:
        mutants, known = mutants_of(assignment.source(task.solution_id)), equivalents.get(task.name, {})
        own = [(w.name, w.misconception, w.section) for w in wrongs if assignment.task_defining(w.target) is task]
        other = sum(assignment.task_defining(v.target) is task for v in variants)
        operators = dict(Counter(mutant.operator for mutant in mutants))
        counted.append((task.name, own, other, operators, len(known), len(mutants) - len(known)))
    assert told == counted, f"run `autograder certify {stem} --write` and commit what it wrote"


def test_worker_processes_give_what_this_process_gives(course: Course) -> None:
    ((certificate, _),) = certify_all(course, ["tiny"], 2, 1)
    alone = certify(course, "tiny", 2, 1)
    assert certificate.findings == alone.findings == []
    assert (certificate.tasks, certificate.checks) == (alone.tasks, alone.checks)
