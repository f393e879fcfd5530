"""One visit to one page: what it loads, what moves, what goes wrong, and what axe-core finds inaccessible."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from autograder.audit.browser import DESK, PHONE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request, Response

KINDS = ("document", "stylesheet", "script", "image", "font", "other")
PATIENCE = 120_000  # ms: a busy machine is slow, which is no fault of a page
GRAVE = ("serious", "critical")
SHIFTS = """
window.courseShift = 0;
new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
  if (!entry.hadRecentInput) window.courseShift += entry.value;
})).observe({ type: "layout-shift", buffered: true });
"""
SCROLL = """async () => {
  for (let y = 0; y < document.documentElement.scrollHeight; y += 600) {
    scrollTo({ top: y, behavior: "instant" });
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  }
}"""
# axe looks at every element, and a chapter has 30,000. All formulas are made alike and so is each kind of token in code:
# of both, only the first is left, and every formula that names a control.
THIN_OUT = """() => {
  document.head.append(Object.assign(document.createElement("style"), { textContent: "* { content-visibility: visible !important; }" }));
  [...document.querySelectorAll(".katex")].slice(1).forEach((formula) => {
    if (!formula.closest("label, legend, button, summary, a")) formula.textContent = "x";
  });
  const seen = new Set();
  document.querySelectorAll(".highlight span").forEach((token) => {
    if (seen.has(token.className)) token.replaceWith(token.textContent);
    seen.add(token.className);
  });
}"""
# Measuring contrast takes most of axe's time, and what has the same place in the markup has the same colours: a few of each stay.
SAMPLE = """() => {
  const seen = new Map();
  const place = (element) => (element ? `${place(element.parentElement)} ${element.tagName}.${element.className}` : "");
  document.querySelectorAll("body :not(:has(*))").forEach((leaf) => {
    const here = place(leaf);
    seen.set(here, (seen.get(here) ?? 0) + 1);
    if (seen.get(here) > 3) leaf.remove();
  });
  const blocks = new Map();
  document.querySelectorAll("body :is(p, li, tr, dt, dd)").forEach((block) => {
    const here = place(block);
    blocks.set(here, (blocks.get(here) ?? 0) + 1);
    if (blocks.get(here) > 6 && !block.querySelector("p, li, tr")) block.remove();
  });
}"""
AXE = """async (options) => {
  const found = await axe.run(document, { ...options, resultTypes: ["violations"] });
  return found.violations.map(({ id, impact, nodes }) => ({ id, impact, count: nodes.length, first: nodes[0].html.slice(0, 200) }));
}"""
STANDARDS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"color-contrast": {"enabled": False}},
}
CONTRAST = {"runOnly": ["color-contrast"]}


@dataclass(frozen=True)
class Violation:
    """A rule of axe-core that a page breaks."""

    rule: str
    impact: str
    count: int
    first: str


@dataclass(frozen=True)
class Visit:
    """What one visit found. `weight` is the bytes of the first load over the wire, compressed, by kind."""

    page: str
    theme: str
    weight: dict[str, int]
    problems: tuple[str, ...]
    shift: float
    violations: tuple[Violation, ...]

    @property
    def total(self) -> int:
        return sum(self.weight.values())

    @property
    def grave(self) -> tuple[Violation, ...]:
        return tuple(violation for violation in self.violations if violation.impact in GRAVE)


def visit(browser: Browser, address: str, page: str, theme: str = "light") -> Visit:
    """Open a page of the site served at `address` in a fresh profile, read it to its end, then ask axe-core.

    The light theme is seen on a phone, the dark one at a desk; only contrast can differ there, so only that is checked.
    """
    width, height = PHONE if theme == "light" else DESK
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="dark" if theme == "dark" else "light")
    context.set_default_timeout(PATIENCE)
    tab = context.new_page()
    problems: list[str] = []
    loaded: list[Response] = []
    _listen(tab, address, problems, loaded)
    tab.add_init_script(SHIFTS)
    tab.goto(address + page)
    tab.wait_for_load_state("networkidle")
    weight = _weigh(loaded)
    tab.evaluate(SCROLL)
    shift = float(tab.evaluate("window.courseShift"))
    violations = _ask_axe(tab, (CONTRAST,) if theme == "dark" else (STANDARDS, CONTRAST))
    context.close()
    return Visit(page, theme, weight, tuple(problems), shift, violations)


def _listen(tab: Page, address: str, problems: list[str], loaded: list[Response]) -> None:
    """Note each error on the console, each request that leaves the site or fails, and all that is loaded."""

    def note_request(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            problems.append(f"outside: {request.url}")

    def note_response(response: Response) -> None:
        loaded.append(response)
        if response.status >= 400:
            problems.append(f"{response.status} {response.url}")

    tab.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("request", note_request)
    tab.on("response", note_response)


def _weigh(loaded: list[Response]) -> dict[str, int]:
    weight: Counter[str] = Counter()
    for response in loaded:
        kind = response.request.resource_type
        weight[kind if kind in KINDS else "other"] += int(response.headers.get("content-length", 0))
    return dict(weight)


def _ask_axe(tab: Page, checks: tuple[dict[str, Any], ...]) -> tuple[Violation, ...]:
    tab.evaluate(THIN_OUT)
    tab.evaluate((files("axe_playwright_python") / "axe.min.js").read_text())
    found: list[dict[str, Any]] = []
    for options in checks:
        if options is CONTRAST:
            tab.evaluate(SAMPLE)
        found += tab.evaluate(AXE, options)
    return tuple(Violation(entry["id"], entry["impact"], entry["count"], entry["first"]) for entry in found)
