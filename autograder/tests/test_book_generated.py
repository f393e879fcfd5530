"""What the book derives from itself: the plan, what a chapter unlocks, collected ledgers, and notebooks that run alone."""

from __future__ import annotations

import ast
import base64
import io
import re
import shutil
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from autograder.course import Course

COURSE = Course.find(Path(__file__))
sys.path.insert(0, str(COURSE.root / "book" / "_ext"))

from course_map import SHAPES, map_svg  # noqa: E402
from course_notebooks import chapter_notebook  # noqa: E402
from course_plan import Plan, Topic, merged, read_page, read_plan  # noqa: E402

DATA = read_plan(COURSE.root / "book" / "roadmap.yml")
TOC = yaml.safe_load((COURSE.root / "_toc.yml").read_text())


def whole_plan() -> Plan:
    pages = [read_page(str(chapter.path.relative_to(COURSE.root).with_suffix("")), chapter.path) for chapter in COURSE.chapters]
    return merged(DATA, {page.stem: Topic(page.stem, page.stem, page.part, page.hours, page.needs, page.docname) for page in pages if page})


# The plan


def test_every_door_opens_today_with_a_written_chapter() -> None:
    plan = whole_plan()
    for door in plan.doors:
        today = plan.today(door)
        assert today in plan.written
        own = [stem for stem in door["topics"] if plan.topics[stem].docname]
        assert not own or today.stem == own[0]


@pytest.mark.parametrize("stem", COURSE.stems)
def test_a_written_chapter_is_where_the_plan_has_it_and_needs_the_same(stem: str) -> None:
    topic, chapter = whole_plan().topics[stem], COURSE.chapter(stem)
    planned = {name: says | {"part": part} for part, data in DATA["parts"].items() for name, says in data["topics"].items()}
    if stem in planned:
        wanted = planned[stem]["part"], set(planned[stem]["needs"])
        assert (topic.part, set(topic.needs)) == wanted, f"mend {chapter} or book/roadmap.yml"


def test_parts_are_called_alike_in_the_plan_and_in_the_contents() -> None:
    titles = {f"Part {number} · {part['title']}" for number, part in enumerate(DATA["parts"].values(), start=1)}
    assert {part["caption"] for part in TOC["parts"] if part["caption"].startswith("Part ")} <= titles


def test_every_need_is_a_topic_and_none_needs_itself() -> None:
    plan = whole_plan()
    for topic in plan.topics.values():
        assert set(topic.needs) <= plan.topics.keys(), topic.stem
        assert topic not in plan.before(topic.stem)


def test_what_comes_before_a_topic_is_in_an_order_in_which_it_can_be_learnt() -> None:
    plan = whole_plan()
    for topic in plan.topics.values():
        known: set[str] = set()
        for step in [*plan.before(topic.stem), topic]:
            assert set(step.needs) <= known
            known.add(step.stem)


def test_every_topic_of_the_nine_taught_parts_has_a_week() -> None:
    plan = whole_plan()
    weeks = [topic.stem for block in plan.blocks for topic in block.topics]
    assert sorted(weeks) == sorted(topic.stem for part in plan.parts if part.stem != "papers" for topic in part.topics)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_titles_fit_into_their_boxes_on_the_map(shape: object) -> None:
    svg = map_svg(merged(DATA, {}), shape, lambda topic: "#")  # type: ignore[arg-type]
    assert "…" not in svg


# Pages that follow other pages

LEDGER = (
    '```{{raw}} html\n<div class="ledger"><table><thead><tr><th>source</th></tr></thead>'
    "<tbody><tr><td>{0}</td></tr></tbody></table></div>\n"
    '<form class="quiz-question" data-question="question-{1}"></form>\n```\n'
)
TINY_PLAN = {
    "parts": {"part": {"title": "P", "about": "a", "motto": "m", "topics": {"two": {"title": "Two", "hours": 1, "needs": ["one"]}}}},
    "doors": [],
    "weeks": [],
}


class TinyBook:
    """Chapters `one` and `two`, a ledger page, and nothing else; built with the book's own extensions."""

    def __init__(self, root: Path) -> None:
        self.root, self.source = root, root / "source"
        (self.source / "book" / "part").mkdir(parents=True)
        (self.source / "book" / "references.bib").write_text("")
        (self.source / "book" / "roadmap.yml").write_text(yaml.safe_dump(TINY_PLAN))
        (self.source / "index.md").write_text("# Book\n\n```{toctree}\nbook/part/one\nbook/part/two\nledger\n```\n")
        (self.source / "ledger.md").write_text("# Ledger\n\n```{course} ledger\n```\n")
        self.chapter("one", "claim of one", needs=[])
        self.chapter("two", "claim of two", needs=["one"])

    def chapter(self, stem: str, claim: str, needs: list[str], title: str = "") -> None:
        front = f"---\nhours: 1\nlevel: beginner\nneeds: [{', '.join(needs)}]\npapers: []\n---\n"
        text = f"{front}\n# {title or stem.title()}\n\n{LEDGER.format(claim, stem)}"
        (self.source / "book" / "part" / f"{stem}.md").write_text(text)

    def build(self) -> None:
        extensions = ["myst_parser", "course_pages", "course_generated", "course_gather", "course_ledger", "course_study"]
        with docutils_namespace():
            app = Sphinx(
                str(self.source), None, str(self.root / "html"), str(self.root / "doctrees"), "html",
                confoverrides={"extensions": extensions, "html_theme": "basic"}, status=None, warningiserror=True,
            )  # fmt: skip
            app.build()

    def page(self, name: str) -> str:
        return (self.root / "html" / f"{name}.html").read_text()


@pytest.fixture
def tiny_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyBook:
    monkeypatch.setattr("course_pages.COMPANIONS", ())
    built = TinyBook(tmp_path)
    built.build()
    return built


def test_a_chapter_says_what_it_unlocks(tiny_book: TinyBook) -> None:
    assert "<dt>Unlocks</dt>" in tiny_book.page("book/part/one")
    assert 'href="two.html">Two</a>' in tiny_book.page("book/part/one")
    assert "<dt>Unlocks</dt>" not in tiny_book.page("book/part/two")


def test_an_incremental_build_keeps_all_rows_and_takes_the_new_ones(tiny_book: TinyBook) -> None:
    assert "<strong>2</strong> claims in 2 chapters" in tiny_book.page("ledger")
    tiny_book.chapter("one", "a new claim", needs=[])
    tiny_book.build()
    assert "a new claim" in tiny_book.page("ledger")
    assert "claim of one" not in tiny_book.page("ledger")
    assert "claim of two" in tiny_book.page("ledger")


def test_an_edit_rewrites_the_cards_that_it_concerns_and_no_other_page(tiny_book: TinyBook) -> None:
    one = tiny_book.root / "html" / "book" / "part" / "one.html"
    tiny_book.chapter("two", "claim of two", needs=["one"], title="Deux")
    tiny_book.build()
    assert "Deux</a>" in one.read_text(), "though `one` itself has not changed"
    written = one.stat().st_mtime_ns
    tiny_book.chapter("two", "another claim", needs=["one"], title="Deux")
    tiny_book.build()
    assert one.stat().st_mtime_ns == written, "nothing on its card has changed"
    tiny_book.chapter("two", "another claim", needs=[], title="Deux")
    tiny_book.build()
    assert "<dt>Unlocks</dt>" not in one.read_text()


def test_questions_of_a_chapter_that_is_gone_go_too(tiny_book: TinyBook) -> None:
    bank = tiny_book.root / "html" / "_static" / "review"
    assert {path.name for path in bank.iterdir()} == {"one.js", "two.js"}
    tiny_book.chapter("one", "no question", needs=[])
    page = tiny_book.source / "book" / "part" / "one.md"
    page.write_text(page.read_text().split("<form")[0] + "```\n")
    tiny_book.build()
    assert {path.name for path in bank.iterdir()} == {"two.js"}


def test_a_need_that_nothing_knows_stops_the_build(tiny_book: TinyBook) -> None:
    tiny_book.chapter("one", "claim", needs=["nothing_such"])
    with pytest.raises(Exception, match="needs nothing_such, neither a chapter nor planned"):
        tiny_book.build()


# Notebooks that run alone


USES = """
```{code-cell} ipython3
explore(lambda beta: plt.plot([0, beta]), alt="a line", beta=[0.0, 0.9])
ledger([dict(source="x", says="y", value=1.0, gives=1.0, tolerance=0.0)])
quiz([dict(question=str(n), answers=[dict(answer="a", correct=True, feedback="f"), dict(answer="b", correct=False, feedback="f")])
      for n in range(3)])
import book.plotting
print(book.plotting.__file__)
```
"""


def test_a_downloaded_chapter_runs_in_an_empty_folder(tmp_path: Path) -> None:
    """The first cells of a real chapter and every helper, with the checkout off Python's path, as where only packages are installed."""
    text = COURSE.chapter(COURSE.stems[0]).read_text()
    head = text[: text.index("```\n", text.index("```{code-cell}") + 4) + 4]
    notebook = nbformat.reads(chapter_notebook(head + USES, COURSE.root), as_version=4)
    hide = "import pathlib, sys\nsys.path[:] = [p for p in sys.path if not pathlib.Path(p or '.', '_toc.yml').exists()]"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(hide))
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    where = "".join(output.get("text", "") for output in notebook.cells[-1].outputs)
    assert where.endswith("plotting.py\n")
    assert str(COURSE.root) not in where
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stem", COURSE.stems)
def test_a_downloaded_chapter_brings_every_helper_that_it_imports(stem: str) -> None:
    code = nbformat.reads(chapter_notebook(COURSE.chapter(stem).read_text(), COURSE.root), as_version=4)
    first = next(cell.source for cell in code.cells if cell.cell_type == "code")
    packed = zipfile.ZipFile(io.BytesIO(base64.b64decode(first.split('"""')[1])))
    imported = {name for cell in code.cells[1:] for name in re.findall(r"^(?:from|import) book\.(\w+)", cell.source, re.MULTILINE)}
    assert imported
    assert {f"book/{name}.py" for name in imported} <= set(packed.namelist())


@pytest.mark.parametrize("stem", COURSE.stems)
def test_the_first_cell_of_a_downloaded_chapter_says_what_to_install(stem: str) -> None:
    cells = nbformat.reads(chapter_notebook(COURSE.chapter(stem).read_text(), COURSE.root), as_version=4).cells
    assert cells[0].cell_type == "markdown"
    command = next(line for line in cells[0].source.splitlines() if "pip install" in line)
    needed = ast.literal_eval(re.search(r"^needed = (.*)$", next(c.source for c in cells if c.cell_type == "code"), re.MULTILINE)[1])
    assert "numpy" in needed
    assert all(f'"{requirement}"' in command for requirement in needed.values())


def test_a_downloaded_chapter_names_the_packages_that_are_missing() -> None:
    text = "---\nx: 1\n---\n\n# T\n\n```{code-cell} ipython3\nimport torch, nosuch\n```\n"
    notebook = nbformat.reads(chapter_notebook(text, COURSE.root), as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'nosuch'$"):
        exec(compile(first.source, "helpers", "exec"), {})
    assert "'torch': 'torch==2.13.0'" in first.source


def test_the_same_chapter_gives_the_same_notebook(tmp_path: Path) -> None:
    shutil.copytree(COURSE.root / "book", tmp_path / "book", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(COURSE.root / "pyproject.toml", tmp_path)
    text = COURSE.chapter(COURSE.stems[0]).read_text()
    assert chapter_notebook(text, tmp_path) == chapter_notebook(text, COURSE.root)
