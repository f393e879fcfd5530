"""`exercises/` is what the masters say, again and again, and holds no answer and no hidden test."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
import yaml

from autograder.course import Course, CourseError
from autograder.master import read_master
from autograder.release import release, released, text_of

CHECKOUT = Course(Path(__file__).resolve().parents[2])
BEGIN, END = "### BEGIN ", "### END "
SHORTEST = 26  # a shorter line can't be told from ordinary text


def split_regions(source: str) -> tuple[list[str], list[str]]:
    """The lines of a cell outside and inside its BEGIN and END markers."""
    outside: list[str] = []
    within: list[str] = []
    inside = False
    for line in source.splitlines():
        if BEGIN in line or END in line:
            inside = BEGIN in line
        else:
            (within if inside else outside).append(line.strip())
    return outside, within


@pytest.mark.parametrize("stem", CHECKOUT.stems)
def test_committed_exercises_are_fresh(stem: str) -> None:
    fresh = text_of(released(read_master(CHECKOUT.master(stem))))
    assert CHECKOUT.release(stem).read_text() == fresh, f"run `autograder release {stem}` and commit exercises/{stem}"


def test_nothing_else_is_in_exercises() -> None:
    found = {p.relative_to(CHECKOUT.root) for p in (CHECKOUT.root / "exercises").rglob("*") if p.is_file()}
    found = {p for p in found if ".ipynb_checkpoints" not in p.parts}
    assert found == {CHECKOUT.release(stem).relative_to(CHECKOUT.root) for stem in CHECKOUT.stems}


@pytest.mark.parametrize("stem", CHECKOUT.stems)
def test_no_answer_and_no_hidden_test_is_released(stem: str) -> None:
    assignment = read_master(CHECKOUT.master(stem))
    notebook = nbformat.read(CHECKOUT.release(stem), as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    parts = [split_regions(cell.source) for cell in assignment.notebook.cells]
    shown = "\n".join(line for outside, _ in parts for line in outside)
    secrets = {line for _, within in parts for line in within if len(line) >= SHORTEST and line not in shown}
    assert len(secrets) > 20
    assert not {line for line in secrets if line in text}
    assert BEGIN not in text


@pytest.mark.parametrize("stem", CHECKOUT.stems)
def test_the_first_cell_says_how_to_get_what_the_notebook_imports(stem: str) -> None:
    """Whoever downloads it alone otherwise meets `No module named 'autograder'` with no way on."""
    repository = yaml.safe_load((CHECKOUT.root / "_config.yml").read_text())["repository"]["url"]
    first = nbformat.read(CHECKOUT.release(stem), as_version=4).cells[0].source
    assert first.startswith("# ")
    assert f"[the course]({repository})" in first


def test_release_writes_only_what_changed(tiny_course: Course) -> None:
    assert release(tiny_course, "tiny") == []
    master = tiny_course.master("tiny")
    master.write_text(master.read_text().replace("# Tiny", "# Tiny one"))
    assert release(tiny_course, "tiny") == [tiny_course.built_master("tiny"), tiny_course.release("tiny")]


def test_a_notebook_edited_by_hand_is_not_overwritten(tiny_course: Course) -> None:
    path = tiny_course.built_master("tiny")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].source += "\n# a better test"
    path.write_text(nbformat.writes(notebook))
    with pytest.raises(CourseError, match=r"was edited by hand; move what you changed to .*tiny\.md"):
        release(tiny_course, "tiny")
    assert "a better test" in path.read_text()


def test_running_the_notebook_is_no_edit(tiny_course: Course) -> None:
    path = tiny_course.built_master("tiny")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].execution_count = 3
    path.write_text(nbformat.writes(notebook))
    assert release(tiny_course, "tiny") == [path]
