"""Sphinx extension: the index of topics: every chapter, section, theorem, symbol, marked term and cited paper, in one list."""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from course_gather import Place, gathered
from course_generated import add_piece, raw
from course_plan import plan_of
from course_sources import sources_of
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain

EVERYWHERE = 2  # a heading that stands in more chapters than this, such as "Ledger", leads nowhere in particular
ARTICLE = re.compile(r"^(?:an?|the) ")
SYMBOLS, PAPERS = "Symbols", "Papers"


@dataclass(frozen=True)
class Entry:
    """A line of the index: what it is called, of what kind it is, and where it leads."""

    group: str
    key: str
    kind: str
    title: tuple[nodes.Node, ...]
    uri: str
    where: str = ""
    citing: tuple[tuple[str, str], ...] = ()  # title and address of each chapter that cites it


def setup(app: Sphinx) -> dict[str, Any]:
    add_piece("topics", index, contents)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def index(app: Sphinx, docname: str) -> list[nodes.Node]:
    """The whole index, with a field that filters it where scripts run."""
    groups = _groups(app, docname)
    count = sum(len(entries) for entries in groups.values())
    result: list[nodes.Node] = [raw(_head(count, list(groups), app.builder.get_relative_uri(docname, "search")))]
    for group in groups:
        body = nodes.container(classes=["topic-group"])
        body += raw(f'<h2 id="{_anchor(group)}">{html.escape(group)}</h2>')
        body += nodes.bullet_list("", *[_line(entry) for entry in sorted(groups[group], key=lambda entry: (entry.key, entry.uri))])
        result.append(body)
    return result


def contents(app: Sphinx) -> list[tuple[str, str]]:
    """The letters, for the page's own contents."""
    return [(_anchor(group), group) for group in _groups(app, "")]


def _groups(app: Sphinx, docname: str) -> dict[str, list[Entry]]:
    """The entries by letter; symbols and papers come last."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in [*_places(app, docname), *_papers(app, docname)]:
        groups[entry.group].append(entry)
    return {group: groups[group] for group in sorted(groups, key=lambda group: (group in (SYMBOLS, PAPERS), group == PAPERS, group))}


def _head(count: int, groups: list[str], search: str) -> str:
    letters = " ".join(f'<a href="#{_anchor(group)}">{html.escape(group)}</a>' for group in groups)
    return (
        '<div class="topics-filter"><label for="topics-query">Find a concept, a symbol or a paper</label>'
        '<input id="topics-query" type="search" autocomplete="off" spellcheck="false">'
        f'<p class="topics-count" role="status">{count} entries</p> '
        f'<a class="topics-search" href="{search}" hidden>Search all pages</a></div>'
        f'<nav class="topics-letters" aria-label="Letters">{letters}</nav>'
    )


def _anchor(group: str) -> str:
    return f"topics-{group.lower()}"


def _line(entry: Entry) -> nodes.list_item:
    link = _link(entry.uri, *[node.deepcopy() for node in entry.title])
    note = nodes.inline("", f"{entry.kind} · {entry.where}" if entry.where else entry.kind, classes=["topic-kind"])
    for number, (title, uri) in enumerate(entry.citing):
        note += [nodes.Text(", " if number else " · cited in "), _link(uri, nodes.Text(title))]
    return nodes.list_item("", nodes.paragraph("", "", link, nodes.Text(" "), note))


def _link(uri: str, *text: nodes.Node) -> nodes.reference:
    return nodes.reference("", "", *text, refuri=uri, internal=True)


def _places(app: Sphinx, docname: str) -> Iterator[Entry]:
    """Chapters, and what was gathered from the pages."""
    env = app.env
    topics = {topic.docname: topic.title for topic in plan_of(env).written}
    for name, title in topics.items():
        yield _entry("chapter", title, (nodes.Text(title),), app.builder.get_relative_uri(docname, name), "")
    pages = {name: title.astext() for name, title in env.titles.items() if name.startswith("book/") and name != docname}
    headings = Counter(place.name for name in pages for place in gathered(env, name).places if place.kind == "section")
    for name, page in pages.items():
        for place in gathered(env, name).places:
            if place.kind != "section" or (name in topics and headings[place.name] <= EVERYWHERE):
                target, anchor = _target(app, name, place)
                where = env.titles[target].astext() if target in topics else page
                yield _entry(place.kind, place.name, place.title, f"{app.builder.get_relative_uri(docname, target)}#{anchor}", where)


def _target(app: Sphinx, docname: str, place: Place) -> tuple[str, str]:
    """Where a place leads: to the section that introduces it, else to itself."""
    standard = cast(StandardDomain, app.env.get_domain("std"))
    found = standard.anonlabels.get(place.label.lower(), ("", ""))
    return found if found[0] else (docname, place.anchor)


def _papers(app: Sphinx, docname: str) -> Iterator[Entry]:
    """Every cited source, leading to the chapter that cites it."""
    env = app.env
    library = sources_of(env)
    cited: dict[str, set[str]] = defaultdict(set)
    for reference in env.get_domain("cite").citation_refs:
        for target in reference.targets:
            cited[target.key].add(reference.docname)
    for key, places in cited.items():
        if key not in library:
            continue  # which the page that cites it is warned of
        name = ", ".join(part for part in library[key][:3] if part)
        citing = tuple((env.titles[place].astext(), app.builder.get_relative_uri(docname, place)) for place in sorted(places))
        yield Entry(PAPERS, _key(name), "paper", (nodes.Text(name),), citing[0][1], citing=citing)


def _entry(kind: str, name: str, title: tuple[nodes.Node, ...], uri: str, where: str) -> Entry:
    key = _key(name)
    first = next((letter for letter in key if letter.isalnum()), "#").upper()
    group = SYMBOLS if kind == "symbol" else first if first.isascii() and first.isalpha() else "0–9"
    return Entry(group, key, kind, title, uri, where)


def _key(name: str) -> str:
    """What a name is sorted by: lower case, without accents, leading signs and articles."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return ARTICLE.sub("", plain.lower().lstrip("\\{}$ ('\"“"))
