"""An edit rebuilds little, and what it leaves is what a cold build makes; a failed build stays failed until it is mended.

The builds here are of a copy that has what `bench-book` copies, so they also show that it has all that the book needs.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.bench_book import EDIT, copied
from autograder.book import build_book, preview
from autograder.course import Course, CourseError
from autograder.executed import modules_to_warm, note_executed
from autograder.tests import book_case
from autograder.tests.book_case import COURSE

site = book_case.site
ENTROPY = "book/probability_statistics/entropy.md"
QUIZ = re.compile(r"```\{code-cell\}(?:(?!\n```\n).)*\nquiz\(.*?\n```\n", re.DOTALL)


@pytest.fixture(scope="module")
def tree(site: Path) -> Iterator[Course]:
    """A built copy of the book, with what its chapters have put out already."""
    with copied(COURSE) as course:
        shutil.copytree(COURSE.state / "executed", course.state / "executed")
        build_book(course)
        yield course


def edit(course: Course, path: str, before: str, after: str) -> None:
    text = (course.root / path).read_text()
    assert before in text
    (course.root / path).write_text(text.replace(before, after, 1))


def files(course: Course) -> dict[str, object]:
    """The site. Sphinx's own index, which the book's search doesn't read, keeps words that no page has any more, each with an empty list,
    and its index entries depend on which pages the last build has written; neither is a difference."""
    found: dict[str, object] = {str(p.relative_to(course.site)): p.read_bytes() for p in course.site.rglob("*") if p.is_file()}
    index = json.loads((course.site / "searchindex.js").read_text().removeprefix("Search.setIndex(").removesuffix(")"))
    index.pop("indexentries", None)
    for name in ("terms", "titleterms"):
        index[name] = {word: pages for word, pages in index[name].items() if pages != []}
    return found | {"searchindex.js": index}


def differences(course: Course) -> list[str]:
    """Build the edited tree, then once more with nothing left of the first site; the files that aren't the same."""
    build_book(course)
    edited = files(course)
    shutil.rmtree(course.site.parent)
    build_book(course)
    cold = files(course)
    return sorted(name for name in edited.keys() | cold.keys() if edited.get(name) != cold.get(name) and name != ".built_from")


def test_an_edit_to_one_chapter_leaves_what_a_cold_build_makes(tree: Course) -> None:
    path = tree.root / ENTROPY
    without, count = QUIZ.subn("", path.read_text())
    assert count
    path.write_text(without + EDIT)
    edit(tree, ENTROPY, "Python's own manual", "The manual of Python")
    assert differences(tree) == []


def test_other_pages_follow_what_a_chapter_says(tree: Course) -> None:
    """A renamed chapter and section, another paper, a changed need."""
    edit(tree, ENTROPY, "\n# Entropy", "\n# Renamed entropy")
    edit(tree, ENTROPY, "\n## ", "\n## Renamed: ")
    edit(tree, ENTROPY, "{cite:t}`shannon1951english`", "{cite:t}`huffman1952method`")
    edit(tree, "book/optimization/stochastic_gradient_descent.md", "needs: [", "needs: [entropy, ")
    assert differences(tree) == []
    assert "Renamed entropy" in (tree.site / "book/deep_learning/attention.html").read_text()


def test_a_preview_is_one_chapter_with_its_sources(tree: Course) -> None:
    page = preview(tree, "attention")
    assert re.search(r'bibtex-citation"[^>]*>[^\[]*\[<a [^>]*href="#[^>]*>\d{4}</a>\]', page.read_text())
    assert not (page.parents[1] / "optimization").exists()


def test_a_warning_is_not_lost_by_building_again(tree: Course) -> None:
    """Neither one from reading a page, nor one from writing it, whichever process writes it."""
    edit(tree, ENTROPY, "\n## ", "\n{ref}`there-is-no-such-label` $\\nosuchcommand$\n\n## ")
    for _ in range(2):
        with pytest.raises(CourseError) as failed:
            build_book(tree)
        assert "there-is-no-such-label" in str(failed.value)
        assert "nosuchcommand" in str(failed.value)


@pytest.mark.parametrize("mode", ["warm", "plain"])
def test_a_cell_that_fails_is_shown_with_its_chapter_and_the_error(tree: Course, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("COURSE_EXECUTION", mode)
    path = tree.root / ENTROPY
    before = path.read_text()
    head, fence, rest = before.partition("```{code-cell}")  # the first, so that nothing else is executed
    path.write_text(f"{head}{fence} ipython3\nheld = {{'a': 1}}\nheld['missing']\n```\n\n{fence}{rest}")
    try:
        with pytest.raises(CourseError) as failed:
            preview(tree, "entropy")
    finally:
        path.write_text(before)
    said = str(failed.value).splitlines()
    assert f"{path}:{head.count(chr(10)) + 2}: this cell fails:" in said
    assert "    held['missing']" in said
    assert said[-2] == "KeyError: 'missing'"
    assert len(said) < 20


def test_only_chapters_with_new_code_are_warmed_up_for(tmp_path: Path) -> None:
    first, second = tmp_path / "first.md", tmp_path / "second.md"
    first.write_text("# A\n\n```{code-cell} ipython3\n:tags: [hide-input]\nimport torch\n```\n")
    second.write_text("# B\n\n```{code-cell} ipython3\n---\ntags: [hide-input]\n---\nimport numpy\n```\n")
    assert modules_to_warm(tmp_path, [first, second, tmp_path / "none.md"]) == ["torch", "numpy"]
    cache = next((tmp_path / ".autograder" / "executed").iterdir())
    note_executed(cache, first.read_text())
    first.write_text(first.read_text() + "\nMore prose.\n")
    assert modules_to_warm(tmp_path, [first, second]) == ["numpy"]
