"""Lighthouse, with its phone profile: four scores of a page, and the times behind the first of them."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from autograder.audit.browser import CHROMIUM, FLAGS
from autograder.course import CourseError

PACKAGE = "lighthouse@12"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
METRICS = {"largest-contentful-paint": "LCP", "total-blocking-time": "TBT", "cumulative-layout-shift": "CLS"}
SECONDS = 180


@dataclass(frozen=True)
class Scores:
    """The median of each score (0–100) and metric (ms; CLS without unit) over some runs."""

    page: str
    scores: dict[str, int]
    metrics: dict[str, float]


def lighthouse_command() -> list[str]:
    """How Lighthouse is started here.

    Raises:
        CourseError: there is neither Lighthouse nor npx.
    """
    if found := shutil.which("lighthouse"):
        return [found]
    if npx := shutil.which("npx"):
        return [npx, "--yes", PACKAGE]
    raise CourseError("Lighthouse needs Node.js: install it (Debian: apt-get install nodejs npm), or leave this part out: --no-lighthouse")


def lighthouse(address: str, page: str, runs: int = 1) -> Scores:
    """Measure a page `runs` times.

    Raises:
        CourseError: Lighthouse failed; its words are in the message.
    """
    reports = [_run(address + page) for _ in range(runs)]

    def median(values: list[float]) -> float:
        return float(statistics.median(values))

    scores = {name: round(100 * median([report["categories"][name]["score"] for report in reports])) for name in CATEGORIES}
    metrics = {short: median([report["audits"][name]["numericValue"] for report in reports]) for name, short in METRICS.items()}
    return Scores(page, scores, metrics)


def _run(url: str) -> dict[str, dict[str, dict[str, float]]]:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "report.json"
        flags = " ".join(["--headless=new", *FLAGS])
        command = [*lighthouse_command(), url, "--quiet", "--output=json", f"--output-path={output}", f"--chrome-flags={flags}"]
        done = subprocess.run(
            command, env={**os.environ, "CHROME_PATH": CHROMIUM}, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if done.returncode or not output.is_file():
            raise CourseError(f"Lighthouse failed on {url}:\n{(done.stderr or done.stdout).strip()[-2000:]}")
        return dict(json.loads(output.read_text()))
