"""Names that links lead to, and the links: no name is given twice in the book, and every link leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from autograder.course import Course
from autograder.lint.findings import Finding
from autograder.lint.page import Page

NAME = re.compile(
    r"^\((?P<label>[^\s()]+)\)=\s*$"
    r"|^\s*:(?:label|name):\s+(?P<option>\S+)\s*$"
    r"|^.*\$\$\s*\((?P<equation>[^\s()]+)\)\s*$"
    r"|^\s+name:\s+(?P<figure>fig-\S+)\s*$"
)
ROLES = ("ref", "numref", "eq", "prf:ref")
OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def lint_labels(course: Course, page: Page) -> Iterator[Finding]:
    """Findings on the names that a chapter gives, and on its links."""
    yield from _given_twice(course, page)
    yield from lint_links(course, page)


def lint_links(course: Course, page: Page) -> Iterator[Finding]:
    """A finding for each link and each reference of a page that leads nowhere."""
    book = {name for path in _pages(course) for name in names(path)}
    for line, role, target in page.references:
        if role in ROLES and target.lower() not in book:
            mend = f"mend the name{_nearest(target, book)}, or add the label"
            yield Finding(page.path, line, f"{{{role}}}`{target}` refers to a label that no chapter has", mend)
        elif role == "doc" and not (page.path.parent / f"{target}.md").exists():
            yield Finding(page.path, line, f"{{doc}}`{target}` names a page that does not exist", "mend the path, which has no ending")
        elif role == "link" and target and not OUTSIDE.match(target):
            yield from _link(page, line, target, book)


def _link(page: Page, line: int, target: str, book: set[str]) -> Iterator[Finding]:
    file, _, label = target.partition("#")
    path = (page.path.parent / file).resolve() if file else page.path
    if not path.exists():
        mend = f"run `autograder release {path.stem}`, or mend the path" if path.suffix == ".ipynb" else "mend the path"
        yield Finding(page.path, line, f"the link to {file!r} leads to no file", mend)
    elif label and path.suffix == ".md":
        there = names(path) if file else book
        if label.lower() not in there:
            text = f"{path.name} has no label {label!r}" if file else f"no chapter has the label {label!r}"
            mend = f"mend the link{_nearest(label, there)}, or put ({label})= above the heading it is meant for"
            yield Finding(page.path, line, text, mend)


def _given_twice(course: Course, page: Page) -> Iterator[Finding]:
    others = {path: names(path) for path in _pages(course) if path != page.path}
    for name, lines in names(page.path).items():
        first = [f"line {lines[0]}"] if len(lines) > 1 else []
        places = first + [f"{path.relative_to(course.root)}:{found[name][0]}" for path, found in others.items() if name in found]
        if places:
            line = lines[-1]
            yield Finding(page.path, line, f"the name {name!r} is given twice, also at {places[0]}", "rename this one, and the links to it")


def names(path: Path) -> dict[str, list[int]]:
    """Every name that a file gives, in lower case as Sphinx compares them, with its lines."""
    return _names(path.read_text())


@lru_cache(maxsize=256)
def _names(text: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if match := NAME.match(line):
            found.setdefault(next(filter(None, match.groups())).lower(), []).append(number)
    return found


def _pages(course: Course) -> list[Path]:
    return sorted((course.root / "book").glob("*/*.md"))


def _nearest(name: str, known: set[str] | dict[str, list[int]]) -> str:
    """The label that was probably meant, in words."""
    from difflib import get_close_matches

    close = get_close_matches(name.lower(), list(known), n=1, cutoff=0.85)
    return f" (is {close[0]!r} meant?)" if close else ""
