"""Sphinx extension: what the markup of docutils lacks for those who hear a page."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

EMPTY_HEADER = re.compile(r"<th\b[^>]*>\s*(?:<p>\s*</p>\s*)?</th>")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", mend)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def mend(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    if "body" in context:
        body = EMPTY_HEADER.sub("<td></td>", context["body"])  # an empty cell heads nothing
        # Docutils gives the sources at a chapter's end a role that ARIA has withdrawn.
        context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')
