"""The built site for a finger, for large letters, on a phone that is turned, and on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from autograder.tests import book_case
from autograder.tests.book_case import PATIENCE, STEMS, assignment_page, chapter_page, open_page

site, browser, page = book_case.site, book_case.browser, book_case.page
LARGE = "html { font-size: 200% !important; }"
BROKEN = """all => all.flatMap((element) => {
  const found = [], walk = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), range = document.createRange();
  while (walk.nextNode()) {
    for (const { 0: word, index } of walk.currentNode.data.matchAll(/[A-Za-z]+/g)) {
      range.setStart(walk.currentNode, index);
      range.setEnd(walk.currentNode, index + word.length);
      if (range.getClientRects().length > 1) found.push(word);
    }
  }
  return found;
})"""


def start_page(site: Path, name: str) -> Path:
    return site / "book" / "start_here" / f"{name}.html"


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def test_large_letters_break_no_word_of_a_title_or_card_and_the_map_grows_with_them(site: Path, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for path in (start_page(site, "welcome"), chapter_page(site, "attention")):
        open_page(page, path)
        page.add_style_tag(content=LARGE)
        assert page.locator(":is(h1, .card-facts dd:not(:has(code)), .card-facts dt)").evaluate_all(BROKEN) == []
    open_page(page, start_page(site, "roadmap"))
    title = page.locator(".map-title:visible").first
    normal = title.bounding_box()
    page.add_style_tag(content=LARGE)
    large = page.locator(".map-title:visible").first.bounding_box()
    assert normal is not None
    assert large is not None
    assert large["height"] > 1.7 * normal["height"]


def test_the_way_past_the_map_is_seen_only_by_keyboard(site: Path, page: Page) -> None:
    open_page(page, start_page(site, "roadmap"))
    skip = page.get_by_role("link", name="Skip the map")
    assert skip.evaluate("one => getComputedStyle(one).clipPath") == "inset(50%)"
    skip.focus()
    shape = skip.bounding_box()
    assert shape is not None
    assert shape["width"] > 80


def test_a_letter_of_the_index_leads_below_its_filter(site: Path, phone: Page) -> None:
    open_page(phone, start_page(site, "topics"))
    phone.locator('.topics-letters a[href="#topics-s"]').tap()
    phone.wait_for_function("scrollY > 500")
    filter_ends = phone.locator(".topics-filter").evaluate("one => one.getBoundingClientRect().bottom")
    assert phone.locator("#topics-s").evaluate("one => one.getBoundingClientRect().top") >= filter_ends
    phone.locator("#topics-query").fill("no such thing")
    expect(phone.get_by_role("link", name="Search all pages")).to_have_attribute("href", "../../search.html?q=no%20such%20thing")


@pytest.mark.parametrize("name", ["ledger", "topics"])
def test_a_long_generated_page_has_contents_for_a_phone(site: Path, phone: Page, name: str) -> None:
    open_page(phone, start_page(site, name))
    phone.locator(".secondary-toggle").tap()
    entry = phone.locator("#pst-page-toc-nav a").last
    target = str(entry.get_attribute("href"))
    entry.tap()
    phone.wait_for_url(f"**{target}")
    expect(phone.locator(target)).to_be_in_viewport()


def test_what_is_pressed_is_large_enough_for_a_finger(site: Path, phone: Page) -> None:
    open_page(phone, chapter_page(site, STEMS[0]))
    phone.locator("details.hide > summary").first.scroll_into_view_if_needed()
    pressed = [*phone.locator(".bd-header-article button:visible").all(), phone.locator("details.hide > summary").first]
    assert len(pressed) == 5
    for one in pressed:
        shape = one.bounding_box()
        assert shape is not None
        assert shape["height"] >= 40


def test_a_phone_that_is_turned_shows_the_same_line(site: Path, phone: Page) -> None:
    open_page(phone, chapter_page(site, "attention"))
    title = phone.locator("#masks > h2")
    title.evaluate("one => one.scrollIntoView({ behavior: 'instant' })")
    phone.wait_for_function("!document.documentElement.classList.contains('lazy-sections')")
    phone.wait_for_timeout(300)
    phone.set_viewport_size({"width": 844, "height": 390})
    expect(title).to_be_in_viewport()


def test_an_assignment_scrolls_its_code_as_a_chapter_does(site: Path, phone: Page) -> None:
    for path in (chapter_page(site, STEMS[0]), assignment_page(site, STEMS[0])):
        open_page(phone, path)
        assert phone.locator(".cell_input pre").first.evaluate("one => getComputedStyle(one).whiteSpace") == "pre"


def test_paper_is_light_whatever_the_theme_and_the_theme_comes_back(site: Path, page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    open_page(page, chapter_page(site, STEMS[0]))
    themes = page.evaluate(
        """["beforeprint", "afterprint"].map((name) => {
             dispatchEvent(new Event(name));
             return document.documentElement.dataset.theme;
           })"""
    )
    assert themes == ["light", "dark"]
    page.emulate_media(media="print")
    assert not page.locator("details.hide > summary").first.is_visible()
    assert page.locator(".proof").first.evaluate("one => getComputedStyle(one).breakInside") == "auto"
