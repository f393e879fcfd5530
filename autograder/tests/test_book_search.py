"""Search as one types, in the built site: what it finds, in which order, and how it is left again."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from autograder.tests import book_case
from autograder.tests.book_case import STEMS, chapter_page, open_page, served

site, browser, page = book_case.site, book_case.browser, book_case.page


@pytest.mark.parametrize(("words", "title"), [("pinsk", "Pinsker’s inequality"), ("torch.no_grad", "KL divergence"), ("GAE two", "GAE")])
def test_search_finds_as_one_types_and_leads_there_by_keyboard(site: Path, browser: Browser, words: str, title: str) -> None:
    with served(site, browser, chapter_page(site, STEMS[0]).relative_to(site).as_posix()) as page:
        page.keyboard.press("/")
        page.keyboard.type(words)
        expect(page.locator(".search-results")).to_have_attribute("data-words", words.replace(".", " ").lower())
        results = page.locator(".search-results a")
        expect(results.filter(has_text=title).first).to_be_visible()
        page.keyboard.press("ArrowDown")
        expect(results.first).to_be_focused()
        target = str(results.first.get_attribute("href"))
        page.keyboard.press("Enter")
        page.wait_for_url("**" + target)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("zzzz", None),
        ("KL", "KL divergence"),
        ("Jensen's inequality", "KL divergence › Gibbs’ inequality, twice"),
        ("entropy", "Entropy and mutual"),
    ],
)
def test_search_puts_titles_of_chapters_first_and_leaves_out_what_does_not_hold_the_words(
    site: Path, browser: Browser, words: str, found: str | None
) -> None:
    with served(site, browser, chapter_page(site, STEMS[0]).relative_to(site).as_posix()) as page:
        page.keyboard.press("/")
        page.keyboard.type(words)
        if found is None:
            expect(page.locator(".search-status")).to_contain_text("Nothing found")
        else:
            expect(page.locator(".search-results")).to_have_attribute("data-words", words.lower().replace("'s", ""))
            assert page.locator(".search-title").first.inner_text().startswith(found)


def test_search_shows_the_rest_on_request(site: Path, browser: Browser) -> None:
    with served(site, browser, "search.html?q=entropy") as page:
        results = page.locator("#search-dialog .search-results a")
        expect(results).to_have_count(12)
        page.get_by_role("button", name="Show more").click()
        expect(results).to_have_count(24)
        expect(results.nth(12)).to_be_focused()


def test_search_in_a_folder_leads_to_the_search_page(site: Path, page: Page) -> None:
    open_page(page, chapter_page(site, STEMS[0]))
    page.keyboard.press("/")
    page.keyboard.type("Pinsker")
    expect(page.locator(".search-status")).to_contain_text("Enter")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=Pinsker")
    expect(page.locator("#search-results li a").first).to_contain_text("KL divergence")


FINDS = {  # what is typed: a result that is shown, and the words that were asked for instead, if any
    "Polosukhin": ("References › Vaswani et al. 2017", ""),
    "Bahdanau": ("Attention › A lookup", ""),
    "d_k": ("Attention › Reading the paper", ""),
    "√d": ("Attention › Scaled dot-product attention", ""),
    "atention": ("Attention", "attention"),
    "quantisation": ("Quantization", "quantization"),
}


def test_search_finds_authors_and_symbols_and_sees_through_a_slip(site: Path, browser: Browser) -> None:
    with served(site, browser, chapter_page(site, STEMS[0]).relative_to(site).as_posix()) as page:
        page.keyboard.press("/")
        for words, (title, instead) in FINDS.items():
            page.locator("#search-dialog input").fill(words)
            expect(page.locator(".search-results")).to_have_attribute("data-words", instead or words.lower())
            expect(page.locator(".search-title").filter(has_text=title).first).to_be_visible()
            expect(page.locator(".search-status")).to_contain_text(f"for “{instead}”" if instead else "section")
        page.keyboard.press("Escape")
        expect(page.locator("#search-dialog")).not_to_be_visible()


def test_the_icon_of_the_search_page_leaves_the_first_letter_free(site: Path, page: Page) -> None:
    open_page(page, site / "search.html")
    icon, field = page.locator(".bd-search > i").bounding_box(), page.locator(".bd-search input")
    assert icon is not None
    text = field.evaluate("one => one.getBoundingClientRect().left + parseFloat(getComputedStyle(one).paddingLeft)")
    assert icon["x"] + icon["width"] < text
