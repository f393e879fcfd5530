"""Sphinx extension: what a page says that other pages collect: sections, theorems, symbols, papers, ledgers and quizzes.

Kept in Sphinx's environment page by page, so an incremental build forgets nothing and invents nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors import EnvironmentCollector
from sphinx.util.nodes import clean_astext

LEDGER = re.compile(r'<div class="ledger".*?<table[^>]*>.*?<tbody[^>]*>(.*?)</tbody></table>', re.DOTALL)
QUESTION = re.compile(r'<form class="quiz-question" data-question="([\w-]+)"')
ROWS = re.compile(r"<tr[ >]")


@dataclass(frozen=True)
class Place:
    """Something with a name that can be linked: a section, a theorem, a symbol."""

    kind: str
    name: str
    title: tuple[nodes.Node, ...]
    anchor: str
    label: str = ""  # of the section elsewhere that introduces it, if the page says so


@dataclass
class Gathered:
    """What one page holds. `ledger` is the table's rows as HTML, below `ledger_anchor`; `questions` are the ids of its quiz."""

    places: list[Place] = field(default_factory=list)
    ledger: str = ""
    ledger_anchor: str = ""
    questions: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(ROWS.findall(self.ledger))


class Collector(EnvironmentCollector):
    """Reads every page once, as soon as it is parsed."""

    def clear_doc(self, app: Sphinx, env: BuildEnvironment, docname: str) -> None:
        _store(env).pop(docname, None)

    def merge_other(self, app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment) -> None:
        _store(env).update({name: page for name, page in _store(other).items() if name in docnames})

    def process_doc(self, app: Sphinx, doctree: nodes.document) -> None:
        page = Gathered(places=[*_sections(doctree), *_theorems(doctree), *_symbols(doctree), *_entries(doctree)])
        for node in doctree.findall(nodes.raw):
            text = node.astext()
            if rows := "".join(LEDGER.findall(text)):
                page.ledger += rows
                page.ledger_anchor = page.ledger_anchor or _anchor(node)
            page.questions += QUESTION.findall(text)
        _store(app.env)[app.env.docname] = page


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_env_collector(Collector)
    return {"version": "1", "env_version": 3, "parallel_read_safe": True, "parallel_write_safe": True}


def gathered(env: BuildEnvironment, docname: str) -> Gathered:
    """What a page holds; nothing, if it has not been read."""
    return _store(env).get(docname, Gathered())


def _store(env: BuildEnvironment) -> dict[str, Gathered]:
    if not hasattr(env, "course_gathered"):
        env.course_gathered = {}
    return env.course_gathered


def _anchor(node: nodes.Node) -> str:
    """Of the section that a node stands in."""
    while not isinstance(node, nodes.section):
        node = node.parent
    return str(node["ids"][0])


def _place(kind: str, title: Iterable[nodes.Node], anchor: str, label: str = "") -> Place:
    holder = nodes.inline("", "", *[node.deepcopy() for node in title])
    return Place(kind, " ".join(clean_astext(holder.deepcopy()).split()), tuple(holder.children), anchor, label)


def _sections(doctree: nodes.document) -> Iterator[Place]:
    for section in doctree.findall(nodes.section):
        title = next((child for child in section.children if isinstance(child, nodes.title)), None)
        if title is not None and section["ids"] and not isinstance(section.parent, nodes.document):
            yield _place("section", title.children, section["ids"][0])


def _theorems(doctree: nodes.document) -> Iterator[Place]:
    """sphinx-proof's definitions, theorems, lemmas and so on that have a title; it writes them as "(title)"."""
    for node in doctree.findall(lambda node: isinstance(node, nodes.Admonition) and "label" in getattr(node, "attributes", {})):
        title = next((child for child in node.children if isinstance(child, nodes.title)), None)
        if title is not None and title.astext().strip():
            children = [child.deepcopy() for child in title.children]
            if isinstance(children[0], nodes.Text):
                children[0] = nodes.Text(str(children[0]).lstrip().removeprefix("("))
            if isinstance(children[-1], nodes.Text):
                children[-1] = nodes.Text(str(children[-1]).rstrip().removesuffix(")"))
            yield _place(node["type"], children, node["ids"][0])


def _symbols(doctree: nodes.document) -> Iterator[Place]:
    """The rows of tables whose first columns are "symbol" and "meaning"."""
    for table in doctree.findall(nodes.table):
        rows = list(table.findall(nodes.row))
        if [entry.astext() for entry in rows[0].children[:2]] != ["symbol", "meaning"]:
            continue
        for row in rows[1:]:
            symbol, meaning = (entry.children[0].children for entry in row.children[:2])
            links = [str(node.get("reftargetid", "")) for node in row.findall(addnodes.pending_xref)]
            yield _place("symbol", [*symbol, nodes.Text(": "), *meaning], _anchor(table), "".join(links[:1]))


def _entries(doctree: nodes.document) -> Iterator[Place]:
    """Words that an `{index}` role or directive marks; one with a comma is a person, last name first."""
    for node in doctree.findall(lambda node: node.tagname == "index"):
        for kind, value, target, *_ in node["entries"]:
            for name in value.split(";") if kind in ("single", "pair") else [value]:
                yield _place("person" if "," in name else "term", [nodes.Text(name.strip())], target)
