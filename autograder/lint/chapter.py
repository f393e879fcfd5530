"""The anatomy of a chapter: every part that DESIGN and CONTRIBUTING ask for, with the line where it is not as it should be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from pybtex.database import parse_file

from autograder.course import Course
from autograder.lint.findings import Finding, left_over
from autograder.lint.page import Block, Page, read_page

LEVELS = ("beginner", "intermediate", "advanced")
RESULTS = ("prf:theorem", "prf:lemma", "prf:proposition", "prf:corollary")
SECTIONS = {
    r"\bplay\b|explor": "Play",
    r"\bledger\b": "Ledger",
    r"where it breaks": "Where it breaks",
    r"reading the paper": "Reading the paper",
    r"\brecap\b": "Recap, quiz, next",
}
CHECKS = re.compile(r"\bassert\b|\bassert_\w+\(|\bledger\(")
SYMBOL = re.compile(r"\\(mathcal|mathbb|mathbf|boldsymbol)\s*(?:\{\s*([A-Za-z]+)\s*\}|([A-Za-z]))|\\([a-zA-Z]+)")
GREEK = {
    *("alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta", "vartheta", "iota", "kappa", "lambda", "mu"),
    *("nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "varphi", "chi", "psi", "omega"),
    *("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega", "nabla", "ell"),
}
LONGEST_CELL, LONGEST_LINE, LEAST_FIGURES = 20, 80, 4
WORDS, EQUATIONS, QUESTIONS, OUTCOMES = (2000, 8000), (10, 60), (3, 6), (3, 5)


def lint_chapter(course: Course, stem: str) -> Iterator[Finding]:
    """All findings on the chapter of `stem`."""
    page = read_page(course.chapter(stem))
    for check in (_front, _opening, _sections, _mathematics, _results, _cells, _figures, _parts, _references, _symbols):
        yield from check(course, page, stem)


def _front(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    front = page.front
    for key in ("hours", "level", "needs", "papers"):
        if key not in front:
            yield Finding(page.path, 1, f"the front matter has no {key!r}", "add it (CONTRIBUTING, A chapter)")
    if front.get("level", "beginner") not in LEVELS:
        yield Finding(page.path, 1, f"level {front['level']!r} is unknown", f"choose one of {', '.join(LEVELS)}")
    known = course.topics
    for need in front.get("needs") or []:
        if need not in known:
            yield Finding(page.path, 1, f"needs names {need!r}, which is no topic", "use a stem of the curriculum")


def _opening(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    first = next(iter(page.of("heading", "h2")), None)
    opening = [b for b in page.blocks if first is None or b.line < first.line]
    prose = [b for b in opening if b.kind == "text" and b.name != "item"]
    if not prose:
        yield Finding(page.path, 1, "no promise below the title", "say in a sentence or two what the reader will get, with a number")
    outcomes = [b for b in opening if b.kind == "text" and b.name == "item"]
    if not OUTCOMES[0] <= len(outcomes) <= OUTCOMES[1]:
        line = outcomes[0].line if outcomes else 1
        mend = "list 3 to 5 things the reader will be able to do, before the first section"
        yield Finding(page.path, line, f"{len(outcomes)} outcomes", mend)


def _sections(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    for pattern, name in SECTIONS.items():
        if page.headed(pattern) is None:
            yield Finding(page.path, 1, f"no section {name!r}", f"add a heading with the words {name!r}")
    labels = {b.line for b in page.of("label") if b.name.startswith(f"{stem}-")}
    for heading in page.of("heading", "h2"):
        if not labels & set(range(heading.line - 3, heading.line)):
            yield Finding(page.path, heading.line, f"the section {heading.text!r} has no label", f"put ({stem}-<word>)= above it")
    links = [text for b in page.blocks for kind, text in b.spans if kind == "link"]
    if not any(link.split("#")[0].endswith(f"exercises/{stem}/{stem}.ipynb") for link in links):
        yield Finding(page.path, 1, "no link to the assignment", f"link to ../../exercises/{stem}/{stem}.ipynb in the last section")


def _mathematics(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    words = sum(len(re.findall(r"[^\W\d_]{2,}", b.text)) for b in page.of("text"))
    for count, (least, most), what in ((words, WORDS, "words"), (len(page.of("math")), EQUATIONS, "displayed equations")):
        if not least <= count <= most:
            yield Finding(page.path, 1, f"{count} {what}", f"between {least} and {most} are meant", kind="content")
    yield from left_over(page.path, page.path.read_text().splitlines())


def _results(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    proofs = page.of("directive", "prf:proof")
    for result in page.of("directive", *RESULTS):
        if "label" not in result.options:
            yield Finding(page.path, result.line, f"{result.title or result.name!r} has no label", f"add :label: {stem}-theorem-<word>")
        section = page.section(result)
        after = [b for b in section if b.line > result.line]
        if not any(b in proofs for b in after):
            yield Finding(page.path, result.line, f"{result.title or result.name!r} has no proof in its section", "add a {prf:proof}")
        if not any(b.kind == "code" and CHECKS.search(b.text) for b in after):
            yield Finding(
                page.path, result.line, f"{result.title or result.name!r} is not checked", "add a cell with an assertion after it"
            )
    if not page.of("directive", *RESULTS):
        yield Finding(page.path, 1, "no theorem, lemma, proposition or corollary", "state at least one result, with its proof")


def _cells(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    for cell in page.of("code"):
        lines = [line for line in cell.text.strip().splitlines() if line.strip()]
        visible = not {"hide-input", "remove-input"} & set(cell.tags)
        if visible and len(lines) > LONGEST_CELL:
            mend = f"split it: {LONGEST_CELL} at most, about 5 is best"
            yield Finding(page.path, cell.line, f"a visible code cell of {len(lines)} lines", mend)
        if visible and (wide := [line for line in lines if len(line) > LONGEST_LINE]):
            mend = f"break at {LONGEST_LINE}: the page's column is no wider, such as {wide[0].strip()[:40]!r}"
            yield Finding(page.path, cell.line, f"{len(wide)} visible code lines of up to {max(map(len, wide))} characters", mend)
        try:
            ast.parse(cell.text)
        except SyntaxError as error:
            yield Finding(page.path, cell.line + (error.lineno or 0), f"this is no Python: {error.msg}", "mend the syntax")


def _figures(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    figures = [c for c in page.of("code") if "figure" in (c.options.get("mystnb") or {})]
    for cell in figures:
        settings: dict[str, Any] = cell.options["mystnb"]
        alt = str((settings.get("image") or {}).get("alt") or "").strip()
        if len(alt) < 20 or re.search(r"\.(png|svg|jpe?g|webp)$", alt):
            yield Finding(page.path, cell.line, "a figure without a real alt text", "say under mystnb: image: alt: what the picture shows")
        if not (settings["figure"] or {}).get("caption"):
            yield Finding(page.path, cell.line, "a figure without a caption", "add mystnb: figure: caption: with what to see in it")
    count = len(figures) + len(_calls(page, "explore"))
    if count < LEAST_FIGURES:
        yield Finding(page.path, 1, f"{count} figures", f"{LEAST_FIGURES} at least, one of which can be played with (explore)")


def _parts(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    for name, mend in (
        ("explore", "add explore(draw, step=[…], alt=…, caption=…)"),
        ("ledger", "add ledger([dict(source=…, cite=…, says=…, value=…, gives=…, tolerance=…)])"),
        ("quiz", "add quiz([dict(question=…, answers=[…])])"),
    ):
        if not _calls(page, name):
            yield Finding(page.path, 1, f"nothing calls {name}()", mend)
    for block, call in _calls(page, "explore"):
        if not any(k.arg == "alt" for k in call.keywords):
            yield Finding(page.path, block.line, "explore() has no alt text", "add alt=")
    for block, call in _calls(page, "quiz"):
        yield from _quiz(page, block, call)


def _quiz(page: Page, block: Block, call: ast.Call) -> Iterator[Finding]:
    questions = call.args[0].elts if call.args and isinstance(call.args[0], ast.List) else []
    if not QUESTIONS[0] <= len(questions) <= QUESTIONS[1]:
        yield Finding(page.path, block.line, f"{len(questions)} questions", f"{QUESTIONS[0]} to {QUESTIONS[1]} make a quiz")
    for node in ast.walk(call):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "dict":
            keys = {k.arg for k in node.keywords}
            if "answer" in keys and "feedback" not in keys:
                yield Finding(page.path, block.line + node.lineno, "an answer without feedback", "add feedback= with the reason")


def _calls(page: Page, name: str) -> list[tuple[Block, ast.Call]]:
    """The calls of a helper in the code cells."""
    found = []
    for block in page.of("code"):
        try:
            tree = ast.parse(block.text)
        except SyntaxError:
            continue
        found += [
            (block, node) for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name
        ]
    return found


def _references(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    known = set(parse_file(str(course.root / "book" / "references.bib")).entries)
    papers = [(1, key) for key in page.front.get("papers") or []]
    for line, key in [*papers, *page.citations]:
        if key not in known:
            yield Finding(page.path, line, f"{key!r} is not in book/references.bib", "add the entry, or mend the key")
    if not page.citations:
        yield Finding(page.path, 1, "nothing is cited", "cite what is not derived here: {cite:t}`key`")


def _symbols(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    notation = read_page(course.root / "book" / "start_here" / "notation.md")
    known = {symbol for _, text in notation.mathematics for symbol in symbols(text)}
    seen: set[str] = set()
    for line, text in page.mathematics:
        for symbol in sorted(symbols(text) - known - seen):
            seen.add(symbol)
            yield Finding(page.path, line, f"the symbol {symbol} is not in notation", "add it to book/start_here/notation.md")


def symbols(formula: str) -> set[str]:
    """The Greek letters and the letters in special type that a formula uses, as TeX writes them."""
    found = set()
    for kind, braced, bare, command in SYMBOL.findall(formula):
        if kind:
            found.add(f"\\{kind} {braced or bare}")
        elif command in GREEK:
            found.add(f"\\{command}")
    return found
