"""Verifying grades: the same where nothing changed, and a word for each thing that did."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext

import nbformat
import pytest

from autograder.course import Course
from autograder.engine import Engine
from autograder.grade import grade_class
from autograder.gradebook import open_gradebook
from autograder.tests.conftest import answered, reference_answers, submit
from autograder.verify import Verified, verify_class

Cells = dict[str, nbformat.NotebookNode]
UNSTEADY = """import time
print(time.time(), object())
def mean_square(x):
    print(time.perf_counter())
    raise RuntimeError(f"{object()} at {time.time()}")"""


def verified(course: Course, engine: Engine) -> dict[str, Verified]:
    return {line.student: line for line in verify_class(course, lambda: nullcontext(engine), ["tiny"])}


def test_every_kind_of_difference_is_reported(tiny_course: Course, engine: Engine) -> None:
    reference = reference_answers(tiny_course, "tiny")
    for student in ("same", "marked_up", "gradebook", "resubmitted", "older", "unrecorded", "gone"):
        submit(tiny_course, student, "tiny", answered(tiny_course, "tiny", reference if student != "marked_up" else {}))
    submit(tiny_course, "ungraded", "tiny", "{")
    list(grade_class(tiny_course, lambda: nullcontext(engine), ["tiny"], seed=3))
    assert {line.verdict for line in verified(tiny_course, engine).values()} == {"same"}

    def alter(student: str, change: object) -> None:
        path = tiny_course.autograded(student, "tiny").with_name("grade.json")
        kept = json.loads(path.read_text())
        change(kept)  # type: ignore[operator]
        path.write_text(json.dumps(kept))

    alter("marked_up", lambda kept: kept["tasks"][0].update(score=2.0, status="passed"))
    alter("older", lambda kept: kept["record"].update(environment="another"))
    with open_gradebook(tiny_course) as gradebook:
        gradebook.find_grade("test_safe_log", "tiny", "tiny", "gradebook").auto_score = 0.0
        gradebook.db.commit()
    tiny_course.autograded("unrecorded", "tiny").with_name("grade.json").unlink()
    shutil.rmtree(tiny_course.submission("gone", "tiny").parent)
    submit(tiny_course, "new", "tiny", answered(tiny_course, "tiny", reference))
    tiny_course.submission("resubmitted", "tiny").write_text(answered(tiny_course, "tiny", {}))

    lines = verified(tiny_course, engine)
    assert {student: line.verdict for student, line in lines.items()} == {
        "same": "same", "marked_up": "different", "gradebook": "different", "resubmitted": "changed", "older": "same",
        "unrecorded": "different", "gone": "changed", "new": "ungraded",
    }  # fmt: skip
    assert "mean_square: 2 (passed) then, 0" in " ".join(lines["marked_up"].remarks)
    assert lines["gradebook"].remarks[0] == "test_safe_log: 0 in the gradebook, 3 in the record"
    assert "without a record" in lines["unrecorded"].remarks[0]
    assert "submission has changed" in lines["resubmitted"].remarks[0]
    assert lines["older"].remarks == ("the environment has changed since",)

    tiny_course.master("tiny").write_text(tiny_course.master("tiny").read_text().replace("# Tiny", "# Tiny again"))
    later = verified(tiny_course, engine)
    assert "the master has changed since" in later["same"].remarks[0]
    assert (later["same"].verdict, later["gradebook"].verdict) == ("changed", "different")


def graded_once(course: Course, engine: Engine, **answers: str) -> None:
    submit(course, "ada", "tiny", answered(course, "tiny", answers))
    list(grade_class(course, lambda: nullcontext(engine), ["tiny"]))


def test_what_differs_each_time_is_no_difference(tiny_course: Course, engine: Engine) -> None:
    graded_once(tiny_course, engine, mean_square=UNSTEADY)
    assert verified(tiny_course, engine)["ada"] == Verified("ada", "tiny", "same")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda cells: cells["test_safe_log"].outputs.clear(), "test_safe_log: other outputs in the autograded notebook"),
        (lambda cells: cells["mean_square"].outputs[0].update(text="1.0"), "mean_square: other outputs in the autograded notebook"),
        (lambda cells: cells["safe_log"].update(source="pass"), "safe_log: other source in the autograded notebook"),
        (
            lambda cells: cells["test_safe_log"].metadata.nbgrader.update(points=9),
            "test_safe_log: other metadata in the autograded notebook",
        ),
    ],
)
def test_a_cell_that_was_altered_after_grading_is_named(
    tiny_course: Course, engine: Engine, change: Callable[[Cells], None], said: str
) -> None:
    graded_once(tiny_course, engine, mean_square=UNSTEADY)
    path = tiny_course.autograded("ada", "tiny")
    notebook = nbformat.read(path, as_version=4)
    change({cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata})
    nbformat.write(notebook, path)
    line = verified(tiny_course, engine)["ada"]
    assert line.verdict == "different"
    assert line.remarks[0].startswith(said)
    assert line.remarks[1:] == ("`autograder grade tiny --student ada --again` writes it anew",)


def test_cells_that_came_or_went_and_an_unreadable_notebook_are_named(tiny_course: Course, engine: Engine) -> None:
    graded_once(tiny_course, engine)
    path = tiny_course.autograded("ada", "tiny")

    def said(change: Callable[[list[nbformat.NotebookNode]], object]) -> str:
        notebook = nbformat.reads(whole, as_version=4)
        change(notebook.cells)
        nbformat.write(notebook, path)
        return verified(tiny_course, engine)["ada"].remarks[0]

    whole = path.read_text()
    assert said(lambda cells: cells.pop()) == "test_safe_log: not in the autograded notebook"
    assert said(lambda cells: cells.reverse()) == "the cells of the autograded notebook are in another order"
    assert "test_safe_log: twice" in said(lambda cells: cells.insert(0, nbformat.from_dict({**cells[-1], "id": "other"})))
    extra = nbformat.v4.new_code_cell("1 + 1", id="mine")
    assert said(lambda cells: cells.append(extra)) == "mine: in the autograded notebook, but not of this submission"
    path.write_text("{")
    assert "can't be read" in verified(tiny_course, engine)["ada"].remarks[0]


def test_feedback_that_was_altered_in_the_record_too_is_noticed(tiny_course: Course, engine: Engine) -> None:
    graded_once(tiny_course, engine)
    for path in tiny_course.autograded("ada", "tiny").parent.glob("*.*"):
        path.write_text(path.read_text().replace("not attempted yet", "well done"))
    line = verified(tiny_course, engine)["ada"]
    assert line.verdict == "different"
    assert line.remarks[0] == "mean_square: the feedback was 'well done' then, and is 'not attempted yet' now"
