"""The browser that looks at the built site, as a phone and as a desk would show it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.course import CourseError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = os.environ.get("AUTOGRADER_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PHONE = (390, 844)  # CSS pixels
DESK = (1280, 844)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium.

    Raises:
        CourseError: Playwright or Chromium isn't installed.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise CourseError("a browser is driven by Playwright; install it with: pip install --editable '.[dev]'") from error
    if not Path(CHROMIUM).is_file():
        raise CourseError(f"no Chromium at {CHROMIUM}; install it (Debian: apt-get install chromium) or set AUTOGRADER_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def pages(site: Path) -> list[Path]:
    """Every page of the built site."""
    return sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)
