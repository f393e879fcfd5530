"""The built site: links resolve, pictures are described, chapters and assignments belong together, and nothing hidden is in it."""

from __future__ import annotations

import html
import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

from autograder.master import read_master
from autograder.release import released
from autograder.tests import book_case
from autograder.tests.book_case import COURSE, STEMS, anchors, assignment_page, chapter_page, links, pages, parsed

site = book_case.site
LEAK_LENGTH = 25
WORD = re.compile(r"[A-Za-z]{4,}")
BINARY = {".png", ".webp", ".woff", ".woff2", ".ttf", ".inv", ".ico"}
HIDDEN = re.compile(r"### BEGIN (?:SOLUTION|HIDDEN TESTS)\n(.*?)### END (?:SOLUTION|HIDDEN TESTS)", re.DOTALL)


# Links and pictures


def test_every_internal_link_anchor_and_picture_resolves(site: Path) -> None:
    broken = []
    for path in pages(site):
        for link in links(path, "a[href], link[href]") + links(path, "img[src], script[src]", "src"):
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            if not target.is_file():
                broken.append(f"{path.relative_to(site)}: {link} leads to no file")
            elif url.fragment and target.suffix == ".html" and unquote(url.fragment) not in anchors(target):
                broken.append(f"{path.relative_to(site)}: {link} has no such anchor")
    assert broken == []


def test_no_id_occurs_twice_on_a_page(site: Path) -> None:
    twice = []
    for path in pages(site):
        counts = Counter(str(element["id"]) for element in parsed(path).select("[id]"))
        twice += [f"{path.relative_to(site)}: {name}" for name, count in counts.items() if count > 1]
    assert twice == []


def test_every_frame_of_every_explore_is_there(site: Path) -> None:
    missing = []
    for path in pages(site):
        for source in re.findall(r'"src": "([^"]+)"', "".join(str(data) for data in parsed(path).select("script.explore-frames"))):
            if not (path.parent / source).is_file():
                missing.append(f"{path.name}: {source}")
    assert missing == []


def test_every_picture_is_described(site: Path) -> None:
    bad = []
    for path in pages(site):
        for image in parsed(path).select("main img"):
            alt = str(image.get("alt", "")).strip()
            if len(alt) < 10 or re.search(r"\.(png|svg|jpe?g|webp)$|^_images", alt):
                bad.append(f"{path.relative_to(site)}: {image['src']} has the alt text {alt!r}")
    assert bad == []


def test_pages_refer_to_nothing_unresolved(site: Path) -> None:
    """No question marks for unknown numbers, and no mathematics or role left as source."""
    left = []
    for path in pages(site):
        for element in parsed(path).select("main p, main li, main td"):
            text = element.get_text()
            if re.search(r"\{(eq|ref|numref|prf:ref|cite[:a-z]*|doc)\}`|\?\?\?", text):
                left.append(f"{path.relative_to(site)}: {text.strip()[:80]}")
    assert left == []


def test_every_header_of_a_table_says_something(site: Path) -> None:
    empty = [
        f"{path.relative_to(site)}: {header}"
        for path in pages(site)
        for header in parsed(path).select("th")
        if not header.get_text(strip=True)
    ]
    assert empty == []


def test_every_page_of_several_sections_has_contents(site: Path) -> None:
    bare = []
    for path in pages(site):
        headings = parsed(path).select("main article h2")
        if len(headings) > 2 and len(parsed(path).select("#pst-page-toc-nav a")) < len(headings):
            bare.append(str(path.relative_to(site)))
    assert bare == []


def test_nothing_is_drawn_with_a_font_of_icons_that_the_site_lacks(site: Path) -> None:
    style = (site / "_static" / "site.css").read_text()
    assert re.findall(r"[^{}]*\{[^{}]*(?:(?:content|font):\s?var\(--(?:pst-icon|fa-font)|Font Awesome)[^{}]*\}", style) == []


# Chapters and assignments


@pytest.mark.parametrize("stem", STEMS)
def test_chapter_and_assignment_lead_to_each_other(site: Path, stem: str) -> None:
    there, back = chapter_page(site, stem), assignment_page(site, stem)
    for source, target in ((there, back), (back, there)):
        assert target in {(source.parent / link).resolve() for link in links(source, "aside.card-facts a[href]")}
    prose = links(there, "main section section a[href]")
    assert back in {(there.parent / urlsplit(link).path).resolve() for link in prose}, "the chapter's last section links to it"


@pytest.mark.parametrize("stem", STEMS)
def test_downloads_are_valid_notebooks(site: Path, stem: str) -> None:
    here = chapter_page(site, stem)
    names = {str(link["download"]): (here.parent / str(link["href"])).resolve() for link in parsed(here).select("a[download]")}
    assert set(names) == {f"{stem}_chapter.ipynb", f"{stem}.ipynb"}
    for path in names.values():
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        assert notebook.metadata.kernelspec.name == "python3"
        assert not any(cell.get("outputs") for cell in notebook.cells)
    assert names[f"{stem}.ipynb"].read_bytes() == COURSE.release(stem).read_bytes()
    code = "\n".join(cell.source for cell in nbformat.read(names[f"{stem}_chapter.ipynb"], as_version=4).cells if cell.cell_type == "code")
    compile(code, f"{stem}_chapter.ipynb", "exec")


@pytest.mark.parametrize("stem", STEMS)
def test_every_chapter_has_a_ledger_a_quiz_and_something_to_play_with(site: Path, stem: str) -> None:
    for kind in ("ledger", "quiz", "explore"):
        assert parsed(chapter_page(site, stem)).select(f"main .{kind}"), f"no {kind}"


@pytest.mark.parametrize("stem", STEMS)
def test_no_page_shows_the_code_of_a_quiz_and_the_notebook_keeps_it(site: Path, stem: str) -> None:
    here = chapter_page(site, stem)
    assert "feedback=" not in parsed(here).select_one("main").get_text()
    assert parsed(here).select("main .cell .quiz")
    assert parsed(here).select("main details.hide"), "the code of figures can be unfolded"
    assert "feedback=" in (site / "_sources" / here.relative_to(site).with_suffix(".ipynb")).read_text()


# Nothing hidden


def secrets(stem: str) -> set[str]:
    """Lines of answers and hidden tests that neither the released notebook nor the chapter shows."""
    assignment = read_master(COURSE.master(stem))
    public = "\n".join(cell.source for cell in released(assignment).cells) + COURSE.chapter(stem).read_text()
    lines = {
        line.strip()
        for cell in assignment.notebook.cells
        for body in HIDDEN.findall(cell.source)
        for line in body.splitlines()
    }
    return {line for line in lines if len(line) > LEAK_LENGTH and line not in public}


def test_no_answer_and_no_hidden_test_is_in_the_site(site: Path) -> None:
    hidden = {line for stem in STEMS for line in secrets(stem)}
    assert len(hidden) > 20 * len(STEMS), "the masters have answers and hidden tests to look for"
    forms = {form for line in hidden for form in (line, line.replace("\\", "\\\\").replace('"', '\\"'))}  # as written, as in JSON
    words = {form: set(WORD.findall(form)) for form in forms}
    leaks = []
    for path in sorted(site.rglob("*")):
        if not path.is_file() or path.suffix in BINARY:
            continue
        text = path.read_text(errors="ignore")
        if path.suffix == ".html":
            text += html.unescape(re.sub(r"<[^>]+>", "", text))  # as a reader sees it, without the highlighter's markup
        there = set(WORD.findall(text.replace("\\n", "\n")))  # a form can only be where all its words are
        leaks += [f"{path.relative_to(site)}: {form}" for form in forms if words[form] <= there and form in text]
    assert leaks == []
