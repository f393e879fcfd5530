"""The audit sees what is wrong with a page, and finds nothing wrong with the book's."""

from __future__ import annotations

import gzip
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from rich.console import Console

from autograder.audit import report
from autograder.audit.lighthouse import CATEGORIES, Scores
from autograder.audit.run import PAGE_BYTES, SHIFT
from autograder.audit.server import serving
from autograder.audit.visit import Visit, visit
from autograder.tests import book_case
from autograder.tests.book_case import STEMS, pages

site, browser = book_case.site, book_case.browser

BAD = """<!DOCTYPE html><html><head><title>Bad</title></head><body><main><h1>Bad</h1>
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw="><p id="late">below</p>
<p style="color: #999; background: #aaa">grey on grey</p><script src="http://127.0.0.1:9/away.js"></script>
<script>
  console.error("a script's complaint");
  setTimeout(() => document.querySelector("h1").insertAdjacentHTML("beforebegin", "<div style='height: 400px'></div>"), 100);
  window.addEventListener("load", () => setTimeout(() => fetch("late.txt"), 200));
</script></main></body></html>"""


def test_a_bad_page_is_found_out(tmp_path: Path, browser: Browser) -> None:
    (tmp_path / "bad.html").write_text(BAD)
    (tmp_path / "late.txt").write_text("x" * 50_000)
    with serving(tmp_path) as address:
        found = visit(browser, address, "bad.html")
        dark = visit(browser, address, "bad.html", "dark")
    assert any(problem == "outside: http://127.0.0.1:9/away.js" for problem in found.problems)
    assert "a script's complaint" in found.problems
    assert found.shift > SHIFT
    assert {"image-alt", "color-contrast", "html-has-lang"} <= {violation.rule for violation in found.grave}
    assert {violation.rule for violation in dark.violations} == {"color-contrast"}
    assert 0 < found.weight["document"] < len(BAD), "as compressed"
    assert not report(Console(quiet=True), [found], [])


def test_targets_are_judged_one_by_one() -> None:
    fine = Visit("a.html", "light", {"document": PAGE_BYTES}, (), 0.0, ())
    scores = dict.fromkeys(CATEGORIES, 95)
    metrics = {"LCP": 1.0, "TBT": 1.0, "CLS": 0.0}
    quiet = Console(quiet=True)
    assert report(quiet, [fine], [Scores("a.html", scores, metrics)])
    assert not report(quiet, [fine], [Scores("a.html", scores | {"seo": 94}, metrics)])
    assert not report(quiet, [Visit("a.html", "light", {"document": PAGE_BYTES, "script": 1}, (), 0.0, ())], [])
    assert not report(quiet, [Visit("a.html", "light", {}, (), SHIFT, ())], [])
    assert not report(quiet, [Visit("a.html", "light", {}, ("404 x",), 0.0, ())], [])


def test_the_server_compresses_and_stays_inside_the_site(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (site / "page.html").write_text("<p>text</p>" * 100)
    (site / "robots.txt").write_text("Sitemap: https://host.example/a/book/sitemap.xml\n")
    with serving(site) as address:
        assert address.endswith("/a/book/")
        with urllib.request.urlopen(address + "page.html") as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert gzip.decompress(answer.read()) == b"<p>text</p>" * 100
        for path in ("../secret.txt", "..%2Fsecret.txt", "no.html"):
            with pytest.raises(urllib.error.HTTPError, match="404"):
                urllib.request.urlopen(address + path)


@pytest.fixture(scope="module")
def visited(site: Path, browser: Browser) -> Iterator[list[Visit]]:
    """Every page in the light theme; in the dark one, a page of each kind."""
    names = [path.relative_to(site).as_posix() for path in pages(site) if path.name != "index.html"]
    kinds = [name for name in names if "start_here" in name or STEMS[0] in name]
    with serving(site) as address:
        light = [visit(browser, address, name) for name in names]
        yield light + [visit(browser, address, name, "dark") for name in kinds]


def test_no_page_makes_a_request_that_leaves_the_site_or_prints_an_error(visited: list[Visit]) -> None:
    assert [(found.page, found.problems) for found in visited if found.problems] == []


def test_a_first_load_is_at_most_500_kilobytes_over_the_wire(visited: list[Visit]) -> None:
    assert [(found.page, found.weight) for found in visited if not 10_000 < found.total <= PAGE_BYTES] == []


def test_nothing_moves_while_a_page_loads_and_is_read(visited: list[Visit]) -> None:
    assert [(found.page, found.shift) for found in visited if found.shift >= SHIFT] == []


def test_no_page_is_hard_to_use_for_anybody(visited: list[Visit]) -> None:
    assert [(found.page, found.theme, found.grave) for found in visited if found.grave] == []
