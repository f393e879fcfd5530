"""Grading a class: every kind of bad submission has a defined result, the rest is graded, and no grade is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import nbformat
import pytest

from autograder.course import Course
from autograder.engine import Engine
from autograder.feedback import nbgrader_api
from autograder.grade import Graded, grade_class
from autograder.gradebook import open_gradebook, save_assignment, set_due
from autograder.master import read_master
from autograder.report import rows
from autograder.submissions import SET_ASIDE
from autograder.tests.conftest import answered, reference_answers, submit

WRONG_LOG = "def safe_log(x):\n    return np.log2(x)\n"


def grade_all(course: Course, engine: Engine, again: bool = False) -> dict[str, Graded]:
    return {line.student: line for line in grade_class(course, lambda: nullcontext(engine), ["tiny"], again=again)}


def scores_in_gradebook(course: Course) -> dict[str, float]:
    with open_gradebook(course) as gradebook:
        return {s.student.id: s.score for s in gradebook.find_assignment("tiny").submissions}


def edited(course: Course, change: Callable[[list[nbformat.NotebookNode]], None]) -> str:
    """The solved notebook after `change(cells)`."""
    notebook = nbformat.reads(answered(course, "tiny", reference_answers(course, "tiny")), as_version=4)
    change(notebook.cells)
    return nbformat.writes(notebook)


def index_of(cells: list[nbformat.NotebookNode], grade_id: str) -> int:
    return next(i for i, c in enumerate(cells) if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def remove(cells: list[nbformat.NotebookNode], grade_id: str) -> None:
    del cells[index_of(cells, grade_id)]


def retype(cells: list[nbformat.NotebookNode], grade_id: str) -> None:
    old = cells[index_of(cells, grade_id)]
    cells[index_of(cells, grade_id)] = nbformat.v4.new_markdown_cell(old.source, metadata=old.metadata)


def duplicate(cells: list[nbformat.NotebookNode], grade_id: str) -> None:
    copy = nbformat.from_dict(cells[index_of(cells, grade_id)])
    copy.id, copy.source = "copy", "def safe_log(x):\n    return 0\n"
    cells.append(copy)


def test_a_class_with_every_kind_of_bad_submission(tiny_course: Course, engine: Engine, tmp_path: Path) -> None:
    course, reference = tiny_course, reference_answers(tiny_course, "tiny")
    solved = answered(course, "tiny", reference)
    loop = {**reference, "safe_log": "def safe_log(x):\n    while True:\n        pass\n"}
    killed = {**reference, "safe_log": "import os\ndef safe_log(x):\n    os._exit(0)\n"}
    noisy = {**reference, "safe_log": "print('x' * 20_000_000)\n" + reference["safe_log"]}
    contents = {
        "good": solved,
        "blank": answered(course, "tiny", {}),
        "mistaken": answered(course, "tiny", {**reference, "safe_log": WRONG_LOG}),
        "corrupt": solved[: len(solved) // 2],
        "empty": "",
        "not_a_notebook": '{"hello": [1, 2]}',
        "a_list": "[]",
        "cells_gone": edited(course, lambda cells: remove(cells, "safe_log")),
        "tests_gone": edited(course, lambda cells: remove(cells, "test_safe_log")),
        "retyped": edited(course, lambda cells: retype(cells, "safe_log")),
        "duplicated": edited(course, lambda cells: duplicate(cells, "safe_log")),
        "endless": answered(course, "tiny", loop),
        "killed": answered(course, "tiny", killed),
        "noisy": answered(course, "tiny", noisy),
    }
    for student, content in contents.items():
        submit(course, student, "tiny", content)
    renamed = submit(course, "renamed", "tiny", solved)
    renamed.rename(renamed.with_name("my homework.ipynb"))
    linked = submit(course, "linked", "tiny", "")
    linked.unlink()
    elsewhere = tmp_path / "elsewhere.ipynb"
    elsewhere.write_text(solved)
    linked.symlink_to(elsewhere)
    shutil.rmtree(submit(course, "nothing", "tiny", "").parent)
    (course.root / "submitted" / "nothing" / "tiny").mkdir()

    lines = grade_all(course, engine)

    expected = {
        "good": 5, "blank": 0, "mistaken": 2, "cells_gone": 2, "tests_gone": 5, "endless": 2, "killed": 2, "noisy": 5, "renamed": 5,
    }  # fmt: skip
    graded = {student: line.grade.score for student, line in lines.items() if line.grade}
    assert {student: graded.get(student) for student in expected} == expected
    assert graded["retyped"] in (2, 5)
    assert graded["duplicated"] in (2, 5)
    refused = {student: line.problem for student, line in lines.items() if line.grade is None}
    assert set(refused) == {"corrupt", "empty", "not_a_notebook", "a_list", "linked", "nothing"}
    assert all(refused.values())
    assert "link" in refused["linked"]
    assert "my homework.ipynb" in (lines["renamed"].problem or "")
    for student in ("cells_gone", "retyped", "duplicated"):
        assert "safe_log" in (lines[student].problem or ""), student
    assert scores_in_gradebook(course) == graded
    status = {t.name: t.status for t in lines["endless"].grade.tasks}  # type: ignore[union-attr]
    assert status == {"mean_square": "passed", "safe_log": "timeout"}


def test_a_second_run_grades_only_what_changed_and_keeps_hand_given_scores(tiny_course: Course, engine: Engine) -> None:
    course, reference = tiny_course, reference_answers(tiny_course, "tiny")
    submit(course, "ada", "tiny", answered(course, "tiny", reference))
    path = submit(course, "bob", "tiny", answered(course, "tiny", {}))
    first = grade_all(course, engine)
    assert all(line.fresh for line in first.values())
    with open_gradebook(course) as gradebook:
        gradebook.find_grade("test_safe_log", "tiny", "tiny", "ada").manual_score = 1.5
        gradebook.db.commit()
    assert not any(line.fresh for line in grade_all(course, engine).values())
    path.write_text(answered(course, "tiny", reference))
    second = grade_all(course, engine)
    assert (second["ada"].fresh, second["bob"].fresh) == (False, True)
    assert scores_in_gradebook(course) == {"ada": 3.5, "bob": 5}
    assert grade_all(course, engine, again=True)["ada"].fresh
    assert scores_in_gradebook(course) == {"ada": 3.5, "bob": 5}


def test_a_corrupt_resubmission_keeps_the_earlier_grade(tiny_course: Course, engine: Engine) -> None:
    path = submit(tiny_course, "ada", "tiny", answered(tiny_course, "tiny", reference_answers(tiny_course, "tiny")))
    grade_all(tiny_course, engine)
    path.write_text("{")
    assert grade_all(tiny_course, engine)["ada"].fresh
    again = grade_all(tiny_course, engine)["ada"]
    assert (again.grade, again.fresh) == (None, False)
    assert "JSON" in (again.problem or "")
    assert scores_in_gradebook(tiny_course) == {"ada": 5}


def test_an_interrupted_run_is_finished_by_the_next(tiny_course: Course, engine: Engine) -> None:
    reference = reference_answers(tiny_course, "tiny")
    for student in ("ada", "bob", "cid"):
        submit(tiny_course, student, "tiny", answered(tiny_course, "tiny", reference))
    running = grade_class(tiny_course, lambda: nullcontext(engine), ["tiny"])
    next(running)
    running.close()
    # A half-written mark, as a power cut between the gradebook and the file leaves it.
    marker = tiny_course.autograded("bob", "tiny").with_name("grade.json")
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text('{"stem": "ti')
    grade_all(tiny_course, engine)
    assert scores_in_gradebook(tiny_course) == {"ada": 5, "bob": 5, "cid": 5}
    assert json.loads(marker.read_text())["stem"] == "tiny"


def test_being_late_costs_what_nbgraders_setting_says(tiny_course: Course, engine: Engine) -> None:
    solved = answered(tiny_course, "tiny", reference_answers(tiny_course, "tiny"))
    for student, day in (("ada", 1), ("bob", 3)):
        submit(tiny_course, student, "tiny", solved).with_name("timestamp.txt").write_text(f"2026-01-0{day} 12:00:00 UTC")
    save_assignment(tiny_course, read_master(tiny_course.master("tiny")))
    set_due(tiny_course, "tiny", "2026-01-02 12:00:00 UTC")
    settings = tiny_course.root / "nbgrader_config.py"
    free = settings.read_text()
    for text, score in ((free, 5), (free.replace('penalty_method = "none"', 'penalty_method = "zero"'), 0), (free, 5)):
        settings.write_text(text)
        grade_all(tiny_course, engine, again=True)
        assert {row.student: row.score for row in rows(tiny_course, ["tiny"])} == {"ada": 5, "bob": score}
    assert "zero" not in free.split("penalty_method = ")[1].split("#")[0]


def test_a_due_date_that_is_taken_away_takes_its_penalties_along(tiny_course: Course, engine: Engine) -> None:
    solved = answered(tiny_course, "tiny", reference_answers(tiny_course, "tiny"))
    submit(tiny_course, "bob", "tiny", solved).with_name("timestamp.txt").write_text("2026-01-03 12:00:00 UTC")
    save_assignment(tiny_course, read_master(tiny_course.master("tiny")))
    settings = tiny_course.root / "nbgrader_config.py"
    settings.write_text(settings.read_text().replace('penalty_method = "none"', 'penalty_method = "zero"'))
    for due, score in (("2026-01-02 12:00:00 UTC", 0), (None, 5)):
        with open_gradebook(tiny_course) as gradebook:
            gradebook.update_or_create_assignment("tiny", duedate=due)
        grade_all(tiny_course, engine, again=True)
        assert [row.score for row in rows(tiny_course, ["tiny"])] == [score]


@pytest.mark.parametrize("timestamp", ["no date", "", "9" * 500, "2026-01-01" + " " * 300 + "no date"])
def test_a_timestamp_that_is_none_is_set_aside_and_said(tiny_course: Course, engine: Engine, timestamp: str) -> None:
    path = submit(tiny_course, "ada", "tiny", answered(tiny_course, "tiny", {}))
    path.with_name("timestamp.txt").write_text(timestamp)
    for again, fresh in ((False, True), (False, False), (True, True)):
        line = grade_all(tiny_course, engine, again=again)["ada"]
        assert (line.grade is not None, line.fresh) == (True, fresh)
        assert "timestamp.txt held no date" in (line.problem or "")
    assert path.with_name(SET_ASIDE).read_text() == timestamp
    (listed,) = nbgrader_api(tiny_course).get_submissions("tiny")  # as formgrader does
    assert (listed["student"], listed["timestamp"], listed["autograded"]) == ("ada", None, True)


def test_a_timestamp_that_stays_where_it_is_stops_nobody(tiny_course: Course, engine: Engine) -> None:
    path = submit(tiny_course, "ada", "tiny", answered(tiny_course, "tiny", {})).with_name("timestamp.txt")
    path.write_text("no date")
    path.with_name(SET_ASIDE).mkdir()  # so that it can't be moved there
    assert "delete it" in (grade_all(tiny_course, engine)["ada"].problem or "")
    assert path.read_text() == "no date"


def test_names_that_no_gradebook_holds_and_no_terminal_should_get_stop_nobody(tiny_course: Course, engine: Engine) -> None:
    solved = answered(tiny_course, "tiny", reference_answers(tiny_course, "tiny"))
    submitted = submit(tiny_course, "right", "tiny", solved).parents[1]
    for name in ("stu\udcff", "\x1b[2Jstu", "two\nlines"):
        shutil.copytree(submitted, submitted.with_name(name))
    folder = tiny_course.submission("right", "tiny").parent
    (folder / "tiny.ipynb").rename(folder / "\x1b[2J\udcff.ipynb")
    lines = grade_all(tiny_course, engine)
    assert sorted(lines) == ["\\x1b[2Jstu", "right", "stu\\udcff", "two\\nlines"]
    assert [name for name, line in lines.items() if line.grade is not None] == list(scores_in_gradebook(tiny_course)) == ["right"]
    assert all(str(line.problem).isprintable() for line in lines.values())
    assert not any(line.fresh for line in grade_all(tiny_course, engine).values())


def test_a_fault_of_the_grader_that_one_submission_brings_out_is_its_own(
    tiny_course: Course, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(plan: object, session: object, grades: object) -> dict[str, object]:
        if "brings it out" in str(plan):
            raise ValueError("a fault")
        return {}

    monkeypatch.setattr("autograder.engine.engine.cell_outcomes", faulty)
    solved = answered(tiny_course, "tiny", reference_answers(tiny_course, "tiny"))
    submit(tiny_course, "ann", "tiny", solved)
    submit(tiny_course, "bob", "tiny", solved.replace("return ", "assert 'brings it out'; return ", 1))
    lines = grade_all(tiny_course, engine)
    assert lines["ann"].grade is not None
    assert lines["bob"].grade is None
    assert "the grader failed" in str(lines["bob"].problem)
