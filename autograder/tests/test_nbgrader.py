"""Plain nbgrader on a course: its commands, the engine behind `autograde`, and what feedback may show."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbgrader.api import Gradebook

from autograder.autograded import as_typed, error_output
from autograder.course import Course
from autograder.engine import Engine
from autograder.feedback_page import _formula, task_names
from autograder.nbgrader_plugin import HIDDEN_NOTE, PAGE_COLUMNS, _wrapped, hidden_lines, sanitised, split_hidden
from autograder.release import release
from autograder.tests.conftest import (
    add_assignment,
    answered,
    make_tiny_course,
    reference_answers,
    submit,
    wrong_answers,
)
from autograder.verify import verify_class

NBGRADER = Path(sys.executable).with_name("nbgrader")
WARNS = "def safe_log(x):\n    print('<b>seen</b>', x)\n    return np.log(x)"  # right, but NumPy warns about log 0
NOSY = """from IPython.display import HTML, display
display(HTML("<script>alert(1)</script><b>bold</b>"))
def mean_square(x):
    print("le" + f"ak: {x}")
    if len(x) == 2:  # the visible test
        return 2.5
    raise ValueError("le" + f"ak: {x}")"""


def nbgrader(folder: Path, *arguments: str, fails: bool = False, **environment: str) -> str:
    """Run an nbgrader command in `folder`, with a home of its own; return what it logs."""
    environment = os.environ | {"HOME": str(folder.parent / f"home_{folder.name}"), "OMP_NUM_THREADS": "1"} | environment
    environment.setdefault("AUTOGRADER_EXCHANGE", str(folder.parent / "exchange"))
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "AUTOGRADER_DB_URL"):
        environment.pop(name, None)
    Path(environment["HOME"]).mkdir(exist_ok=True)
    done = subprocess.run([NBGRADER, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def marks(course: Course) -> dict[str, dict[str, float | None]]:
    """What the gradebook holds: assignment/student → test cell → score."""
    found: dict[str, dict[str, float | None]] = {}
    with Gradebook(f"sqlite:///{course.root / 'gradebook.db'}") as gradebook:
        for assignment in gradebook.assignments:
            for submission in gradebook.assignment_submissions(assignment.name):
                key = f"{assignment.name}/{submission.student.id}"
                found[key] = {grade.cell.name: grade.auto_score for n in submission.notebooks for grade in n.grades}
    return found


# One class, graded by the engine and, in a copy, by nbgrader's own executor.


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """Two assignments with honest, blank, wrong, noisy and unreadable submissions; autograded, with feedback."""
    course = make_tiny_course(tmp_path_factory.mktemp("engine") / "course")
    add_assignment(course, "kl_divergence")
    for stem in ("tiny", "kl_divergence"):
        nbgrader(course.root, "generate_assignment", stem)
        submit(course, "reference", stem, answered(course, stem, reference_answers(course, stem)))
        submit(course, "blank", stem, answered(course, stem, {}))
        for number, answers in enumerate(wrong_answers(course, stem, 2), start=1):
            submit(course, f"wrong{number}", stem, answered(course, stem, answers))
    submit(course, "warns", "tiny", answered(course, "tiny", reference_answers(course, "tiny") | {"safe_log": WARNS}))
    submit(course, "nosy", "tiny", answered(course, "tiny", {"mean_square": NOSY}))
    submit(course, "broken", "tiny", '{"cells": [')
    shutil.copytree(course.root, course.root.parent.parent / f"{course.root.parent.name}_plain" / "course", dirs_exist_ok=True)
    log = nbgrader(course.root, "autograde", "tiny", fails=True)
    assert "submitted/broken/tiny/tiny.ipynb: not gradable" in log
    assert log.count("There was an error processing assignment 'tiny'") == 1
    nbgrader(course.root, "autograde", "kl_divergence")
    nbgrader(course.root, "generate_feedback", "tiny")
    return course


@pytest.fixture(scope="module")
def plainly_graded(graded: Course) -> Course:
    """The same class, graded by nbgrader's own executor."""
    course = Course(graded.root.parent.parent / f"{graded.root.parent.name}_plain" / "course")
    shutil.rmtree(course.root / "submitted" / "broken")
    for stem in ("tiny", "kl_divergence"):
        nbgrader(course.root, "autograde", stem, AUTOGRADER_EXECUTOR="nbgrader")
    nbgrader(course.root, "generate_feedback", "tiny")
    return course


def test_marks_are_those_of_the_reference_the_blank_and_the_wrong(graded: Course) -> None:
    found = marks(graded)
    assert found["tiny/reference"] == {"test_mean_square": 2.0, "test_safe_log": 3.0}
    assert found["tiny/blank"] == {"test_mean_square": 0.0, "test_safe_log": 0.0}
    assert found["tiny/wrong1"] == {"test_mean_square": 0.0, "test_safe_log": 3.0}
    assert found["tiny/wrong2"] == {"test_mean_square": 2.0, "test_safe_log": 0.0}
    assert found["tiny/nosy"] == {"test_mean_square": 0.0, "test_safe_log": 0.0}


def test_a_warning_does_not_fail_a_right_answer(graded: Course, plainly_graded: Course) -> None:
    assert marks(graded)["tiny/warns"]["test_safe_log"] == 3.0
    assert marks(plainly_graded)["tiny/warns"]["test_safe_log"] == 3.0


def test_the_engine_and_nbgrader_give_the_same_marks_cell_by_cell(graded: Course, plainly_graded: Course) -> None:
    ours, theirs = marks(graded), marks(plainly_graded)
    del ours["tiny/broken"]
    assert len(ours) == 10
    assert ours == theirs


def test_an_untouched_answer_is_commented(graded: Course) -> None:
    with Gradebook(f"sqlite:///{graded.root / 'gradebook.db'}") as gradebook:
        comment = gradebook.find_comment("mean_square", "tiny", "tiny", "blank")
        assert comment.auto_comment == "No response."


@pytest.mark.parametrize("student", ["reference", "blank", "wrong1", "wrong2", "warns", "nosy"])
@pytest.mark.parametrize("executor", ["graded", "plainly_graded"])
def test_feedback_holds_no_hidden_test(executor: str, student: str, request: pytest.FixtureRequest) -> None:
    course: Course = request.getfixturevalue(executor)
    text = course.feedback(student, "tiny").read_text()
    assert "mean_square" in text
    for secret in ("leak:", "hidden_total", "hidden_input", "2.0149030205", "0.0, 1.0, 7.5", "BEGIN HIDDEN"):
        assert secret not in text


@pytest.mark.parametrize("executor", ["graded", "plainly_graded"])
def test_feedback_names_the_property_that_fails(executor: str, request: pytest.FixtureRequest) -> None:
    course: Course = request.getfixturevalue(executor)
    assert "average, not sum" in course.feedback("wrong1", "tiny").read_text()
    assert "average, not sum" not in course.feedback("reference", "tiny").read_text()


@pytest.mark.parametrize("executor", ["graded", "plainly_graded"])
def test_feedback_lists_the_tasks_by_name(executor: str, request: pytest.FixtureRequest) -> None:
    course: Course = request.getfixturevalue(executor)
    listed = BeautifulSoup(course.feedback("blank", "tiny").read_text(), "html.parser").select("#toc li")
    assert [" ".join(item.get_text().split()) for item in listed] == [
        "Comment on mean square", "mean square (Score: 0.0 / 2.0)", "Comment on safe log", "safe log (Score: 0.0 / 3.0)",
    ]  # fmt: skip


def test_feedback_shows_formulas_and_loads_nothing(graded: Course) -> None:
    page = BeautifulSoup(graded.feedback("wrong1", "tiny").read_text(), "html.parser")
    assert "frac" in page.select_one("math:has(mfrac) annotation").text  # type: ignore[union-attr]
    assert not page.select("script, link, iframe, img, object, embed, [src]")
    assert not re.findall(r"@import|url\([\"']?(?:https?:)?//", " ".join(style.text for style in page.select("style")))


def test_a_task_is_called_by_the_courses_heading_above_it() -> None:
    def cell(identity: str, **flags: bool) -> nbformat.NotebookNode:
        return nbformat.v4.new_code_cell(metadata={"nbgrader": {"grade_id": identity, "schema_version": 3, **flags}})

    sources = ["# Title", "## First: $x$\n\n### `f` of x ##\ntext", "## My own", "## Third"]
    title, first, own, third = map(nbformat.v4.new_markdown_cell, sources)
    answer = cell("f", solution=True)
    test, more, other, untitled = (cell(f"test_{name}", grade=True) for name in ("f", "f_again", "g", "h_0"))
    notebook = nbformat.v4.new_notebook(cells=[title, untitled, first, answer, test, own, more, third, other])
    assert task_names(notebook, set(sources) - {"## My own"}) == {
        "test_h_0": "h 0", "f": "`f` of x: f", "test_f": "`f` of x: f", "test_f_again": "`f` of x: f again", "test_g": "Third",
    }  # fmt: skip


def test_a_formula_that_katex_does_not_know_is_shown_as_typed() -> None:
    assert "<msup>" in _formula("x^2", False)
    assert _formula(r"\frobnicate{x} < 1", True) == r"<code>\frobnicate{x} &lt; 1</code>"


def test_what_explains_a_failure_is_not_cut_off_at_the_pages_edge() -> None:
    long = "Hint: " + "look at the sum before you divide " * 20
    told = _wrapped(error_output("failed", long))
    assert max(map(len, told.traceback)) <= PAGE_COLUMNS
    assert " ".join(line.strip() for line in told.traceback) == long.strip()


@pytest.mark.parametrize("executor", ["graded", "plainly_graded"])
def test_feedback_runs_no_script_of_the_learner(executor: str, request: pytest.FixtureRequest) -> None:
    course: Course = request.getfixturevalue(executor)
    text = course.feedback("nosy", "tiny").read_text()
    assert "<script>alert" not in text


def test_what_formgrader_opens_runs_no_script_of_the_learner(graded: Course) -> None:
    notebook = nbformat.read(graded.autograded("nosy", "tiny"), as_version=4)
    outputs = str([cell.outputs for cell in notebook.cells if cell.cell_type == "code"])
    assert "<script" not in outputs


def test_export_writes_the_grades(graded: Course) -> None:
    nbgrader(graded.root, "export", "--to", "grades.csv")
    with (graded.root / "grades.csv").open() as file:
        rows = {(row["assignment"], row["student_id"]): row for row in csv.DictReader(file)}
    assert float(rows["tiny", "reference"]["score"]) == 5.0
    assert float(rows["tiny", "wrong2"]["score"]) == 2.0
    assert {row["max_score"] for (stem, _), row in rows.items() if stem == "tiny"} == {"5.0"}


def test_what_nbgrader_wrote_is_verified_too(graded: Course, engine: Engine) -> None:
    lines = {f"{line.stem}/{line.student}": line for line in verify_class(graded, lambda: nullcontext(engine), ["tiny", "kl_divergence"])}
    assert lines.pop("tiny/broken").verdict == "ungraded"
    assert {(line.verdict, line.remarks) for line in lines.values()} == {("same", ())}


def test_a_refusal_is_a_line_and_the_others_are_graded(tiny_course: Course) -> None:
    nbgrader(tiny_course.root, "generate_assignment", "tiny")
    solved = answered(tiny_course, "tiny", reference_answers(tiny_course, "tiny"))
    for student in ("broken", "misnamed", "undated", "whole"):
        submit(tiny_course, student, "tiny", solved if student != "broken" else '{"cells": [')
    misnamed, undated = (tiny_course.submission(student, "tiny") for student in ("misnamed", "undated"))
    misnamed.rename(misnamed.with_name("mine.ipynb"))
    undated.with_name("timestamp.txt").write_text("no date")

    log = nbgrader(tiny_course.root, "autograde", "tiny", fails=True, AUTOGRADER_SANDBOX_FLOOR="nowhere")
    assert "traceback" not in log.lower()
    assert "ERROR] AUTOGRADER_SANDBOX_FLOOR=nowhere is no level of the sandbox; set it to one of" in log

    log = nbgrader(tiny_course.root, "autograde", "tiny", fails=True)
    assert "traceback" not in log.lower()
    assert re.search(
        r"ERROR\] submitted/broken/tiny/tiny\.ipynb: not gradable: the file is not valid JSON .* save the notebook again in JupyterLab "
        r"\(once that is mended: `nbgrader autograde tiny --student broken`\)\n",
        log,
    )
    assert "mine.ipynb: nbgrader grades tiny.ipynb only; rename it, or run `autograder grade tiny --student misnamed`" in log
    assert "undated, tiny: timestamp.txt held no date" in log
    right = {"test_mean_square": 2.0, "test_safe_log": 3.0}
    found = marks(tiny_course)
    assert (found["tiny/undated"], found["tiny/whole"]) == (right, right)


# Authors.


def test_generate_assignment_gives_what_release_gives(tiny_course: Course) -> None:
    (tiny_course.root / "_config.yml").write_text("repository: {url: https://example.org/course}\n")
    for author_only in ("equivalent.yml", "variants.py", "rewritten.py"):  # each quotes the reference
        tiny_course.master("tiny").with_name(author_only).write_text("{}\n")
    release(tiny_course, "tiny")
    released = tiny_course.release("tiny").read_bytes()
    assert b"https://example.org/course" in released
    nbgrader(tiny_course.root, "generate_assignment", "tiny")
    assert tiny_course.release("tiny").read_bytes() == released
    assert [p.name for p in tiny_course.release("tiny").parent.iterdir()] == ["tiny.ipynb"]


def test_generate_assignment_refuses_a_stale_notebook_and_says_what_to_run(tiny_course: Course) -> None:
    master = tiny_course.master("tiny")
    master.write_text(master.read_text().replace("# Tiny", "# Tiny, second edition"))
    log = nbgrader(tiny_course.root, "generate_assignment", "tiny", fails=True)
    assert "run `autograder release tiny`" in log
    assert "traceback" not in log.lower()


# The exchange, with a learner who has a folder and a home of their own.


def test_an_assignment_travels_to_the_learner_and_back_with_feedback(tiny_course: Course, tmp_path: Path) -> None:
    learner = tmp_path / "learner"
    learner.mkdir()
    shutil.copy(tiny_course.root / "nbgrader_config.py", learner)
    nbgrader(tiny_course.root, "generate_assignment", "tiny")
    nbgrader(tiny_course.root, "release_assignment", "tiny")
    assert "ml_researcher_foundations tiny" in nbgrader(learner, "list")
    nbgrader(learner, "fetch_assignment", "tiny")
    notebook = learner / "tiny" / "tiny.ipynb"
    assert [p.name for p in notebook.parent.iterdir()] == ["tiny.ipynb"]
    assert "VALIDATION FAILED ON 2 CELL(S)" in nbgrader(learner, "validate", str(notebook))

    notebook.write_text(answered(tiny_course, "tiny", reference_answers(tiny_course, "tiny") | {"safe_log": WARNS}))
    assert "Success! Your notebook passes all the tests." in nbgrader(learner, "validate", str(notebook))
    nbgrader(learner, "submit", "tiny")
    inbox = next((tmp_path / "exchange" / "ml_researcher_foundations" / "inbound").iterdir())
    (inbox / "grades.txt").symlink_to(tiny_course.root / "gradebook.db")
    handed_in = (inbox / "timestamp.txt").read_text()
    (inbox / "timestamp.txt").write_text("last night")

    assert "Not collected" in nbgrader(tiny_course.root, "collect", "tiny")
    (student,) = (p.name for p in (tiny_course.root / "submitted").iterdir())
    assert not (tiny_course.root / "submitted" / student / "tiny" / "grades.txt").exists()
    assert tiny_course.submission(student, "tiny").with_name("timestamp.txt").read_text() == handed_in
    nbgrader(tiny_course.root, "autograde", "tiny")
    assert marks(tiny_course)[f"tiny/{student}"] == {"test_mean_square": 2.0, "test_safe_log": 3.0}
    nbgrader(tiny_course.root, "generate_feedback", "tiny")
    nbgrader(tiny_course.root, "release_feedback", "tiny")
    nbgrader(learner, "fetch_feedback", "tiny")
    (feedback,) = learner.glob("tiny/feedback/*/tiny.html")
    assert "Score: 5.0 / 5.0" in feedback.read_text()


# Parts, without nbgrader around them.


def test_hidden_lines_are_those_that_stand_nowhere_else() -> None:
    source = "a_visible_line = 1\n### BEGIN HIDDEN TESTS\na_visible_line = 1\na_secret_line = 2\n### END HIDDEN TESTS"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    assert hidden_lines(notebook) == {"a_secret_line = 2"}
    assert split_hidden(source)[0] == f"a_visible_line = 1\n{HIDDEN_NOTE}"
    assert split_hidden("x\n### BEGIN HIDDEN TESTS\ny") == (f"x\n{HIDDEN_NOTE}", ["y"])


def test_markdown_of_the_course_is_left_alone_and_that_of_others_is_shown_as_typed() -> None:
    own, foreign = "> quote, $a < b$ <details>x</details>", "<img src=x onerror=alert(1)>hello <b>there</b>"
    cells = [nbformat.v4.new_markdown_cell(own), nbformat.v4.new_markdown_cell(foreign)]
    notebook = sanitised(nbformat.v4.new_notebook(cells=cells), {own})
    typed = f"```text\n{foreign}\n```"
    assert [cell.source for cell in notebook.cells] == [own, typed]
    raw = nbformat.v4.new_notebook(cells=[nbformat.v4.new_raw_cell(foreign, metadata={"raw_mimetype": "text/html"})])
    assert "onerror" not in sanitised(raw, set()).cells[0].source
    assert as_typed(typed) == typed
    escape = "```text\n```\n[x](javascript:y)\n```"
    assert as_typed(escape) == f"````text\n{escape}\n````"
