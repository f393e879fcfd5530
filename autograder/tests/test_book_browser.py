"""The built site in a browser: sliders, quizzes, themes and side columns, by keyboard and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from autograder.audit.server import serving
from autograder.tests import book_case
from autograder.tests.book_case import COURSE, PATIENCE, STEMS, assignment_page, chapter_page, open_page, pages

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


@pytest.mark.parametrize("stem", STEMS)
def test_on_a_phone_on_its_side_picture_and_sliders_are_seen_together(site: Path, page: Page, stem: str) -> None:
    page.set_viewport_size({"width": 844, "height": 390})
    open_page(page, chapter_page(site, stem))
    figure = page.locator("figure.explore").first
    figure.scroll_into_view_if_needed()
    boxes = figure.evaluate("one => [...one.querySelectorAll('img, input')].map((part) => part.getBoundingClientRect().toJSON())")
    assert max(box["bottom"] for box in boxes) - min(box["top"] for box in boxes) < 390 - 64, "the header has 64 px"
    assert boxes[0]["width"] > 300


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_each_tick_of_a_slider_stands_below_its_stop_and_labels_stay_apart(site: Path, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    for stem in STEMS:
        open_page(page, chapter_page(site, stem))
        for slider in page.locator("figure.explore .explore-slider").all():
            stops = int(slider.locator("input").get_attribute("max") or 0) + 1
            assert slider.locator(".explore-ticks > span").count() == stops
            boxes = slider.locator(".explore-ticks b").evaluate_all("all => all.map((one) => one.getBoundingClientRect().toJSON())")
            assert len(boxes) >= 2
            assert all(before["right"] + 3 < after["left"] for before, after in pairwise(boxes)), stem
            edges = slider.bounding_box()
            assert edges is not None
            assert boxes[0]["left"] >= edges["x"] - 1
            assert boxes[-1]["right"] <= edges["x"] + edges["width"] + 1


@pytest.mark.parametrize("stem", STEMS)
def test_a_moved_slider_is_answered_in_words(site: Path, page: Page, stem: str) -> None:
    open_page(page, chapter_page(site, stem))
    for figure in page.locator("figure.explore").all():
        readout, said = figure.locator(".explore-readout[aria-live=polite]"), []
        slider = figure.locator("input[type=range]").first
        for key in ("Home", "End"):
            slider.focus()
            page.keyboard.press(key)
            said.append(readout.inner_text())
        assert all(said)
        assert said[0] != said[1]
        assert figure.locator("output").first.get_attribute("aria-live") == "off", "the slider says its value itself"
        page.emulate_media(media="print")
        expect(figure.locator("output").first).to_be_visible()
        if figure.locator("template").count():
            expect(readout).to_be_visible()
        page.emulate_media(media="screen")


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
        if path.name == "404.html":  # which is for hosts only; see below
            continue
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


@pytest.mark.parametrize(("name", "section"), [("ledger", "Attention"), ("topics", "Papers")])
def test_collected_pages_have_contents_on_a_phone(site: Path, page: Page, name: str, section: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, site / f"book/start_here/{name}.html")
    page.locator(".secondary-toggle").click()
    dialog = page.locator("#pst-secondary-sidebar-modal")
    dialog.get_by_role("link", name=section, exact=True).click()
    expect(dialog).not_to_be_visible()
    page.wait_for_function("location.hash")
    expect(page.locator(page.evaluate("location.hash"))).to_be_in_viewport()


LINES = """pre => {
  const left = pre.getBoundingClientRect().left + parseFloat(getComputedStyle(pre).paddingLeft);
  return [...pre.querySelectorAll(".code-line")].map((line) => {
    const range = document.createRange();
    const rows = new Map(); // the left edge of each row of the wrapped line
    const words = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
    while (words.nextNode()) {
      const text = words.currentNode;
      for (let i = 0; i < text.length; i += 1) {
        if (/\\s/.test(text.data[i])) continue;
        range.setStart(text, i);
        range.setEnd(text, i + 1);
        const { top, left: x } = range.getBoundingClientRect();
        rows.set(Math.round(top / 4), Math.min(x - left, rows.get(Math.round(top / 4)) ?? Infinity));
      }
    }
    return [...rows.values()];
  });
}"""

CHARACTER = """() => {
  const row = document.querySelector(".cell_input pre").appendChild(document.createElement("span"));
  row.style.whiteSpace = "pre";
  row.textContent = "0".repeat(100);
  const { width } = row.getBoundingClientRect();
  row.remove();
  return width / 100;
}"""


@pytest.mark.parametrize(("page_of", "width"), [(chapter_page, 1280), (chapter_page, 390), (assignment_page, 390)])
def test_every_line_of_code_begins_where_its_spaces_put_it(
    site: Path, page: Page, page_of: Callable[[Path, str], Path], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    open_page(page, page_of(site, STEMS[0]))
    page.add_style_tag(content=".bd-content * { content-visibility: visible !important }")
    moved, character = 0, page.evaluate(CHARACTER)
    for pre in page.locator(".cell:not(.tag_hide-input) .cell_input pre").all():
        indents = pre.evaluate("pre => pre.textContent.split('\\n').filter((line) => line.trim()).map((line) => line.search(/\\S/))")
        lefts = [rows[0] for rows in pre.evaluate(LINES)]
        assert len(lefts) == len(indents)
        # A letter may be drawn 1 px beside its column.
        assert lefts == pytest.approx([lefts[0] + indent * character for indent in indents], abs=1.5)
        assert lefts[0] == pytest.approx(0, abs=1.5)
        moved += sum(indents)
    assert moved > 20


def test_on_paper_a_line_of_code_that_wraps_hangs_and_is_read_as_it_was(site: Path, browser: Browser) -> None:
    stem = STEMS[0]
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    open_page(page, assignment_page(site, stem))
    page.emulate_media(media="print")  # on the screen it is swiped
    wrapped = 0
    sources = [cell.source for cell in nbformat.read(COURSE.release(stem), as_version=4).cells if cell.cell_type == "code"]
    for pre, source in zip(page.locator(".cell_input pre").all(), sources, strict=True):
        for first, *others in pre.evaluate(LINES):
            wrapped += bool(others)
            assert all(left > first + 8 for left in others), "what goes on stands further right than where the line began"
        pre.evaluate("pre => getSelection().selectAllChildren(pre)")
        assert page.evaluate("getSelection().toString()").strip("\n") == source.strip("\n")
        assert pre.evaluate("pre => pre.textContent").strip("\n") == source.strip("\n")
    assert wrapped > 5
    context.close()


def test_the_link_that_skips_the_map_is_seen_only_when_focused(site: Path, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, site / "book/start_here/roadmap.html")
    link = page.get_by_role("link", name="Skip the map")
    for focused in (False, True):
        if focused:
            link.focus()
        shape = link.bounding_box()
        assert shape is not None
        assert (shape["width"] > 1) == focused


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


@pytest.mark.parametrize("at", ["", "/", "/fork/"])
@pytest.mark.parametrize("path", ["book/no/such/page.html", "exercises/nosuch"])
def test_an_address_that_leads_nowhere_shows_the_way_back(site: Path, browser: Browser, at: str, path: str) -> None:
    """Where the book is published, and at another root: a fork's, a mirror's."""
    with serving(site, at) as address:
        context = browser.new_context(viewport={"width": 390, "height": 844})
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        missed: list[str] = []
        page.on("response", lambda response: missed.append(response.url) if response.status == 404 else None)
        response = page.goto(address + path)
        assert response is not None
        assert response.status == 404
        page.wait_for_load_state("load")
        assert page.evaluate("getComputedStyle(document.body).getPropertyValue('--pst-color-primary')"), "the style is there"
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        if not at:
            assert missed == [address + path], "nothing is sought in the wrong folder first"
        page.get_by_role("link", name="Start at the first page").click()
        expect(page.locator("h1").first).to_contain_text("ML Researcher Foundations")
        context.close()
