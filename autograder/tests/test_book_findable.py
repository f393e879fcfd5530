"""What search engines, link previews and lost readers find, and that all addresses derive from one."""

from __future__ import annotations

import gzip
import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
import yaml
from docutils.core import publish_doctree
from findable import DESCRIPTION_LENGTH, description, pages_address
from PIL import Image
from search_index import characters, spoken, symbols

from autograder.tests import book_case
from autograder.tests.book_case import COURSE, STEMS, assignment_page, chapter_page, pages, parsed

site = book_case.site
REPOSITORY = yaml.safe_load((COURSE.root / "_config.yml").read_text())["repository"]["url"]
ADDRESS = pages_address(REPOSITORY)


def meta(path: Path, name: str) -> str:
    found = parsed(path).select_one(f'meta[name="{name}"], meta[property="{name}"]')
    return str(found["content"]) if found else ""


def read_pages(site: Path) -> list[Path]:
    """The pages that somebody reads: no index, no search."""
    return [path for path in pages(site) if path.parent != site]


def test_every_page_says_what_and_where_it_is(site: Path) -> None:
    descriptions = set()
    for path in read_pages(site):
        name = path.relative_to(site).as_posix()
        assert 20 < len(meta(path, "description")) <= DESCRIPTION_LENGTH, name
        assert parsed(path).select_one('link[rel="canonical"]')["href"] == meta(path, "og:url") == ADDRESS + name
        descriptions.add(meta(path, "description"))
    assert len(descriptions) == len(read_pages(site))


def test_every_page_has_one_first_heading_and_skips_no_level(site: Path) -> None:
    wrong = []
    for path in read_pages(site):
        levels = [int(heading.name[1]) for heading in parsed(path).select("main :is(h1, h2, h3, h4, h5, h6)")]
        if levels.count(1) != 1 or any(after > before + 1 for before, after in pairwise(levels)):
            wrong.append((path.name, levels))
    assert wrong == []


def test_every_card_is_there_in_the_size_that_previews_ask(site: Path) -> None:
    cards = {meta(path, "og:image") for path in read_pages(site)}
    assert len(cards) == len(read_pages(site))
    for address in cards:
        with Image.open(site / address.removeprefix(ADDRESS)) as card:
            assert card.size == (1200, 630)


def test_the_sitemap_lists_every_page_that_is_read(site: Path) -> None:
    tree = ElementTree.parse(site / "sitemap.xml")
    listed = {str(node.text) for node in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")}
    assert listed == {ADDRESS + path.relative_to(site).as_posix() for path in read_pages(site)}
    assert f"Sitemap: {ADDRESS}sitemap.xml" in (site / "robots.txt").read_text()


@pytest.mark.parametrize("stem", STEMS)
def test_edit_and_report_lead_to_this_page(site: Path, stem: str) -> None:
    for path, source in ((chapter_page(site, stem), COURSE.chapter(stem)), (assignment_page(site, stem), COURSE.master(stem))):
        actions = {link.get_text(): str(link["href"]) for link in parsed(path).select(".page-actions a")}
        place = source.relative_to(COURSE.root).as_posix()
        assert actions["Edit this page"] == f"{REPOSITORY}/edit/main/{place}"
        asked = parse_qs(urlsplit(actions["Report a mistake"]).query)
        assert place in asked["body"][0]
        assert ADDRESS + path.relative_to(site).as_posix() in asked["body"][0]
        assert actions["Report a mistake"].startswith(f"{REPOSITORY}/issues/new?")


def test_no_text_names_another_address_than_the_configuration() -> None:
    """Whoever forks the book changes one line, and this names every text that still says the old one."""
    kinds = ("book/**/*.md", "book/_ext/*.py", "book/_templates/*", "book/_static/*.js", "*.md", "CITATION.cff")
    name = REPOSITORY.rpartition("/")[2]
    found = {(path.name, url) for kind in kinds for path in COURSE.root.glob(kind)
             for url in re.findall(rf"https://github\.com/[\w.-]+/{name}", path.read_text())}  # fmt: skip
    assert {(path, url) for path, url in found if url != REPOSITORY} == set()


def test_search_holds_no_answer_of_a_quiz_and_no_tex(site: Path) -> None:
    fragments = [gzip.decompress(path.read_bytes()).decode() for path in (site / "_static/pagefind/fragment").glob("*")]
    assert len(fragments) > 100
    for text in fragments:
        assert "feedback =" not in text
        assert "correct = True" not in text
        assert not re.search(r"\\\\(?:frac|begin|mathrm|operatorname|left)", text)
        assert "#proof-content" not in text


def test_addresses_of_hosts() -> None:
    assert pages_address("https://github.com/who/what/") == "https://who.github.io/what/"
    assert pages_address("https://example.org/who/what") == ""


def test_a_description_is_cut_at_a_word() -> None:
    text = description(publish_doctree("Title\n=====\n\n" + "word " * 60))
    assert text.endswith("word …")
    assert len(text) <= DESCRIPTION_LENGTH


def test_formulas_and_code_are_indexed_by_what_people_type() -> None:
    assert characters(r"\frac{1}{\sqrt{d}} \le \beta") == "1/√d≤β"
    assert characters(r"1/\sqrt d, n^2") == "1/√d, n²"
    assert characters(r"\loga \left( b \right)") == "loga ( b )", "what KaTeX can't read loses its commands"
    assert spoken(r"\operatorname{KL}(p\,\|\,q_\theta) + \mathrm{ELBO} + x_\theta") == "theta KL ELBO q_theta x_theta"
    assert spoken(r"d_k + d_{\text{model}} + \sqrt d") == "model d_k d_model sqrt √d"
    assert symbols("rng = np.random.default_rng(0)").split() == ["rng", "=", "np", ".", "random", ".", "default_rng", "(", "0", ")"]
