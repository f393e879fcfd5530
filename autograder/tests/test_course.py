"""Chapters and their order come from `_toc.yml` alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.course import Course, CourseError

TOC = """
format: jb-book
root: book/start_here/welcome
parts:
- caption: One
  chapters:
  - file: book/one/b
    sections:
    - file: exercises/b/b
  - file: book/one/a
"""


@pytest.fixture
def course(tmp_path: Path) -> Course:
    (tmp_path / "_toc.yml").write_text(TOC)
    for stem in ("a", "b", "unlisted"):
        (tmp_path / "solutions" / stem).mkdir(parents=True)
        (tmp_path / "solutions" / stem / f"{stem}.md").touch()
    return Course(tmp_path)


def test_order_and_part_come_from_the_table_of_contents(course: Course) -> None:
    assert [(c.stem, c.part) for c in course.chapters] == [("welcome", "start_here"), ("b", "one"), ("a", "one")]
    assert course.stems == ["b", "a", "unlisted"]
    assert course.chapter("b") == course.root / "book/one/b.md"


def test_unknown_stems_are_named(course: Course) -> None:
    assert course.select(["a"]) == ["a"]
    assert course.select([]) == course.stems
    with pytest.raises(CourseError, match="no assignment 'c'; choose from: b, a, unlisted"):
        course.select(["c"])


def test_the_checkout_is_found_from_below(course: Course, tmp_path: Path) -> None:
    assert Course.find(tmp_path / "solutions" / "a").root == tmp_path
    with pytest.raises(CourseError, match="not inside a checkout"):
        Course.find(Path("/"))
    assert Course.find(Path("/"), own=True).root == Path(__file__).resolve().parents[2]
