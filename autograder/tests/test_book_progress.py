"""What a reader does with the book in a browser: progress, review, carrying it away, roadmap and index; and that it all stays put."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from autograder.check import progress_file, record_progress
from autograder.course import Course
from autograder.results import Grade, TaskGrade
from autograder.tests import book_case as book

site, browser, page = book.site, book.browser, book.page  # the same fixtures

STEM, OTHER = book.STEMS[0], book.STEMS[1]
KEY = "ml-researcher-foundations:progress"


def open_chapter(page: Page, site: Path, stem: str) -> None:
    book.open_page(page, book.chapter_page(site, stem))


def open_start(page: Page, site: Path, name: str) -> None:
    book.open_page(page, site / "book" / "start_here" / f"{name}.html")


def stored(page: Page) -> dict[str, Any]:
    return json.loads(page.evaluate(f"localStorage.getItem({KEY!r})"))


def expect_count(page: Page, name: str, number: int) -> None:
    """Waits: on a busy machine what one page stored may reach the next a moment later, which then follows."""
    expect(page.locator(f'[data-count="{name}"] b')).to_have_text(str(number))


def answer(page: Page, number: int, right: bool) -> None:
    """Answer a question of the page's quiz by keyboard alone."""
    form = page.locator(".quiz-question").nth(number)
    key = form.locator(".quiz-key li").evaluate_all("items => items.map(item => item.dataset.correct === 'true')")
    choices = form.locator("input")
    wanted = [index for index, correct in enumerate(key) if correct] if right else [key.index(False)]
    for index in wanted:
        choices.nth(index).focus()
        page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(form).to_have_attribute("data-state", "right" if right else "wrong")


# Reading


def test_a_chapter_marked_as_read_is_so_on_every_page_and_can_be_unmarked(site: Path, page: Page) -> None:
    open_chapter(page, site, STEM)
    button = page.locator(".mark-read")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "true")
    open_chapter(page, site, OTHER)
    link = page.locator(f'.bd-sidebar-primary a[href$="{STEM}.html"]:not([href*="exercises"])').first
    expect(link).to_have_attribute("data-progress", "read")
    open_start(page, site, "progress")
    expect_count(page, "read", 1)
    box = page.locator(f'.checklist li[data-stem="{STEM}"] input')
    assert box.is_checked()
    box.focus()
    page.keyboard.press("Space")
    expect_count(page, "read", 0)
    assert stored(page)["chapters"] == {}


def test_marks_and_buttons_move_nothing(site: Path, page: Page) -> None:
    """Layout shift stays under 0.05 on pages that progress changes, loaded with all of it."""
    state = {"format": "course-progress", "version": 1, "chapters": dict.fromkeys(book.STEMS, "2026-01-01")}
    page.add_init_script(f"localStorage.setItem({KEY!r}, {json.dumps(json.dumps(state))})")
    page.add_init_script("""
        window.shift = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((entry) => { window.shift += entry.hadRecentInput ? 0 : entry.value; }))
          .observe({ type: "layout-shift", buffered: true });
    """)
    for path in (book.chapter_page(site, STEM), *(site / f"book/start_here/{name}.html" for name in ("progress", "roadmap", "topics"))):
        book.open_page(page, path)
        page.wait_for_timeout(300)
        assert page.evaluate("window.shift") < 0.05, path


# Questions and their review


def test_questions_return_after_one_day_then_three_and_a_wrong_answer_sends_them_back(site: Path, page: Page) -> None:
    page.clock.install(time=datetime(2026, 3, 1, 10))
    open_chapter(page, site, STEM)
    answer(page, 0, right=True)
    answer(page, 1, right=False)
    answer(page, 1, right=True)  # only the first try counts
    questions = stored(page)["questions"]
    assert [(entry["stem"], entry["right"], entry["box"], entry["due"]) for entry in questions.values()] == [
        (STEM, True, 1, "2026-03-02"),
        (STEM, False, 1, "2026-03-02"),
    ]
    open_start(page, site, "progress")
    expect(page.locator(".review-status")).to_contain_text("Nothing is due")
    expect_count(page, "right", 1)

    page.clock.set_system_time(datetime(2026, 3, 2, 10))
    page.reload()
    expect(page.locator(".review-status")).to_have_text("2 questions are due today.")
    page.locator(".review-next").focus()
    for right, box, due in ((True, 2, "2026-03-05"), (False, 1, "2026-03-03")):
        page.keyboard.press("Enter")  # the button has the focus
        expect(page.locator(".review-card .quiz-question")).to_be_visible()
        answer(page, 0, right=right)
        expect(page.locator(".review-status")).to_have_text(f"Box {box} of 5: it returns on {due}.")
        page.locator(".review-next").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".review-status")).to_contain_text("Nothing is due. The next question returns on 2026-03-03.")
    assert sorted(entry["box"] for entry in stored(page)["questions"].values()) == [1, 2]


def test_the_boxes_lead_from_1_to_35_days_and_an_early_right_answer_changes_nothing(site: Path, page: Page) -> None:
    page.clock.install(time=datetime(2026, 3, 1, 10))
    open_start(page, site, "progress")
    trial = "(right) => { courseProgress.answer('s', 'q', right); return courseProgress.load().questions.q; }"
    seen = []
    for day in ((3, 1), (3, 2), (3, 3), (3, 5), (3, 12), (3, 28), (5, 2)):
        page.clock.set_system_time(datetime(2026, *day, 10))
        entry = page.evaluate(trial, True)
        seen.append((entry["box"], entry["due"]))
    assert seen == [
        (1, "2026-03-02"), (2, "2026-03-05"), (2, "2026-03-05"), (3, "2026-03-12"), (4, "2026-03-28"), (5, "2026-05-02"), (5, "2026-06-06"),
    ]  # fmt: skip
    assert page.evaluate(trial, False)["due"] == "2026-05-03"


def test_the_review_has_every_question_of_every_chapter(site: Path, page: Page) -> None:
    """Each chapter's bank holds what its page shows, with mathematics typeset the same way."""
    open_start(page, site, "progress")
    load = """(stem) => new Promise((resolve) => {
        courseReview.add = (_, forms) => resolve(forms);
        document.head.append(Object.assign(document.createElement("script"), { src: `../../_static/review/${stem}.js` }));
    })"""
    for stem, chapter in json.loads(page.locator(".review-data").text_content() or "").items():
        forms = page.evaluate(load, stem)
        on_page = re.findall(r'data-question="([^"]+)"', book.chapter_page(site, stem).read_text())
        assert list(forms) == chapter["questions"] == on_page
        assert all("quiz-why" in form and "<legend>" in form for form in forms.values())


# Carrying it with you


def test_export_clear_and_import_give_everything_back(site: Path, page: Page, tmp_path: Path) -> None:
    open_chapter(page, site, STEM)
    answer(page, 0, right=True)
    page.locator(".mark-read").click()
    open_start(page, site, "progress")
    before = stored(page)
    with page.expect_download() as download:
        page.locator(".carry-export").click()
    file = tmp_path / "progress.json"
    download.value.save_as(file)
    assert json.loads(file.read_text()) == before
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator(".carry-clear").click()
    assert stored(page)["chapters"] == stored(page)["questions"] == {}
    page.locator(".carry-import").set_input_files(file)
    expect(page.locator(".carry-status")).to_have_text("Imported 2 new or newer entries from progress.json.")
    assert stored(page) == before
    page.locator(".carry-import").set_input_files(file)
    expect(page.locator(".carry-status")).to_have_text("progress.json holds nothing new.")


def test_a_file_that_cannot_be_read_says_why_and_changes_nothing(site: Path, page: Page, tmp_path: Path) -> None:
    open_chapter(page, site, STEM)
    page.locator(".mark-read").click()
    open_start(page, site, "progress")
    before = stored(page)
    head = '{"format": "course-progress", "version": 1, '
    day = '"2026-01-01"'
    bad = {
        '{"format": ': "is not JSON",
        "[1, 2]": 'its "format" is not "course-progress"',
        '{"cells": []}': 'its "format" is not "course-progress"',
        '{"format": "course-progress", "version": 2}': "version 2; this page reads version 1",
        head + '"chapters": []}': '"chapters" is not a table',
        head + '"chapters": {"new": "2026-01-01", "x": 3}}': '"chapters", entry "x": it is not a day',
        head + f'"questions": {{"q": {{"stem": "x", "right": true, "box": 6, "due": {day}, "answered": {day}}}}}}}': "no box from 1 to 5",
        head + '"assignments": {"x": {"score": "many"}}}': '"assignments", entry "x": it has no numbers',
    }
    for text, message in bad.items():
        file = tmp_path / "bad.json"
        file.write_text(text)
        page.locator(".carry-import").set_input_files(file)
        expect(page.locator(".carry-status")).to_contain_text("nothing has changed")
        expect(page.locator(".carry-status")).to_contain_text(message)
        page.locator(".carry-status").evaluate("element => { element.textContent = ''; }")
    assert stored(page) == before


def test_what_check_writes_can_be_imported(site: Path, page: Page, tmp_path: Path) -> None:
    course = Course(tmp_path)
    for stem, score in ((STEM, 20.0), (OTHER, 3.5), (OTHER, 1.0)):
        task = TaskGrade("task", "test_task", score, 20.0, "passed" if score == 20 else "failed")
        record_progress(course, Grade(stem, seed=0, tasks=[task]))
    open_start(page, site, "progress")
    page.locator(".carry-import").set_input_files(progress_file(course))
    expect(page.locator(f'.checklist li[data-stem="{STEM}"] .check-result')).to_have_text("Assignment: 20 of 20 points ✓")
    expect(page.locator(f'.checklist li[data-stem="{OTHER}"] .check-result')).to_have_text("Assignment: 3.5 of 20 points")
    expect_count(page, "passed", 1)
    open_start(page, site, "roadmap")
    expect(page.locator(f'.map-wide a[data-topic="{OTHER}"]')).to_have_attribute("data-progress", "begun")


def test_a_browser_that_keeps_nothing_is_told_so_and_all_else_works(site: Path, page: Page) -> None:
    page.add_init_script(f"""
        for (const name of ["getItem", "setItem"]) {{
          const usual = Storage.prototype[name];
          Storage.prototype[name] = function (key, ...rest) {{
            if (key.startsWith({KEY!r})) throw new DOMException("denied", "SecurityError");
            return usual.call(this, key, ...rest);
          }};
        }}
    """)
    open_chapter(page, site, STEM)
    page.locator(".mark-read").click()
    expect(page.locator(".mark-read")).to_have_attribute("aria-pressed", "true")
    answer(page, 0, right=True)
    open_start(page, site, "progress")
    expect(page.locator(".progress-note")).to_contain_text("keeps nothing")
    expect_count(page, "read", 0)


def test_progress_of_a_newer_version_is_kept_aside(site: Path, page: Page) -> None:
    open_start(page, site, "progress")
    newer = '{"format": "course-progress", "version": 2, "chapters": {}}'
    page.evaluate("([key, text]) => localStorage.setItem(key, text)", [KEY, newer])
    open_chapter(page, site, STEM)
    page.locator(".mark-read").click()
    assert list(stored(page)["chapters"]) == [STEM]
    assert page.evaluate(f"localStorage.getItem('{KEY}:unreadable')") == newer


# The roadmap


def test_the_roadmap_leads_everywhere_and_shows_what_a_topic_rests_on(site: Path, page: Page) -> None:
    open_chapter(page, site, STEM)
    page.locator(".mark-read").click()
    page.set_viewport_size({"width": 1280, "height": 900})
    open_start(page, site, "roadmap")
    wide, narrow = page.locator(".map-wide"), page.locator(".map-narrow")
    assert wide.is_visible()
    assert not narrow.is_visible()
    here = wide.locator(f'a[data-topic="{STEM}"]')
    expect(here).to_have_attribute("data-progress", "read")
    assert "You have read it." in (here.get_attribute("aria-label") or "")
    assert wide.locator("a").count() == narrow.locator("a").count() == wide.locator("a[aria-label]").count()
    here.focus()
    needs = wide.locator(f'.map-lines path[data-to="{STEM}"]')
    assert needs.count() > 0
    assert needs.evaluate_all("lines => lines.every(line => line.classList.contains('on'))")
    assert "rests on" in page.locator(".map-trace").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{STEM}.html")
    page.set_viewport_size({"width": 390, "height": 844})
    open_start(page, site, "roadmap")
    assert narrow.is_visible()
    assert not wide.is_visible()
    narrow.locator("a.planned").first.click()
    assert page.locator("li:target").count() == 1


def test_roadmap_index_ledger_and_progress_are_there_without_scripts(site: Path, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    shown = {"roadmap": ".map-wide a.written", "topics": ".topic-group li a", "ledger": ".ledger tbody tr", "progress": ".check-title"}
    for name, selector in shown.items():
        open_start(page, site, name)
        assert page.locator(selector).first.is_visible(), name
    open_start(page, site, "topics")
    assert not page.locator(".topics-filter").is_visible()
    open_chapter(page, site, STEM)
    assert not page.locator(".mark-read").is_visible()
    context.close()


def test_by_touch_a_first_tap_shows_what_a_topic_rests_on_and_a_second_opens_it(site: Path, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    open_start(page, site, "roadmap")
    first, second = (page.locator(f'.map-narrow a[data-topic="{stem}"]') for stem in (STEM, OTHER))
    for box in (first, second):
        box.tap()
        expect(page.locator(".map-trace")).to_contain_text("rests on")
        assert page.url.endswith("roadmap.html")
    expect(page.locator(".map-trace").get_by_role("link", name="Open it")).to_have_attribute("href", re.compile(OTHER))
    second.tap()
    page.wait_for_url(f"**/{OTHER}.html")
    context.close()


# The index of topics, and the ledger


def test_the_index_finds_a_concept_a_symbol_and_a_paper(site: Path, page: Page) -> None:
    open_start(page, site, "topics")
    items = page.locator(".topic-group li:visible")
    whole = items.count()
    assert whole >= 200
    assert page.locator(".topics-count").inner_text() == f"{whole} entries"
    query = page.locator("#topics-query")
    named = (("pinsker", "theorem"), ("learning rate", "symbol"), ("vaswani need", "paper"), ("affine quantizer", "definition"))
    for text, kind in (*named, ("nibble", "term"), ("bellman, r", "person")):
        query.fill(text)
        assert 0 < items.count() < 12, text
        assert any(kind in line for line in items.all_inner_texts()), text
    query.fill("no such thing")
    assert page.locator(".topics-count").inner_text() == "0 entries"
    query.fill("")
    assert items.count() == whole


def test_the_ledger_page_has_every_row_of_every_chapter(site: Path) -> None:
    def rows(path: Path) -> list[str]:  # without the place, which is said from each page in its own way
        text = re.sub(r'<span class="ledger-place">.*?</a></span>', "", path.read_text(), flags=re.DOTALL)
        tables = re.findall(r'<div class="ledger".*?<tbody[^>]*>(.*?)</tbody>', text, re.DOTALL)
        return [row for table in tables for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)]

    wanted = [row for stem in book.STEMS for row in rows(book.chapter_page(site, stem))]
    ledger = site / "book" / "start_here" / "ledger.html"
    assert len(wanted) >= 3 * len(book.STEMS)
    assert rows(ledger) == wanted
    assert f"<strong>{len(wanted)}</strong> claims" in ledger.read_text()


def test_each_row_of_the_ledger_leads_to_its_paper_and_to_where_it_is_reproduced(site: Path) -> None:
    ledger = site / "book" / "start_here" / "ledger.html"
    for row in book.parsed(ledger).select(".ledger tbody tr"):
        if row.get("data-cite"):
            assert str(row.select_one("th a")["href"]).startswith("http"), row["data-cite"]  # type: ignore[index]
        place, _, anchor = str(row.select_one(".ledger-place a")["href"]).partition("#")  # type: ignore[index]
        assert anchor in book.anchors((ledger.parent / place).resolve())
    for stem in book.STEMS:
        page = book.chapter_page(site, stem)
        for link in book.parsed(page).select(".ledger-place a"):
            assert str(link["href"]).removeprefix("#") in book.anchors(page)


# Playing


@pytest.mark.parametrize("stem", book.STEMS[:1])
def test_frames_are_fetched_only_when_somebody_is_about_to_slide(site: Path, page: Page, stem: str) -> None:
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url) if "/explore-" in request.url else None)
    open_chapter(page, site, stem)
    page.wait_for_timeout(200)
    figures = page.locator("figure.explore")
    assert len(set(fetched)) <= figures.count(), "at most the picture that is shown first"
    figures.first.locator("input").first.focus()
    frames = json.loads(figures.first.locator("script").text_content() or "")["frames"]
    wanted = {Path(frame["src"]).name for frame in frames}
    for _ in range(50):
        if wanted <= {Path(url).name for url in fetched}:
            break
        page.wait_for_timeout(100)
    assert wanted <= {Path(url).name for url in fetched}


# Carrying a chapter away


@pytest.mark.parametrize("stem", book.STEMS)
def test_a_downloaded_chapter_reads_without_extensions_and_numbers_things_as_its_page(site: Path, stem: str) -> None:
    where = book.chapter_page(site, stem)
    page = where.read_text()
    notebook = nbformat.read(site / "_sources" / where.relative_to(site).with_suffix(".ipynb"), as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert re.findall(r"\\tag\{([\d.]+)\}", text) == re.findall(r'class="eqno">\(([\d.]+)\)', page)
    captions = [caption.strip() for caption in re.findall(r'caption-number">([^<]+)<', page) if not caption.startswith("Fig")]
    assert re.findall(r"^\*\*([A-Z][a-z]+ [\d.]+)(?= \(|\.\*\*)", text, re.MULTILINE) == captions
    assert re.findall(r"\{[a-z:]+\}`.*|^:{3,}.*|^```\{.*|^\([\w-]+\)=$", text, re.MULTILINE) == []
