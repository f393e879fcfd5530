"""Sphinx extension: what the markup of docutils and Pygments lacks for narrow screens and for those who hear a page."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

CODE = re.compile(r'(?P<start><div class="highlight"><pre>(?:<span></span>)?)(?P<code>.*?)(?P<end></pre>)', re.DOTALL)
TAG = re.compile(r"<[^>]+>")
EMPTY_HEADER = re.compile(r"<th\b[^>]*>\s*(?:<p>\s*</p>\s*)?</th>")
PER_CENT = re.compile(r"(?<=\d) (?=%(?! ?\w))")  # in the text; of code, each part has a tag
DEEPEST = 20  # columns; on a phone there are 38


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", mend)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def mend(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    if "body" in context:
        body = EMPTY_HEADER.sub("<td></td>", context["body"])  # an empty cell heads nothing
        body = CODE.sub(lambda match: match["start"] + mark_lines(match["code"]) + match["end"], body)
        body = PER_CENT.sub("\u00a0", body)
        # Docutils gives the sources at a chapter's end a role that ARIA has withdrawn.
        context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')


def mark_lines(code: str) -> str:
    """Highlighted code with a span around each line that is not empty, so that the style can hang what a narrow screen wraps.

    Line ends stay outside the spans: the text is the same, for whoever copies it. Pygments lets no token go over the end of a line.
    """
    return "\n".join(_marked(line) for line in code.split("\n"))


def _marked(line: str) -> str:
    text = TAG.sub("", line)
    if not text.strip() or line.count("<span") != line.count("</span>"):
        return line
    indent = min(len(text) - len(text.lstrip(" ")), DEEPEST)
    style = f' style="--indent:{indent}"' if indent else ""
    return f'<span class="code-line"{style}>{line}</span>'
