"""The built site in a browser: sliders, quizzes, themes and side columns, by keyboard and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from autograder.audit.server import serving
from autograder.tests import book_case
from autograder.tests.book_case import PATIENCE, STEMS, assignment_page, chapter_page, open_page, pages

site, browser, page = book_case.site, book_case.browser, book_case.page


@pytest.mark.parametrize("stem", STEMS)
def test_sliders_change_the_picture_by_keyboard(site: Path, page: Page, stem: str) -> None:
    open_page(page, chapter_page(site, stem))
    figure = page.locator("figure.explore").first
    slider, image = figure.locator("input[type=range]").first, figure.locator("img")
    before = image.get_attribute("src"), slider.get_attribute("aria-valuetext")
    first = slider.input_value()
    slider.focus()
    page.keyboard.press("ArrowRight" if first == slider.get_attribute("min") else "ArrowLeft")
    after = image.get_attribute("src"), slider.get_attribute("aria-valuetext")
    assert after[0] != before[0]
    assert after[1] != before[1]
    assert figure.locator("output").first.inner_text() == after[1]
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


def test_a_quiz_explains_wrong_and_right_answers_by_keyboard(site: Path, page: Page) -> None:
    open_page(page, chapter_page(site, STEMS[0]))
    form = page.locator(".quiz-question").first
    key = form.locator(".quiz-key li").evaluate_all("items => items.map(item => item.dataset.correct === 'true')")
    for wanted, state in ((False, "wrong"), (True, "right")):
        form.locator("input").nth(key.index(wanted)).focus()
        page.keyboard.press("Space")
        assert form.locator(".quiz-feedback").inner_text() == ""
        page.keyboard.press("Enter")
        assert form.get_attribute("data-state") == state
        assert len(form.locator(".quiz-feedback").inner_text()) > 20
    assert not form.locator("details").is_visible()


def test_without_javascript_answers_can_be_unfolded(site: Path, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    open_page(page, chapter_page(site, STEMS[0]))
    assert page.locator(".quiz-key").first.is_visible()
    assert page.locator("figure.explore img").first.is_visible()
    assert not page.locator(".explore-sliders").first.is_visible()
    context.close()


def test_without_javascript_the_system_chooses_the_theme(site: Path, browser: Browser) -> None:
    colours = {}
    for theme in ("light", "dark"):
        context = browser.new_context(java_script_enabled=False, color_scheme=theme)
        page = context.new_page()
        open_page(page, site / "book/start_here/roadmap.html")
        box = page.locator(".map-wide a.planned rect").first
        colours[theme] = [
            box.evaluate("box => getComputedStyle(box).fill"),
            page.evaluate("getComputedStyle(document.body).backgroundColor"),
        ]
        assert page.get_by_role("link", name="index of topics", exact=True).first.is_visible()
        assert not page.locator(".bd-header-article").is_visible(), "it holds what needs scripts"
        assert not page.locator(".map-trace").is_visible()
        open_page(page, site / "search.html")
        assert page.get_by_role("link", name="index of topics", exact=True).first.is_visible()
        context.close()
    assert colours["light"] == ["rgb(255, 255, 255)", "rgb(255, 255, 255)"]
    assert colours["dark"][0] == colours["dark"][1] != colours["light"][0]


PLACE = """() => {
  const all = [...document.querySelectorAll("main :is(h2, h3, p)")];
  const first = all.find((one) => one.getBoundingClientRect().top >= 64);
  return [all.indexOf(first), first.getBoundingClientRect().top];
}"""


@pytest.mark.parametrize("stem", STEMS)
def test_a_chapter_that_is_loaded_again_shows_the_same_place(site: Path, page: Page, stem: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, chapter_page(site, stem))
    page.evaluate("scrollTo({ top: document.documentElement.scrollHeight * 0.6, behavior: 'instant' })")
    page.wait_for_function("!document.documentElement.classList.contains('lazy-sections')")  # all sections have their true heights
    page.wait_for_timeout(500)
    before = page.evaluate(PLACE)
    page.reload()
    page.wait_for_load_state("load")
    page.wait_for_timeout(500)
    after = page.evaluate(PLACE)
    assert after[0] == before[0]
    assert abs(after[1] - before[1]) < 4


def test_on_a_phone_a_ledger_shows_both_numbers_of_a_row(site: Path, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for stem in STEMS:
        open_page(page, chapter_page(site, stem))
        boxes = page.locator(".ledger .ledger-number").evaluate_all("all => all.map((one) => one.getBoundingClientRect().toJSON())")
        assert boxes
        assert all(box["left"] >= 0 and box["right"] <= 390 and box["width"] > 40 for box in boxes)


def test_on_a_phone_code_can_be_copied_and_fades_where_it_goes_on(site: Path, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    open_page(page, chapter_page(site, STEMS[0]))
    block = page.locator(".bd-article .cell:not(.tag_hide-input) .cell_input .highlight").first
    block.scroll_into_view_if_needed()
    button = block.get_by_role("button", name="Copy this code")
    expect(button).to_be_visible()
    shape, line = button.bounding_box(), block.locator("pre > span").nth(1).bounding_box()
    assert shape is not None
    assert line is not None
    assert shape["y"] + shape["height"] <= line["y"] + 4, "it covers no line"
    wide = page.locator('.bd-article pre[data-more="right"]').first
    wide.evaluate("one => { one.scrollLeft = one.scrollWidth; }")
    page.wait_for_function("!!document.querySelector('.bd-article pre[data-more=left]')")
    context.close()


def test_the_theme_button_leads_to_dark_and_back(site: Path, page: Page) -> None:
    open_page(page, chapter_page(site, STEMS[0]))
    seen = set()
    for _ in range(3):  # auto, light, dark
        page.locator("button.theme-switch-button:visible").first.click()
        seen.add(page.evaluate("document.documentElement.dataset.theme"))
    assert seen == {"light", "dark"}


@pytest.mark.parametrize("width", [195, 390, 1280])  # a phone at 200 % zoom, a phone, a desk
def test_no_page_is_wider_than_its_window(site: Path, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    wide = []
    for path in pages(site):
        open_page(page, path)
        page.wait_for_timeout(300)
        over = page.evaluate("document.documentElement.scrollWidth")
        if over > width:
            wide.append(f"{path.relative_to(site)}: {over} px")
    assert wide == []


STRAY = """() => [...document.querySelectorAll(".math-kept")].flatMap((kept) => {
  const text = kept.lastChild;
  if (text.nodeType !== Node.TEXT_NODE) return [];
  const range = document.createRange();
  range.selectNode(text);
  const mark = range.getBoundingClientRect(), part = [...kept.querySelectorAll(".katex-base")].at(-1).getBoundingClientRect();
  return mark.left - part.right > 12 || mark.bottom < part.top || mark.top > part.bottom ? [kept.textContent] : [];
})"""


@pytest.mark.parametrize("page_of", [chapter_page, assignment_page], ids=["chapter", "assignment"])
@pytest.mark.parametrize("stem", STEMS)
def test_mathematics_fits_a_phone(site: Path, page: Page, stem: str, page_of: Callable[[Path, str], Path]) -> None:
    """A derivation that is cut at the edge reads as if it ended there; a full stop alone at the edge reads as if it belonged to nothing."""
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, page_of(site, stem))
    page.evaluate("document.fonts.ready.then(() => null)")
    cut = page.locator(".katex-display").evaluate_all(
        """all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one =>
            `${one.closest("[id^=equation-]")?.id ?? one.querySelector("annotation").textContent.trim()}:` +
            ` ${one.scrollWidth - one.clientWidth} px too wide`)"""
    )
    assert cut == []
    assert page.evaluate(STRAY) == []


def test_the_side_column_opens_over_the_page_on_a_phone_and_gives_the_focus_back(site: Path, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, chapter_page(site, STEMS[0]))
    toggle = page.locator(".primary-toggle")
    toggle.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("#pst-primary-sidebar-modal")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("link", name="Notation")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    expect(toggle).to_be_focused()


def test_the_first_stop_of_the_keyboard_skips_to_the_text(site: Path, page: Page) -> None:
    open_page(page, chapter_page(site, STEMS[0]))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to main content"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main-content")


def test_wide_code_scrolls_by_keyboard(site: Path, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, chapter_page(site, STEMS[0]))
    code = page.locator(".bd-article .cell:not(.tag_hide-input) .cell_input pre")
    wide = code.evaluate_all("all => all.findIndex(one => one.scrollWidth > one.clientWidth + 20)")
    assert wide >= 0
    code.nth(wide).scroll_into_view_if_needed()
    expect(code.nth(wide)).to_have_attribute("tabindex", "0")
    code.nth(wide).focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("one => one.scrollLeft > 0", arg=code.nth(wide).element_handle())


def test_an_address_that_leads_nowhere_shows_the_way_back(site: Path, browser: Browser) -> None:
    with serving(site) as address:
        context = browser.new_context()
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        response = page.goto(address + "book/no/such/page.html")
        assert response is not None
        assert response.status == 404
        assert page.evaluate("getComputedStyle(document.body).getPropertyValue('--pst-color-primary')"), "the style is there"
        page.get_by_role("link", name="Start at the first page").click()
        expect(page.locator("h1").first).to_contain_text("ML Researcher Foundations")
        context.close()
