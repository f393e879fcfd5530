"""`lint` and `new`: a new topic has every part, and each part that is taken away is missed, alone and at its line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
import yaml
from click.testing import CliRunner
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.read import read_myst_markdown_notebook

from autograder.certify import certify
from autograder.cli import main
from autograder.course import Course, CourseError
from autograder.lint import Finding, lint
from autograder.lint.chapter import symbols
from autograder.new import new_topic
from autograder.release import release
from autograder.tests.conftest import CHECKOUT

STEM = "asymptotic_analysis"
Place = Callable[[Course, str], Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course with one new topic, made once."""
    root = tmp_path_factory.mktemp("made")
    (root / "book" / "start_here").mkdir(parents=True)
    (root / "solutions").mkdir()
    for name in ("_toc.yml", "book/roadmap.yml", "book/references.bib", "book/start_here/notation.md"):
        shutil.copy(CHECKOUT / name, root / name)
    new_topic(Course(root), f"foundations/{STEM}")
    release(Course(root), STEM)
    return root


@pytest.fixture
def course(made: Path, tmp_path: Path) -> Course:
    return Course(Path(shutil.copytree(made, tmp_path / "course")))


def structure(course: Course) -> list[Finding]:
    return [finding for finding in lint(course, STEM) if finding.kind == "structure"]


def edit(path: Path, old: str, new: str) -> int:
    """Make one edit; return the line where it begins."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1


def test_a_new_topic_has_every_part_and_only_its_text_is_wanting(course: Course) -> None:
    assert structure(course) == []
    left = [finding.text for finding in lint(course, STEM) if finding.kind == "content"]
    assert sum("template is left" in text for text in left) == 3
    assert any("words" in text for text in left)


def test_a_new_topic_is_certified(course: Course) -> None:
    assert certify(course, STEM, seeds=2, variant_seeds=2).findings == []


@pytest.mark.parametrize("stem", Course(CHECKOUT).stems)
def test_the_course_has_nothing_to_mend(stem: str) -> None:
    course = Course(CHECKOUT)
    assert [finding.show(course.root) for finding in lint(course, stem) if finding.kind != "note"] == []


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


PROMISE = (
    "REPLACE this promise: one sentence and one number that make the reader want the rest. "
    "Here: of all numbers, the mean of 2, 4 and 9 is\nthe one whose squared distances to them have the smallest sum, 26.\n\n"
    "After it you can\n\n"
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hours: 3\n", "", "the front matter has no 'hours'"),
        ("papers: []\n", "", "the front matter has no 'papers'"),
        ("papers: []\n", "papers: [nobody1900nothing]\n", "'nobody1900nothing' is not in book/references.bib"),
        ("needs: [proof_techniques]", "needs: [proof_techniques, alchemy]", "needs names 'alchemy', which is no topic"),
        ("needs: [proof_techniques]", "needs: [entropy]", "needs names entropy, the plan says proof_techniques"),
        ("level: intermediate", "level: wizard", "level 'wizard' is unknown"),
        ("hours: 3\n", "hours: three\n", "hours is 'three'"),
        ("needs: [proof_techniques]", "needs: proof_techniques", "needs is 'proof_techniques'"),
        ("needs: [proof_techniques]", "needs: [proof_techniques", "this is no YAML: expected ',' or ']'"),
        ("tags: [hide-input]\nmystnb:\n  figure:\n    name: fig-asymptotic_analysis-running", "tags: [hide-input", "this is no YAML"),
        ("# Asymptotic analysis\n", "Asymptotic analysis\n\n", "no title"),
        (PROMISE, "", "no promise below the title"),
        ("1. REPLACE say what the mean minimises, and prove it;\n", "", "2 outcomes"),
        (f"({STEM}-idea)=\n", "", "the section 'The idea in three numbers' has no label"),
        ("## Play: move the centre", "## Move the centre", "no section 'Play'"),
        ("## Ledger", "## Numbers", "no section 'Ledger'"),
        ("## Where it breaks", "## Pitfalls", "no section 'Where it breaks'"),
        ("## Reading the paper", "## Sources", "no section 'Reading the paper'"),
        ("## Recap", "## The end", "no section 'Recap'"),
        ("## Quiz", "## Questions", "no section 'Quiz'"),
        ("## Next", "## Onwards", "no section 'Next'"),
        ("## References", "## Books", "no section 'References'"),
        ("    assert np.isclose(cost(c)", "    print(cost(c)", "'The mean minimises the squared error' is not checked"),
        (":::{prf:proof}", ":::{note}", "has no proof in its section"),
        (f":label: {STEM}-theorem-mean\n", "", "'The mean minimises the squared error' has no label"),
        (":::{prf:theorem}", ":::{note}", "no theorem, lemma, proposition or corollary"),
        ("alt: REPLACE. Three bars, at 2", "alt:\n    also: Three bars, at 2", "a figure without a real alt text"),
        ("    caption: REPLACE. The distances to the mean cancel.\n", "", "a figure without a caption"),
        (f"name: fig-{STEM}-cost", "name: cost", "a figure without a name that is its own"),
        ("mystnb:\n  figure:\n    name: fig-asymptotic_analysis-cost\n", "other:\n  figure:\n    name: cost\n", "3 figures"),
        (' alt="REPLACE. Three bars of squared distances to c = {c}.",', "", "explore() has no alt text"),
        ("ledger([", "print([", "nothing calls ledger()"),
        ("quiz([", "print([", "nothing calls quiz()"),
        ("quiz([", "quiz([][:0] + [", "0 questions"),
        (', feedback="The theorem\'s second term."', "", "an answer without feedback"),
        ("{cite:t}`kullback1951information`", "{cite:t}`nobody1900nothing`", "'nobody1900nothing' is not in book/references.bib"),
        ("of {cite:t}`kullback1951information`", "of a paper", "nothing is cited"),
        ("with mean $m$", "with mean $\\mathcal{Q}$", "the symbol \\mathcal Q is not in notation"),
        ("](../../exercises/", "](../../solutions/", "no link to the assignment"),
        ("for value in x:\n", "for value in x\n", "this is no Python"),
        ("    total += value\n", "    total += value\n" + "total = total + 0\n" * 20, "a visible code cell of"),
        ("    total += value\n", "    total += value" + " + 0" * 20 + "\n", "visible code of up to 98 characters a line"),
        (f"({STEM}-code)=\n", f"({STEM}-code)=\n\n({STEM}-idea)=\n", f"the name '{STEM}-idea' is given twice, also at line "),
        (f"({STEM}-eq-expand)", f"({STEM}-eq-split)", f"the name '{STEM}-eq-split' is given twice"),
        (f"fig-{STEM}-running", f"fig-{STEM}-cost", f"the name 'fig-{STEM}-cost' is given twice"),
        (f"({STEM}-code)=\n", f"({STEM}-code)=\n(notation-everywhere)=\n", "also at book/start_here/notation.md"),
        ("By definition", "By {eq}`asymptotic_analysis-eq-splits`", "refers to a label that no chapter has"),
        ("By definition", "By {numref}`Figure %s <fig-nowhere>`", "`fig-nowhere` refers to a label that no chapter has"),
        ("By definition", "By [it](#nowhere)", "no chapter has the label 'nowhere'"),
        ("By definition", "By [it](../start_here/notation.md#nowhere)", "notation.md has no label 'nowhere'"),
        ("By definition", "By [it](../start_here/nothing.md)", "the link to '../start_here/nothing.md' leads to no file"),
        ("By definition", "By {doc}`../start_here/nothing`", "names a page that does not exist"),
        ("caption: REPLACE. The distances to", "caption: REPLACE. By {eq}`none` the distances to", "{eq}`none` refers to a label"),
    ],
)
def test_a_chapter_without_a_part_is_told_just_that_at_its_line(course: Course, old: str, new: str, message: str) -> None:
    edit(course.chapter(STEM), old, new)
    found = [finding for finding in structure(course) if finding.path == course.chapter(STEM)]
    assert [message in finding.text for finding in found] == [True], found
    assert found[0].mend
    assert 1 <= found[0].line <= len(course.chapter(STEM).read_text().splitlines())


@pytest.mark.parametrize(
    ("old", "new", "after"),
    [
        ("level: intermediate", "level: wizard", 0),
        ("for value in x:\n", "for value in x\n", 0),
        ("    total += value\n", "    total += value" + " + 0" * 20 + "\n", 0),
        (', feedback="The theorem\'s second term."', "", 0),
        (f"({STEM}-code)=\n", f"({STEM}-code)=\n\n({STEM}-idea)=\n", 2),
        ("By definition of the mean", "By {eq}`nowhere` of the mean", 0),
        ("explore(draw, c=[1, 3, 5, 7], alt=", "explore(draw, c=[1, 3, 5, 7], caption=", 0),
    ],
)
def test_the_line_is_that_of_the_fault(course: Course, old: str, new: str, after: int) -> None:
    line = edit(course.chapter(STEM), old, new) + after
    assert [finding.line for finding in structure(course)] == [line]


def test_symbols_that_are_known_or_that_cannot_be_told_are_no_findings(course: Course) -> None:
    edit(course.chapter(STEM), "n\\,(m-c)^2 .", "\\varkappa\\aleph\\mathfrak{F}\\Upsilon n\\,(m-c)^2 .")
    assert structure(course) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (Course.master, "*Difficulty 1/5 · 10 minutes · 2 points*\n\n```{code-cell} ipython3\n---\nnbgrader: {grade_id: mean,",
         "```{code-cell} ipython3\n---\nnbgrader: {grade_id: mean,", "task mean states no difficulty, minutes and points"),
        (Course.master, "*Difficulty 1/5 · 10 minutes", "*Difficulty 1/5 · 100 minutes", "the tasks take 220 minutes together"),
        (Course.master, "points: 2}\n---\ncheck_close(mean(", "points: 3}\n---\ncheck_close(mean(", "says 2 points, its test has 3"),
        (Course.master, "for 4 tasks, 8 points", "for 4 tasks, 9 points", "the tasks make 40 minutes, 4 tasks and 8 points"),
        (Course.master, f"#{STEM}-code", f"#{STEM}-nowhere", f"{STEM}.md has no label '{STEM}-nowhere'"),
        (Course.master, "The mean is the $c$ in [the theorem]", "[The mean](https://example.org) [", "task mean has no link into the"),
        (Course.master, "    >>> mean(np.array([2.0, 4.0, 9.0]))\n    5.0\n", "", "the docstring of mean has no example"),
        (Course.master, "def weighted_mean(x, w):", "def weighted_mean(x, w, scale=1):", "does not mention scale"),
        (Course.master, '    """The mean squared distance to the mean.\n', '    """Short."""\n    """Not it.', "variance has no docstring"),
        (Course.master, 'check_close(variance(np.array([1.0, 3.0])), 1.0, "the variance of 1 and 3", ', "print(",
         "task variance has no visible check"),
        (Course.master, "    check_close(variance(x), sum", "    print(variance(x), sum", "task variance has no hidden check"),
        (Course.master, 'variance of 1 and 3", hint=', 'variance of 1 and 3") or str(', "no visible check of variance has a hint"),
        (Course.master, 'rng = fresh_rng("variance")', 'rng = fresh_rng("variance"); open("x")', "calls open()"),
        (Course.master, "grade_id: variance, solution", "grade_id: mean, solution", "a second cell has the grade_id 'mean', as in line"),
        (Course.master, "def variance(x):", "def mean(x):", "mean is defined again, as in line 34"),
        (Course.master, "### BEGIN HIDDEN TESTS\nrng = fresh_rng(\"variance\")", "", "must come in pairs"),
        (Course.master, "grade: true, points: 2}\n---\ncheck_close(variance", "grade: true}\n---\ncheck_close(variance",
         "add a cell 'test_variance' with grade: true and points above 0"),
        (Course.wrong, '@wrong("mean", caught_by="test_mean", section="asymptotic_analysis-theorem", misconception="REPLACE: the median.")',
         "", "task mean has 3 wrong solutions"),
        (Course.wrong, 'section="asymptotic_analysis-code", misconception="REPLACE: running sums."',
         'section="elsewhere", misconception="REPLACE: running sums."', f"{STEM}.md has no label 'elsewhere'"),
        (Course.master, "grade_id: variance, solution: true}", "grade_id: variance, solution: true", "this is no YAML"),
        (Course.master, "# Asymptotic analysis: assignment\n", "Asymptotic analysis\n", "no title"),
        (Course.master, "def variance(x):", "def variance(x)", "task variance, line 1 of the cell: expected ':'"),
        (Course.wrong, '@wrong("variance"', '@wrong("varience"', "'varience', which no solution cell defines"),
        (Course.wrong, "def mean_median(x):", "def mean_median(x)", "expected ':'"),
        (Course.wrong, 'misconception="REPLACE: the median."', 'misconceptoin="the median."', "@wrong of mean_median lacks misconception"),
        (Course.wrong, 'misconception="REPLACE: the median."', 'misconception="the median.", why="so"', "@wrong of mean_median has why"),
        (Course.wrong, 'caught_by="test_mean", section="asymptotic_analysis-theorem", misconception="REPLACE: the median."',
         'caught_by="test_meen", section="asymptotic_analysis-theorem", misconception="REPLACE: the median."', "the test 'test_meen'"),
        (Course.variants, 'why="exact summation"', "why=why", "the decorator takes the target's name and plain literals only"),
        (Course.wrong, "def mean_median(", "def mean_sum(", "mean_sum is defined again, as in line"),
        (Course.variants, '@variant("mean", why="a loop")', "", "task mean has 1 variants"),
        (Course.variants, "def mean_exact(", "def mean_loop(", "mean_loop is defined again"),
    ],
)  # fmt: skip
def test_an_assignment_without_a_part_is_told_just_that(course: Course, file: Place, old: str, new: str, message: str) -> None:
    path = file(course, STEM)
    edit(path, old, new)
    total = "it says 'about"
    also = {"varience": "task variance has 0 wrong", "minutes": total, "says 2 points": total}  # what the fault changes besides
    ignored = [text for word, text in also.items() if word in message and not message.startswith("the tasks make 40")]
    found = [finding for finding in structure(course) if not any(finding.text.startswith(text) for text in ignored)]
    assert {(message in finding.text, finding.path) for finding in found} == {(True, path)}, found
    assert all(1 <= finding.line <= len(path.read_text().splitlines()) and finding.mend for finding in found)


@pytest.mark.parametrize(
    ("old", "new", "after"),
    [
        ("    >>> mean(np.array([2.0, 4.0, 9.0]))\n    5.0\n", "", -7),
        (f"#{STEM}-code", f"#{STEM}-nowhere", 0),
        ("def variance(x):", "def mean(x):", 0),
    ],
)
def test_the_line_of_a_fault_in_a_master(course: Course, old: str, new: str, after: int) -> None:
    line = edit(course.master(STEM), old, new) + after
    assert [finding.line for finding in structure(course)] == [line]


def execute(course: Course, seconds: float, folder: str = "newest") -> None:
    """Leave what a build leaves that has executed the chapter in so many seconds."""
    path = course.chapter(STEM)
    notebook = read_myst_markdown_notebook(path.read_text(), path=str(path))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], 1
    cache = course.state / "executed" / folder
    cache.mkdir(parents=True)
    bundle = CacheBundleIn(nbformat.from_dict(notebook), str(path), data={"execution_seconds": seconds})
    get_cache(str(cache)).cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def notes(course: Course) -> list[str]:
    return [finding.text for finding in lint(course, STEM) if finding.kind == "note"]


def test_a_chapter_that_runs_too_long_is_found_once_it_was_executed(course: Course) -> None:
    assert notes(course) == ["not executed yet as it is now"]
    execute(course, 16.4)
    assert (notes(course), [finding.text for finding in structure(course)]) == ([], ["the chapter computes for 16 s, 15 s are meant"])
    edit(course.chapter(STEM), "the smallest example", "The smallest example")
    assert [finding.text for finding in structure(course)] == ["the chapter computes for 16 s, 15 s are meant"]  # words take no time
    edit(course.chapter(STEM), "    total += value\n", "    total += 1.0 * value\n")
    assert (notes(course), structure(course)) == (["not executed yet as it is now"], [])


def test_the_last_build_counts(course: Course) -> None:
    execute(course, 16.4, "older")
    execute(course, 4.0)
    os.utime(course.state / "executed" / "older", (0, 0))
    assert (notes(course), structure(course)) == ([], [])


def test_a_note_is_shown_and_fails_nothing(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(course.root)
    for path in (course.chapter(STEM), course.master(STEM), course.wrong(STEM)):
        path.write_text(path.read_text().replace("REPLACE", "Here"))
    edit(course.chapter(STEM), "Here this promise:", "words " * 2000 + "\n\n" + "$$\na\n$$\n\n" * 10)
    result = CliRunner().invoke(main, ["lint", STEM])
    assert "not executed yet as it is now; run `autograder preview asymptotic_analysis`" in " ".join(result.output.split())
    assert "nothing to mend" in result.output
    assert result.exit_code == 0


def test_symbols_are_letters_in_special_type_and_greek() -> None:
    assert symbols(r"\mathcal L(\theta) + \mathbb{E}_x[\frac{\eta}{2}] \le \operatorname{Var} \sum") == {
        r"\mathcal L", r"\mathbb E", r"\theta", r"\eta",
    }
