"""Sphinx extension: `{course} NAME`, a piece of a page made from what the whole book says, never older than the book.

A piece is a function of the application and the page, registered with `add_piece`; what it gives is compared on every build
with what the page shows, so a change anywhere rewrites exactly the pages that it concerns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from course_plan import PLAN, chapters
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective

Piece = Callable[[Sphinx, str], list[nodes.Node]]
Contents = Callable[[Sphinx], list[tuple[str, str]]]
PIECES: dict[str, Piece] = {}
CONTENTS: dict[str, Contents] = {}
CARDS: list[Callable[[Sphinx, str], str]] = []
KEY = "course_pieces"


class Generated(nodes.General, nodes.Element):
    """Where a piece will stand."""


class CourseDirective(SphinxDirective):
    """```{course} map``` and so on; an unknown name is an error that lists the known ones."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if name not in PIECES:
            raise self.error(f"{{course}} {name}: there is no such piece; choose from {', '.join(sorted(PIECES))}")
        self.env.metadata[self.env.docname].setdefault(KEY, []).append(name)
        self.env.note_dependency(str(Path(self.env.srcdir) / PLAN))
        return [Generated(piece=name)]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_node(Generated)
    app.add_directive("course", CourseDirective)
    app.connect("env-updated", outdated, priority=900)
    app.connect("doctree-resolved", insert)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def add_piece(name: str, piece: Piece, contents: Contents | None = None) -> None:
    """Make `{course} name` stand for what `piece` gives; `contents` says the anchors and titles of its headings, where it has some."""
    PIECES[name] = piece
    if contents:
        CONTENTS[name] = contents


def add_card(card: Callable[[Sphinx, str], str]) -> None:
    """Say what markup about other pages a chapter or assignment carries, so that it follows them."""
    if card not in CARDS:
        CARDS.append(card)


def raw(markup: str) -> nodes.raw:
    """Markup as a node."""
    return nodes.raw("", markup, format="html")


def insert(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put each piece in its place."""
    for node in list(doctree.findall(Generated)):
        node.replace_self(PIECES[node["piece"]](app, docname))


def outdated(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """The pages whose pieces or cards are not what they were; headings of pieces are by then in their page's contents."""
    for docname in env.all_docs:
        for name in env.metadata[docname].get(KEY, []):
            if name in CONTENTS:
                _list_headings(env.tocs[docname], docname, CONTENTS[name](app))
    seen: dict[str, str] = getattr(env, "course_digests", {})
    now = {docname: _digest(app, docname) for docname in sorted(env.found_docs & env.all_docs.keys())}
    env.course_digests = now
    return [docname for docname, digest in now.items() if seen.get(docname) != digest]


def _list_headings(toc: nodes.Element, docname: str, headings: Iterable[tuple[str, str]]) -> None:
    """Put headings below the page's title, in place of those of the last build."""
    below = nodes.bullet_list()
    for anchor, title in headings:
        link = nodes.reference("", title, internal=True, refuri=docname, anchorname=f"#{anchor}")
        below += nodes.list_item("", addnodes.compact_paragraph("", "", link))
    page = toc[0]
    page[1:] = [below]


def _digest(app: Sphinx, docname: str) -> str:
    parts = [node.pformat() for name in app.env.metadata[docname].get(KEY, []) for node in PIECES[name](app, docname)]
    if docname in {name for page in chapters(app.env).values() for name in (page.docname, page.assignment)}:
        parts += [card(app, docname) for card in CARDS]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
