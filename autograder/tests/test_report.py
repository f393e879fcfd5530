"""Feedback, report, sample class and the command line, on a class that the engine has graded."""

from __future__ import annotations

import csv
import errno
import fcntl
import json
import threading
from contextlib import nullcontext
from typing import Any

import pytest
from click.testing import CliRunner

from autograder import cli
from autograder.cli.app import console
from autograder.course import Course
from autograder.engine import Engine
from autograder.gradebook import open_gradebook
from autograder.report import by_task, known_mistakes, rows, who_needs_help, write_report
from autograder.results import Grade, TaskGrade
from autograder.sample import PREFIX, sample_class
from autograder.tests.conftest import answered, reference_answers, submit


def run(course: Course, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    monkeypatch.chdir(course.root)
    monkeypatch.setattr(console, "_width", 200)
    result = CliRunner().invoke(cli.main, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


@pytest.fixture(autouse=True)
def one_engine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verbs use the engine that already runs."""
    monkeypatch.setattr("autograder.engine.Engine", lambda: nullcontext(engine))


@pytest.fixture
def graded(tiny_course: Course, monkeypatch: pytest.MonkeyPatch) -> Course:
    reference = reference_answers(tiny_course, "tiny")
    submit(tiny_course, "ada", "tiny", answered(tiny_course, "tiny", reference))
    submit(tiny_course, "bob", "tiny", answered(tiny_course, "tiny", {"mean_square": reference["mean_square"]}))
    submit(tiny_course, "=cmd()", "tiny", "{")
    code, output = run(tiny_course, monkeypatch, "grade")
    assert code == 0, output
    assert "2 graded, 1 not gradable." in output
    assert "grading: 3 of 3" in output  # a line, as this is no terminal
    return tiny_course


def test_rows_and_who_needs_help(graded: Course) -> None:
    lines = {row.student: row for row in rows(graded, ["tiny"])}
    assert (lines["ada"].score, lines["bob"].score, lines["=cmd()"].score) == (5, 2, None)
    assert "not gradable" in lines["=cmd()"].note
    assert [row.student for row in who_needs_help(list(lines.values()))] == ["=cmd()", "bob"]
    assert by_task(list(lines.values())) == {("tiny", "safe_log"): 0.5, ("tiny", "mean_square"): 1.0}


def test_report_files(graded: Course) -> None:
    for path in write_report(graded, ["tiny"]):
        assert path.stat().st_size > 20
    with (graded.reports / "lms.csv").open() as file:
        table = {line["student"]: line["tiny"] for line in csv.DictReader(file)}
    assert table == {"ada": "5", "bob": "2", "'=cmd()": ""}
    page = (graded.reports / "index.html").read_text()
    assert "Who needs help" in page


def test_what_lies_where_nobody_looks_is_named(tiny_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Nothing is handed in" in run(tiny_course, monkeypatch, "grade")[1]
    text = answered(tiny_course, "tiny", {})
    for place in ("ada/tiny.ipynb", "bob/Tiny/tiny.ipynb", "cid.ipynb", "locked/tiny/tiny.ipynb"):
        path = tiny_course.root / "submitted" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr("autograder.submissions._enterable", lambda folder: folder.name != "locked")
    code, output = run(tiny_course, monkeypatch, "grade")
    assert code == 0
    for place in ("submitted/ada/tiny.ipynb", "submitted/bob/Tiny", "submitted/cid.ipynb"):
        assert f"misplaced: {place} is not graded" in output
    assert "submitted/locked can't be read; mend its permissions" in output


def test_two_commands_grade_one_after_the_other(graded: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    with (graded.state / "grading.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        threading.Timer(1.0, lambda: fcntl.flock(held, fcntl.LOCK_UN)).start()
        code, output = run(graded, monkeypatch, "grade")
    assert code == 0
    assert output.index("Another command is grading here") < output.index("2 unchanged")


def test_a_grader_that_fails_is_told_and_is_no_success(tiny_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def grade_many(self, jobs: Any, seed: int = 0) -> Any:
            for index, (assignment, _) in enumerate(jobs):
                failed = [TaskGrade(t.name, t.test_id, 0.0, t.points, "infrastructure", message="no bwrap") for t in assignment.tasks]
                yield index, Grade(assignment.stem, seed, tasks=failed)

    monkeypatch.setattr("autograder.engine.Engine", lambda: nullcontext(Failing()))
    submit(tiny_course, "ada", "tiny", answered(tiny_course, "tiny", {}))
    code, output = run(tiny_course, monkeypatch, "grade")
    assert code == 1
    assert "not graded: ada's tiny: the grader failed, not the learner: no bwrap" in output
    assert "0 graded, 1 failed." in output


def test_a_full_disk_is_an_error_in_a_line(graded: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("autograder.report.write_if_changed", full)
    code, output = run(graded, monkeypatch, "report")
    assert code == 1
    assert f"Error: {graded.root}: No space left on device; mend that" in output


def test_a_note_where_a_mark_is_not_for_what_was_handed_in_last(graded: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    graded.submission("ada", "tiny").write_text(answered(graded, "tiny", {}))
    with open_gradebook(graded) as gradebook:
        gradebook.find_grade("test_safe_log", "tiny", "tiny", "bob").manual_score = 1.5
        gradebook.db.commit()
    notes = {row.student: row.note for row in rows(graded, ["tiny"])}
    assert "the latest is not graded yet" in notes["ada"]
    assert notes["bob"] == ""
    run(graded, monkeypatch, "grade", "--again")
    notes = {row.student: (row.score, row.note) for row in rows(graded, ["tiny"])}
    assert notes["ada"] == (0, "")
    assert notes["bob"][0] == 3.5
    assert "by hand" in notes["bob"][1]
    graded.submission("bob", "tiny").write_text("{")
    run(graded, monkeypatch, "grade")
    run(graded, monkeypatch, "feedback")
    assert "The grade of what you handed in before is kept" in graded.feedback("bob", "tiny").read_text()
    assert "is kept" not in graded.feedback("=cmd()", "tiny").read_text()


def test_feedback_pages(graded: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "3 feedback pages written" in run(graded, monkeypatch, "feedback")[1]
    assert "0 feedback pages written" in run(graded, monkeypatch, "feedback")[1]
    assert "Not gradable" in graded.feedback("=cmd()", "tiny").read_text()
    page = graded.feedback("bob", "tiny").read_text()
    assert "hidden_total" not in page
    assert "hidden_input" not in page


def test_check_shows_every_task_and_keeps_progress(tiny_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = tiny_course.release("tiny")
    answers = {**reference_answers(tiny_course, "tiny"), "safe_log": "def safe_log(x):\n    return np.log(np.maximum(x, 1e-9))\n"}
    notebook.write_text(answered(tiny_course, "tiny", answers))
    code, output = run(tiny_course, monkeypatch, "check", str(notebook))
    assert code == 1
    assert "2 of 5 points" in output
    assert "minus infinity at zero" in output
    assert "hidden_input" not in output
    progress = json.loads((tiny_course.root / ".autograder" / "progress.json").read_text())
    assert progress["assignments"]["tiny"]["passed"] == ["mean_square"]
    notebook.write_text(answered(tiny_course, "tiny", {}))
    assert run(tiny_course, monkeypatch, "check", str(notebook))[0] == 1
    assert json.loads((tiny_course.root / ".autograder" / "progress.json").read_text())["assignments"]["tiny"]["best"] == 2


def test_check_says_what_is_wrong_with_its_argument(tiny_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = run(tiny_course, monkeypatch, "check", "none.ipynb")
    assert code == 1
    assert "there is no file none.ipynb" in output
    (tiny_course.root / "x.ipynb").write_text("{")
    assert "rename it to one of: tiny" in run(tiny_course, monkeypatch, "check", "x.ipynb")[1]
    tiny_course.release("tiny").write_text("{")
    code, output = run(tiny_course, monkeypatch, "check", str(tiny_course.release("tiny")))
    assert code == 1
    assert "Not gradable" in output


def test_every_verb_explains_itself() -> None:
    for name, command in cli.main.commands.items():
        result = CliRunner().invoke(cli.main, [name, "--help"])
        assert result.exit_code == 0
        assert command.help
        assert "Usage" in result.output


def test_the_sample_class_keeps_away_from_a_real_one(tiny_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    written = sample_class(tiny_course)
    assert len(written) == 11
    assert sample_class(tiny_course) == []
    code, output = run(tiny_course, monkeypatch, "grade")
    assert code == 0
    assert "tiny, mean_square: This behaves like a known mistake: The sum is halved, not averaged." in output
    lines = {row.student.removeprefix(PREFIX): row for row in rows(tiny_course, ["tiny"])}
    assert (lines["ada"].score, lines["blaise"].score, lines["kurt"].score) == (5, 0, None)
    assert lines["fatima"].late == "46 h late"
    (first, *_) = known_mistakes(list(lines.values()))
    assert first[:2] == ("tiny", "mean_square")
    assert first[3] > 1
    run(tiny_course, monkeypatch, "sample", "--remove")
    assert rows(tiny_course, ["tiny"]) == []
    submit(tiny_course, "real", "tiny", "{")
    assert sample_class(tiny_course) == []
