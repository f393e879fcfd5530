"""What plotting, ledger and quiz share: is this the published book, and HTML with mathematics in it."""

from __future__ import annotations

import hashlib
import html
import json
import math
import os
import re
from pathlib import Path
from typing import Any

from IPython.display import HTML, display

STATIC = Path(__file__).with_name("_static")
_MATHEMATICS = re.compile(r"\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$\s](?:[^$]*[^$\s])?)\$|`(?P<code>[^`]+)`", re.DOTALL)


def building_book() -> bool:
    """Whether the cell runs for the published page, where there is no kernel: the book's build sets BOOK_BUILD=1."""
    return os.environ.get("BOOK_BUILD") == "1"


def show_html(markup: str, *scripts: str) -> None:
    """Display `markup`; outside the book's build, with its style and `scripts` (files of book/_static) inlined."""
    if not building_book():
        inlined = "".join(f"<script>{(STATIC / name).read_text()}</script>" for name in scripts)
        markup = f"<style>{(STATIC / 'helpers.css').read_text()}</style>{markup}{inlined}"
    display(HTML(markup))


def rich_text(text: str) -> str:
    """Plain text as HTML: escaped, with `$…$` and `$$…$$` left to the page's mathematics, and `…` as code."""
    parts, end = [], 0
    for match in _MATHEMATICS.finditer(text):
        parts.append(html.escape(text[end : match.start()]))
        parts.append(_rich_part(match))
        end = match.end()
    return "".join([*parts, html.escape(text[end:])])


def _rich_part(match: re.Match[str]) -> str:
    if match["code"] is not None:
        return f"<code>{html.escape(match['code'])}</code>"
    opening, body, closing = (r"\[", match["block"], r"\]") if match["block"] else (r"\(", match["inline"], r"\)")
    return f'<span class="math notranslate nohighlight">{opening}{html.escape(body)}{closing}</span>'


def number_text(value: Any, digits: int = 6) -> str:
    """A number (or word) for people: at most `digits` significant digits, no float noise, a true minus sign."""
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, float):
        text = str(value)
        return text.replace("-", "−") if isinstance(value, int) else text
    whole = math.isfinite(value) and value == int(value) and abs(value) < 1e15
    text = str(int(value)) if whole else f"{value:.{digits}g}"
    return text.replace("-", "−")


def content_id(kind: str, content: Any) -> str:
    """An HTML id that depends on the content alone, so that building twice gives the same page."""
    text = json.dumps(content, sort_keys=True, default=str)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def json_script(kind: str, content: Any) -> str:
    """A data block `<script type="application/json">` that no content can close early."""
    data = json.dumps(content, ensure_ascii=False).replace("</", r"<\/")
    return f'<script type="application/json" class="{kind}">{data}</script>'
