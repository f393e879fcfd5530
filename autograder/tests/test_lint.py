"""`lint` and `new`: a new topic has every part, and each part that is taken away is missed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from autograder.course import Course, CourseError
from autograder.lint import Finding, lint
from autograder.lint.chapter import symbols
from autograder.new import new_topic
from autograder.tests.conftest import CHECKOUT

STEM = "asymptotic_analysis"


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """A course with one new topic."""
    (tmp_path / "book" / "start_here").mkdir(parents=True)
    (tmp_path / "solutions").mkdir()
    for name in ("_toc.yml", "book/roadmap.yml", "book/references.bib", "book/start_here/notation.md"):
        shutil.copy(CHECKOUT / name, tmp_path / name)
    new_topic(Course(tmp_path), f"foundations/{STEM}")
    return Course(tmp_path)


def structure(course: Course) -> list[Finding]:
    return [finding for finding in lint(course, STEM) if finding.kind == "structure"]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_new_topic_has_every_part_and_only_its_text_is_wanting(course: Course) -> None:
    assert structure(course) == []
    left = [finding.text for finding in lint(course, STEM) if finding.kind == "content"]
    assert sum("template is left" in text for text in left) == 3
    assert any("words" in text for text in left)


def test_the_topic_is_listed_in_its_part_where_the_plan_has_it(course: Course) -> None:
    toc = yaml.safe_load((course.root / "_toc.yml").read_text())
    captions = [part["caption"] for part in toc["parts"]]
    assert captions.index("Part 1 · Foundations") == captions.index("Start here") + 1
    new_topic(course, "foundations/mathematical_thinking")
    toc = yaml.safe_load((course.root / "_toc.yml").read_text())
    chapters = [entry["file"] for part in toc["parts"] if part["caption"] == "Part 1 · Foundations" for entry in part["chapters"]]
    assert chapters == ["book/foundations/mathematical_thinking", f"book/foundations/{STEM}"]
    assert Course(course.root).stems[:2] == ["mathematical_thinking", STEM]


@pytest.mark.parametrize(
    ("place", "message"),
    [("entropy", "is not PART/STEM"), ("foundations/Two Words", "is not PART/STEM"), ("cooking/soup", "there is no part 'cooking'")],
)
def test_a_bad_place_is_refused(course: Course, place: str, message: str) -> None:
    with pytest.raises(CourseError, match=message):
        new_topic(course, place)


def test_nothing_is_overwritten(course: Course) -> None:
    with pytest.raises(CourseError, match="exists"):
        new_topic(course, f"foundations/{STEM}")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hours: 3\n", "", "the front matter has no 'hours'"),
        ("needs: [proof_techniques]", "needs: [alchemy]", "needs names 'alchemy'"),
        ("level: intermediate", "level: wizard", "level 'wizard' is unknown"),
        ("1. REPLACE say what the mean minimises, and prove it;\n", "", "2 outcomes"),
        (f"({STEM}-idea)=\n", "", "the section 'The idea in three numbers' has no label"),
        ("## Where it breaks", "## Pitfalls", "no section 'Where it breaks'"),
        ("    assert np.isclose(cost(c)", "    print(cost(c)", "is not checked"),
        (":::{prf:proof}", ":::{note}", "has no proof"),
        ("alt: REPLACE. Three bars, at 2", "alt:\n    also: Three bars, at 2", "real alt text"),
        ("    caption: REPLACE. The distances to the mean cancel.\n", "", "without a caption"),
        ("explore(draw", "print(draw", "nothing calls explore()"),
        (", feedback=\"The theorem's second term.\"", "", "an answer without feedback"),
        ("{cite:t}`kullback1951information`", "{cite:t}`nobody1900nothing`", "'nobody1900nothing' is not in book/references.bib"),
        ("n\\,(m-c)^2 .", "\\varkappa\\aleph\\mathfrak{F}\\Upsilon n\\,(m-c)^2 .", None),
        ("with mean $m$", "with mean $\\mathcal{Q}$", "the symbol \\mathcal Q is not in notation"),
        ("](../../exercises/", "](../../elsewhere/", "no link to the assignment"),
        ("for value in x:\n", "for value in x\n", "this is no Python"),
        ("    total += value\n", "    total += value\n" + "total = total + 0\n" * 20, "a visible code cell of"),
        ("    total += value\n", "    total += value" + " + 0" * 20 + "\n", "1 visible code lines of up to 98 characters"),
    ],
)
def test_a_chapter_without_a_part_is_told_so_with_its_line(course: Course, old: str, new: str, message: str | None) -> None:
    edit(course.chapter(STEM), old, new)
    found = structure(course)
    if message is None:
        assert found == []
        return
    assert any(message in finding.text for finding in found), found
    assert all(finding.line >= 1 and finding.mend for finding in found)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (Course.master, "*Difficulty 1/5 · 10 minutes · 2 points*", "", "states no difficulty"),
        (Course.master, "test_mean, grade: true, points: 2", "test_mean, grade: true, points: 3", "says 2 points, its test has 3"),
        (Course.master, "for 4 tasks, 8 points", "for 4 tasks, 9 points", "the tasks make 40 minutes, 4 tasks and 8 points"),
        (Course.master, f"#{STEM}-code", f"#{STEM}-nowhere", "the chapter has no label"),
        (Course.master, "    >>> mean(np.array([2.0, 4.0, 9.0]))\n    5.0\n", "", "the docstring of mean has no example"),
        (Course.master, "def weighted_mean(x, w):", "def weighted_mean(x, w, scale=1):", "does not mention scale"),
        (Course.master, "variance of 1 and 3\", hint=", "variance of 1 and 3\") or str(", "no visible check of variance has a"),
        (Course.master, "rng = fresh_rng(\"variance\")", "rng = fresh_rng(\"variance\"); open(\"x\")", "calls open()"),
        (Course.wrong, "@wrong(\"mean\"", "@wrongly(\"mean\"", "task mean has 0 wrong solutions"),
        (Course.wrong, f"section=\"{STEM}-code\"", "section=\"elsewhere\"", "the chapter has no label 'elsewhere'"),
        (Course.variants, "@variant(\"mean\", why=\"a loop\")", "", "task mean has 1 variant solutions"),
    ],
)
def test_an_assignment_without_a_part_is_told_so(
    course: Course, file: Callable[[Course, str], Path], old: str, new: str, message: str
) -> None:
    edit(file(course, STEM), old, new)
    assert any(message in finding.text for finding in structure(course)), structure(course)


def test_symbols_are_letters_in_special_type_and_greek() -> None:
    assert symbols(r"\mathcal L(\theta) + \mathbb{E}_x[\frac{\eta}{2}] \le \operatorname{Var} \sum") == {
        r"\mathcal L", r"\mathbb E", r"\theta", r"\eta",
    }
