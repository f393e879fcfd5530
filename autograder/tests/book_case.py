"""What all tests of the built book share: the site, a browser, and how its pages are found and read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, Page, expect

from autograder.audit import browser as chrome
from autograder.audit.server import serving
from autograder.book import build_book
from autograder.course import Course

COURSE = Course.find(Path(__file__))
CHAPTERS = [chapter for chapter in COURSE.chapters if chapter.stem in COURSE.stems]
STEMS = [chapter.stem for chapter in CHAPTERS]
PATIENCE = 60_000  # ms: a busy machine is slow, which is no fault of a page
pages = chrome.pages


@pytest.fixture(scope="module")
def site() -> Path:
    """The built book; it is built now if anything in it has changed."""
    build_book(COURSE)
    return COURSE.site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with chrome.chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a fresh profile that fails the test on console errors and on any request that leaves the site."""
    problems: list[str] = []
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(("file:", "data:", "blob:")) else problems.append(request.url))
    yield page
    context.close()
    assert problems == []


@cache
def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(), "html.parser")


@cache
def anchors(path: Path) -> frozenset[str]:
    return frozenset(str(element["id"]) for element in parsed(path).select("[id]"))


def links(path: Path, selector: str, attribute: str = "href") -> list[str]:
    return [str(element[attribute]) for element in parsed(path).select(selector)]


def chapter_page(site: Path, stem: str) -> Path:
    return site / COURSE.chapter(stem).relative_to(COURSE.root).with_suffix(".html")


def assignment_page(site: Path, stem: str) -> Path:
    return site / "exercises" / stem / f"{stem}.html"


@contextmanager
def served(site: Path, browser: Browser, path: str) -> Iterator[Page]:
    """A page of the site as a server gives it, in a fresh profile."""
    with serving(site) as address:
        context = browser.new_context()
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(address + path)
        yield page
        context.close()


def open_page(page: Page, path: Path) -> None:
    page.goto(path.as_uri())
    page.wait_for_load_state("load")
