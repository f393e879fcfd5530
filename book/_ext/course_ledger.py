"""Sphinx extension: the ledger of all chapters, and the links of each row: to its paper, and to where the chapter reproduces it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any, cast

from course_gather import Gathered, gathered
from course_generated import add_piece, raw
from course_plan import Topic, plan_of
from course_sources import sources_of
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.util import logging

from book.ledger import COLUMNS

logger = logging.getLogger(__name__)
ROW = re.compile(
    r'<tr(?P<data>(?: data-[a-z]+="[^"]*")*) role="row">'
    r'(?P<head><th scope="row"[^>]*>)(?P<source>.*?)</th>(?P<cell><td[^>]*>)(?P<says>.*?)</td>',
    re.DOTALL,
)
DATA = re.compile(r'data-([a-z]+)="([^"]*)"')


def setup(app: Sphinx) -> dict[str, Any]:
    add_piece("ledger", ledger, lambda app: [(f"ledger-{topic.stem}", topic.title) for topic, _ in _with_ledger(app)])
    app.connect("doctree-resolved", link_chapter)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def ledger(app: Sphinx, docname: str) -> list[nodes.Node]:
    """Every chapter's "source says, this run gives", as its last run has written it."""
    tables, rows = [], 0
    for topic, page in _with_ledger(app):
        rows += page.rows
        title = html.escape(topic.title)
        chapter = str(topic.docname)
        uri = app.builder.get_relative_uri(docname, chapter)
        head = "".join(f'<th scope="col" role="columnheader">{name}</th>' for name in COLUMNS)
        tables.append(
            f'<h2 id="ledger-{topic.stem}"><a href="{uri}#{page.ledger_anchor}">{title}</a></h2>'
            f'<div class="ledger" role="region" aria-label="Ledger of {title}" tabindex="0">'
            f'<table role="table"><thead role="rowgroup"><tr role="row">{head}</tr></thead>'
            f'<tbody role="rowgroup">{linked_rows(app, chapter, page.ledger, uri, page.ledger_anchor)}</tbody></table></div>'
        )
    count = f'<p class="ledger-count"><strong>{rows}</strong> claims in {len(tables)} chapters, all within their tolerance.</p>'
    return [raw(count + "".join(tables))]


def _with_ledger(app: Sphinx) -> list[tuple[Topic, Gathered]]:
    pages = [(topic, gathered(app.env, str(topic.docname))) for topic in plan_of(app.env).written]
    return [(topic, page) for topic, page in pages if page.rows]


def link_chapter(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """The same links in the chapter's own ledger."""
    if gathered(app.env, docname).rows:
        for node in list(doctree.findall(nodes.raw)):
            if '<div class="ledger"' in node.astext():
                node.replace_self(raw(linked_rows(app, docname, node.astext())))


def linked_rows(app: Sphinx, chapter: str, rows: str, uri: str = "", otherwise: str = "") -> str:
    """Rows of a chapter's ledger with their links; `otherwise` is the anchor for a row that names no place."""
    return ROW.sub(_linker(app, chapter, uri, otherwise), rows)


def _linker(app: Sphinx, chapter: str, uri: str, otherwise: str) -> Callable[[re.Match[str]], str]:
    library = sources_of(app.env)

    def link(match: re.Match[str]) -> str:
        data = dict(DATA.findall(match["data"]))
        paper = library[data["cite"]].url if data.get("cite") in library else ""
        source = f'<a class="reference external" href="{html.escape(paper)}">{match["source"]}</a>' if paper else match["source"]
        anchor, title = _place(app, chapter, data["at"]) if "at" in data else (otherwise, "Ledger")
        place = f'<span class="ledger-place">Reproduced in <a href="{uri}#{anchor}">{title}</a></span>' if anchor else ""
        return f'<tr{match["data"]} role="row">{match["head"]}{source}</th>{match["cell"]}{match["says"]}{place}</td>'

    return link


def _place(app: Sphinx, chapter: str, label: str) -> tuple[str, str]:
    """Where a label of the chapter leads, and the section's title as markup; one that isn't there is a warning, which fails the build."""
    standard = cast(StandardDomain, app.env.get_domain("std"))
    docname, anchor, name = standard.labels.get(label.lower(), ("", "", ""))
    if docname != chapter:
        logger.warning("ledger: at=%r is no label of a section of this chapter", label, location=chapter, type="course")
        return "", ""
    sections = {place.name: place.title for place in gathered(app.env, chapter).places if place.kind == "section"}
    return anchor, "".join(_markup(part) for part in sections.get(" ".join(name.split()), (nodes.Text(name),)))


def _markup(part: nodes.Node) -> str:
    """A part of a title, mathematics as `mathematics` expects it."""
    text = html.escape(part.astext())
    return rf'<span class="math notranslate nohighlight">\({text}\)</span>' if isinstance(part, nodes.math) else text
