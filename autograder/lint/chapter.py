"""The anatomy of a chapter: every part that DESIGN and CONTRIBUTING ask for, with the line where it is not as it should be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from pybtex.database import parse_file

from autograder.course import Course
from autograder.lint.findings import Finding, left_over, listed
from autograder.lint.labels import lint_labels
from autograder.lint.page import Block, Page, read_page

LEVELS = ("beginner", "intermediate", "advanced")
RESULTS = ("prf:theorem", "prf:lemma", "prf:proposition", "prf:corollary")
SECTIONS = {
    r"\bplay\b|explor": "Play",
    r"\bledger\b": "Ledger",
    r"where it breaks": "Where it breaks",
    r"reading the paper": "Reading the paper",
    r"\brecap\b": "Recap",
    r"\bquiz\b": "Quiz",
    r"\bnext\b": "Next",
    r"\breferences\b": "References",
}
FRONT = {
    "hours": "`hours: 3`, what a reader needs for it with the assignment",
    "level": "`level: intermediate`, or beginner, or advanced",
    "needs": "`needs: [entropy]`, the stems of the chapters it builds on, or []",
    "papers": "`papers: [kingma2014vae]`, keys of book/references.bib, or []",
}
KINDS: dict[str, type | tuple[type, ...]] = {"hours": (int, float), "needs": list, "papers": list}
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
    yield from lint_labels(course, page)


def _front(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    front = page.front
    if not page.title:
        yield Finding(page.path, 1, "no title", "begin the text with a line '# The title'")
    for key, example in FRONT.items():
        if key not in front:
            yield Finding(page.path, 1, f"the front matter has no {key!r}", f"add {example}")
        elif not isinstance(front[key], KINDS.get(key, str)):
            yield Finding(page.path, page.line_of(f"{key}:"), f"{key} is {front[key]!r}", f"write {example}")
    if front.get("level", "beginner") not in LEVELS:
        yield Finding(page.path, page.line_of("level:"), f"level {front['level']!r} is unknown", f"choose one of {', '.join(LEVELS)}")
    given = front.get("needs")
    known, needs, line = course.topics, given if isinstance(given, list) else [], page.line_of("needs:")
    for need in needs:
        if need not in known:
            yield Finding(page.path, line, f"needs names {need!r}, which is no topic", "name stems that book/roadmap.yml lists")
    planned = next((part["topics"][stem].get("needs", []) for part in course.planned.values() if stem in part["topics"]), needs)
    if isinstance(given, list) and set(planned) != set(needs) <= known:
        text = f"needs names {', '.join(needs) or 'nothing'}, the plan says {', '.join(planned) or 'nothing'}"
        yield Finding(page.path, line, text, f"make them equal here and for {stem} in book/roadmap.yml")


def _opening(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    first = next(iter(page.of("heading", "h2")), None)
    opening = [b for b in page.blocks if first is None or b.line < first.line]
    prose = [b for b in opening if b.kind == "text" and b.name != "item"]
    if not prose:
        line = page.title or 1
        yield Finding(page.path, line, "no promise below the title", "say in a sentence or two what the reader will get, with a number")
    outcomes = [b for b in opening if b.kind == "text" and b.name == "item"]
    if not OUTCOMES[0] <= len(outcomes) <= OUTCOMES[1]:
        line = outcomes[0].line if outcomes else page.title or 1
        mend = "list 3 to 5 things the reader will be able to do, each an item of a list"
        yield Finding(page.path, line, f"{len(outcomes)} outcomes before the first section", mend)


def _sections(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    for pattern, name in SECTIONS.items():
        if page.headed(pattern) is None:
            yield Finding(page.path, 1, f"no section {name!r}", f"add a heading (## or ###) with the word{'s' * (' ' in name)} {name!r}")
    labels = {b.line for b in page.of("label") if b.name.startswith(f"{stem}-")}
    for heading in page.of("heading", "h2"):
        if not labels & set(range(heading.line - 3, heading.line)):
            mend = f"put ({stem}-<word>)= on the line above it"
            yield Finding(page.path, heading.line, f"the section {heading.text!r} has no label", mend)
    links = [text for b in page.blocks for kind, text in b.spans if kind == "link"]
    if not any(link.split("#")[0].endswith(f"exercises/{stem}/{stem}.ipynb") for link in links):
        yield Finding(page.path, 1, "no link to the assignment", f"end with [assignment](../../exercises/{stem}/{stem}.ipynb)")


def _mathematics(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    words = sum(len(re.findall(r"[^\W\d_]{2,}", b.text)) for b in page.of("text"))
    for count, (least, most), what in ((words, WORDS, "words"), (len(page.of("math")), EQUATIONS, "displayed equations")):
        if not least <= count <= most:
            yield Finding(page.path, 1, f"{count} {what}", f"between {least:,} and {most:,} are meant", kind="content")
    yield from left_over(page.path, page.path.read_text().splitlines())


def _results(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    proofs = page.of("directive", "prf:proof")
    for result in page.of("directive", *RESULTS):
        called = repr(result.title or result.name)
        if "label" not in result.options:
            yield Finding(page.path, result.line, f"{called} has no label", f"put :label: {stem}-theorem-<word> on the next line")
        section = page.section(result)
        after = [b for b in section if b.line > result.line]
        if not any(b in proofs for b in after):
            yield Finding(page.path, result.line, f"{called} has no proof in its section", "add :::{prf:proof} … ::: after it")
        if not any(b.kind == "code" and CHECKS.search(b.text) for b in after):
            mend = "add a code cell with an assert after it, before the next ## heading"
            yield Finding(page.path, result.line, f"{called} is not checked", mend)
    if not page.of("directive", *RESULTS):
        mend = "state one: :::{prf:theorem} Its name … :::, then its proof"
        yield Finding(page.path, 1, "no theorem, lemma, proposition or corollary", mend)


def _cells(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    for cell in page.of("code"):
        lines = {number: line for number, line in enumerate(cell.text.splitlines(), start=cell.first) if line.strip()}
        visible = not {"hide-input", "remove-input"} & set(cell.tags)
        if visible and len(lines) > LONGEST_CELL:
            mend = f"split it: {LONGEST_CELL} at most, about 5 is best; or tag the machinery of a figure hide-input"
            yield Finding(page.path, cell.line, f"a visible code cell of {len(lines)} lines", mend)
        wide = {number: len(line) for number, line in lines.items() if len(line) > LONGEST_LINE}
        if visible and wide:
            text = f"visible code of up to {max(wide.values())} characters a line (in {listed(wide)})"
            yield Finding(page.path, min(wide), text, f"break the lines at {LONGEST_LINE}: the page's column is no wider")
        try:
            ast.parse(cell.text)
        except SyntaxError as error:
            yield Finding(page.path, cell.first + (error.lineno or 1) - 1, f"this is no Python: {error.msg}", "mend the syntax")


def _figures(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    figures = [c for c in page.of("code") if "figure" in (c.options.get("mystnb") or {})]
    for cell in figures:
        settings: dict[str, Any] = cell.options["mystnb"]
        alt = str((settings.get("image") or {}).get("alt") or "").strip()
        if len(alt) < 20 or re.search(r"\.(png|svg|jpe?g|webp)$", alt):
            yield Finding(page.path, cell.line, "a figure without a real alt text", "say under mystnb: image: alt: what the picture shows")
        if not (settings["figure"] or {}).get("caption"):
            yield Finding(page.path, cell.line, "a figure without a caption", "add mystnb: figure: caption: with what to see in it")
        if not str((settings["figure"] or {}).get("name") or "").startswith(f"fig-{stem}-"):
            yield Finding(page.path, cell.line, "a figure without a name that is its own", f"add mystnb: figure: name: fig-{stem}-<word>")
    count = len(figures) + len(_calls(page, "explore"))
    if count < LEAST_FIGURES:
        mend = f"{LEAST_FIGURES} at least: code cells with mystnb: figure:, and one that can be played with, explore()"
        yield Finding(page.path, 1, f"{count} figures", mend)


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
            yield Finding(page.path, block.first + call.lineno - 1, "explore() has no alt text", "add alt= with what the pictures show")
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
                mend = "add feedback= with why it is right or wrong"
                yield Finding(page.path, block.first + node.lineno - 1, "an answer without feedback", mend)


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
    papers = [(page.line_of("papers:"), key) for key in page.front.get("papers") or [] if isinstance(page.front["papers"], list)]
    for line, key in [*papers, *page.citations]:
        if key not in known:
            yield Finding(page.path, line, f"{key!r} is not in book/references.bib", "add its BibTeX entry there, or mend the key")
    if not page.citations:
        yield Finding(page.path, 1, "nothing is cited", "cite what is not derived here: {cite:t}`key`")


def _symbols(course: Course, page: Page, stem: str) -> Iterator[Finding]:
    notation = read_page(course.root / "book" / "start_here" / "notation.md")
    known = {symbol for _, text in notation.mathematics for symbol in symbols(text)}
    seen: set[str] = set()
    for line, text in page.mathematics:
        for symbol in sorted(symbols(text) - known - seen):
            seen.add(symbol)
            yield Finding(page.path, line, f"the symbol {symbol} is not in notation", "add a row for it to book/start_here/notation.md")


def symbols(formula: str) -> set[str]:
    """The Greek letters and the letters in special type that a formula uses, as TeX writes them."""
    found = set()
    for kind, braced, bare, command in SYMBOL.findall(formula):
        if kind:
            found.add(f"\\{kind} {braced or bare}")
        elif command in GREEK:
            found.add(f"\\{command}")
    return found
