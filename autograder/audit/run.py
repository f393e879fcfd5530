"""The audit of a whole site, and its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autograder.audit.browser import chromium, pages
from autograder.audit.lighthouse import CATEGORIES, METRICS, Scores, lighthouse
from autograder.audit.server import serving
from autograder.audit.visit import KINDS, Visit, visit
from autograder.course import Course

PAGE_BYTES = 500_000  # first load, over the wire
SHIFT = 0.05
SCORE = 95


def visits(course: Course, *, progress: Callable[[int, int], None] = lambda done, total: None) -> Iterator[Visit]:
    """Visit every page in both themes."""
    names = [path.relative_to(course.site).as_posix() for path in pages(course.site)]
    names = [name for name in names if name != "index.html"]  # it leads on to the first page
    plans = [(name, theme) for theme in ("light", "dark") for name in names]
    with serving(course.site) as address, chromium() as browser:
        for done, (name, theme) in enumerate(plans):
            progress(done, len(plans))
            yield visit(browser, address, name, theme)
        progress(len(plans), len(plans))


def scores(course: Course, runs: int) -> Iterator[Scores]:
    """Lighthouse on the first page, a chapter and an assignment."""
    stem = course.stems[0]
    with serving(course.site) as address:
        for path in (course.chapters[0].path, course.chapter(stem), course.release(stem)):
            yield lighthouse(address, path.relative_to(course.root).with_suffix(".html").as_posix(), runs)


def report(console: Console, found: list[Visit], measured: list[Scores]) -> bool:
    """Print the tables; returns whether every target is met."""
    console.print(_weights([entry for entry in found if entry.theme == "light"]))
    console.print(_findings(found))
    if measured:
        console.print(_scores(measured))
    fine = all(entry.total <= PAGE_BYTES and entry.shift < SHIFT and not entry.problems and not entry.grave for entry in found)
    return fine and all(score >= SCORE for entry in measured for score in entry.scores.values())


def _weights(found: list[Visit]) -> Table:
    table = Table(title=f"First load, kB over the wire (target: {PAGE_BYTES // 1000})", title_justify="left")
    table.add_column("Page", overflow="fold")
    for name in (*KINDS, "total", "shift"):
        table.add_column(name, justify="right")
    for entry in sorted(found, key=lambda entry: -entry.total):
        kinds = [f"{entry.weight.get(kind, 0) / 1000:.0f}" for kind in KINDS]
        total = _judged(f"{entry.total / 1000:.0f}", entry.total <= PAGE_BYTES)
        table.add_row(entry.page, *kinds, total, _judged(f"{entry.shift:.3f}", entry.shift < SHIFT))
    return table


def _findings(found: list[Visit]) -> Table:
    table = Table(title=f"Errors, requests that leave the site, and axe-core: {len(found)} visits", title_justify="left")
    for name in ("Page", "Theme", "Finding"):
        table.add_column(name, overflow="fold")
    for entry in found:
        for problem in entry.problems:
            table.add_row(entry.page, entry.theme, f"[red]{escape(problem)}[/red]")
        for violation in entry.violations:
            text = f"{violation.impact}: {violation.rule} ({violation.count}×) {escape(violation.first)}"
            table.add_row(entry.page, entry.theme, _judged(text, violation not in entry.grave))
    if not table.row_count:
        table.add_row("", "", "none")
    return table


def _scores(measured: list[Scores]) -> Table:
    table = Table(title=f"Lighthouse, phone profile (target: {SCORE})", title_justify="left")
    table.add_column("Page", overflow="fold")
    for name in (*CATEGORIES, *METRICS.values()):
        table.add_column(name, justify="right")
    for entry in measured:
        marks = [_judged(str(entry.scores[name]), entry.scores[name] >= SCORE) for name in CATEGORIES]
        metrics = entry.metrics
        table.add_row(entry.page, *marks, f"{metrics['LCP']:.0f} ms", f"{metrics['TBT']:.0f} ms", f"{metrics['CLS']:.3f}")
    return table


def _judged(text: str, fine: bool) -> str:
    return text if fine else f"[red]{text}[/red]"
