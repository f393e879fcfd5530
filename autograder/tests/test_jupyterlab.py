"""A learner and an instructor in JupyterLab, in a real browser: from the released notebook to feedback on the answer."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect, sync_playwright

from autograder.tests.conftest import make_tiny_course

BIN = Path(sys.executable).parent
CHROMIUM = os.environ.get("AUTOGRADER_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
]
PATIENCE = 60_000  # ms; a kernel or a grading engine may have to start on a busy machine
ANSWER = "return float(np.mean(np.square(x)))"


@contextmanager
def jupyterlab(folder: Path, home: Path, exchange: Path) -> Iterator[str]:
    """JupyterLab started in `folder` with a home of its own; gives the address to open."""
    settings = home / ".jupyter" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER_", "AUTOGRADER_"))}
    environment |= {"HOME": str(home), "AUTOGRADER_EXCHANGE": str(exchange), "OMP_NUM_THREADS": "1"}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    command = [
        *(str(BIN / "jupyter"), "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--port-retries=0"),
        *(f"--IdentityProvider.token={token}", "--LabApp.extension_manager=readonly"),
    ]
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            _wait_for(f"http://127.0.0.1:{port}/api/status?token={token}", server, home / "server.log")
            yield f"http://127.0.0.1:{port}/lab?token={token}"
        finally:
            server.terminate()
            server.wait(30)


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urlopen(address, timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text()}")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go."""
    folder = Path(os.environ.get("AUTOGRADER_PICTURES") or tmp_path / "pictures")
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def browser(pictures: Path) -> Iterator[Browser]:
    """Debian's Chromium; the last sight of every page is kept among the pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        for number, page in enumerate(page for context in browser.contexts for page in context.pages):
            page.screenshot(path=pictures / f"last_{number}.png")
        browser.close()


def open_lab(browser: Browser, address: str) -> Page:
    """A window of 1400 × 1000 on a JupyterLab that is ready."""
    page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page.goto(address)
    expect(page.locator("#jupyterlab-splash")).to_have_count(0)
    expect(page.locator("#jp-MainMenu")).to_be_visible()
    return page


def nbgrader_menu(page: Page, command: str) -> None:
    """Choose an entry of the Nbgrader menu."""
    page.locator("#jp-MainMenu .lm-MenuBar-itemLabel", has_text="Nbgrader").click()
    page.locator(f'#jp-mainmenu-nbgrader li[data-command="{command}"]').click()


def solve(page: Page, answer: str) -> None:
    """Replace the first stub by typing, and run the cells up to the test below it."""
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    page.locator(".jp-Notebook .cm-line", has_text="raise NotImplementedError()").first.click()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+End")
    page.keyboard.type(answer)
    expect(cells.nth(1)).to_contain_text(answer)
    for number in range(3):
        cells.nth(number).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        expect(cells.nth(number).locator(".jp-InputPrompt")).to_have_text(f"[{number + 1}]:")


def confirm(frame: FrameLocator, text: str) -> None:
    """Wait for formgrader's report of success, and close it."""
    modal = frame.locator(".modal.in")
    expect(modal).to_contain_text(text)
    modal.locator(".modal-footer button.close").click()
    expect(frame.locator(".modal-backdrop")).to_have_count(0)


def formgrader(page: Page, section: str) -> FrameLocator:
    """Formgrader in its frame, at one of the entries of its own menu."""
    frame = page.frame_locator("iframe.jp-IFrame, .jp-IFrame iframe, iframe").last
    frame.locator("a", has_text=section).first.click()
    return frame


@pytest.mark.timeout(600)
def test_a_learner_submits_and_an_instructor_grades(browser: Browser, pictures: Path, tmp_path: Path) -> None:
    course, learner, exchange = make_tiny_course(tmp_path / "course"), tmp_path / "learner", tmp_path / "exchange"
    homes = [tmp_path / "home_instructor", tmp_path / "home_learner"]
    for folder in (learner, *homes):
        folder.mkdir(exist_ok=True)
    shutil.copy(course.root / "nbgrader_config.py", learner)

    with jupyterlab(course.root, homes[0], exchange) as office, jupyterlab(learner, homes[1], exchange) as desk:
        # The instructor generates and releases in formgrader.
        instructor = open_lab(browser, office)
        nbgrader_menu(instructor, "nbgrader:open-formgrader")
        grader = formgrader(instructor, "Manage Assignments")
        grader.locator("td.assign a").click()
        confirm(grader, "Successfully created the student version")
        grader.locator("td.release a").click()
        confirm(grader, "Successfully released")
        instructor.screenshot(path=pictures / "1_released.png")

        # The learner fetches, solves one of two tasks, validates and submits.
        student = open_lab(browser, desk)
        nbgrader_menu(student, "nbgrader:open-assignment-list")
        student.locator("#released_assignments_list button", has_text="Fetch").click()
        student.locator("#fetched_assignments_list a", has_text="tiny").first.click()
        student.locator("#fetched_assignments_list .collapse.in a", has_text="tiny").click()
        expect(student.locator(".jp-NotebookPanel")).to_be_visible()
        solve(student, ANSWER)
        student.screenshot(path=pictures / "2_solved.png")
        student.locator(".jp-NotebookPanel .validate-button").click()
        dialog = student.locator(".nbgrader-ErrorDialog")
        expect(dialog).to_contain_text("The following cell failed:")
        expect(dialog).to_contain_text("safe_log")
        student.screenshot(path=pictures / "3_validated.png")
        dialog.locator("button").last.click()
        student.locator(".lm-TabBar-tab", has_text="Assignments").click()
        student.locator("#fetched_assignments_list button", has_text="Submit").click()
        expect(student.locator("#submitted_assignments_list .list_item").first).to_contain_text("tiny")
        student.screenshot(path=pictures / "4_submitted.png")

        # The instructor collects, grades with the button, sees the score and gives feedback.
        grader = formgrader(instructor, "Manage Assignments")
        grader.locator("td.collect a").click()
        confirm(grader, "Successfully collected")
        grader.locator("td.num-submissions a").click()
        grader.locator("td.autograde a").click()
        confirm(grader, "Successfully autograded")
        expect(grader.locator("td.score")).to_have_text("2 / 5")
        instructor.screenshot(path=pictures / "5_graded.png")
        grader.locator("td.generate-feedback a").click()
        confirm(grader, "Successfully generated feedback")
        grader.locator("td.release-feedback a").click()
        confirm(grader, "Successfully released feedback")
        grader = formgrader(instructor, "Manual Grading")
        grader.locator("td a", has_text="tiny").click()
        grader.locator("td a", has_text="tiny").click()
        grader.locator("td a", has_text="Submission #1").click()
        for task, score in (("mean_square", "2"), ("safe_log", "0")):
            expect(grader.locator(f"#test_{task}.score")).to_have_attribute("placeholder", score)
        instructor.screenshot(path=pictures / "6_formgrader.png")

        # The feedback reaches the learner.
        student.locator("#submitted_assignments_list button", has_text="Fetch Feedback").click()
        student.locator("#submitted_assignments_list a", has_text="view feedback").click()
        student.locator(".jp-DirListing-item", has_text="tiny.html").dblclick()
        page = student.frame_locator(".jp-HTMLViewer iframe")
        expect(page.locator(".panel-heading h4").first).to_have_text("tiny (Score: 2.0 / 5.0)")
        student.screenshot(path=pictures / "7_feedback.png")
        assert not page.get_by_text("hidden_total").count()
