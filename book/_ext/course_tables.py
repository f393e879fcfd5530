"""Tables of measured figures, as markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence


def table(label: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of markup; the first column heads its row. It scrolls sideways on a narrow screen, by keyboard too."""
    top = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join(f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>' for first, *rest in rows)
    return (
        f'<div class="proofs" role="region" aria-label="{html.escape(label)}" tabindex="0">'
        f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def marked(text: str) -> str:
    """Text whose backquotes mark code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text.strip()))
