"""Tables of measured figures, as markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence


def table(label: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of markup; the first column heads its row. On a narrow screen each row is a card, in which cells carry their column's name.

    The roles keep it a table, for those who hear it, where the style lays it out as something else.
    """
    top = "".join(f'<th scope="col" role="columnheader">{name}</th>' for name in head)
    body = "".join(_row(head, row) for row in rows)
    return (
        f'<div class="proofs" role="region" aria-label="{html.escape(label)}" tabindex="0"><table role="table">'
        f'<thead role="rowgroup"><tr role="row">{top}</tr></thead><tbody role="rowgroup">{body}</tbody></table></div>'
    )


def _row(head: Sequence[str], row: Sequence[str]) -> str:
    first, *rest = row
    cells = "".join(
        f'<td role="cell" data-label="{html.escape(name)}">{cell}</td>' if cell else '<td role="cell"></td>'
        for name, cell in zip(head[1:], rest, strict=True)
    )
    return f'<tr role="row"><th scope="row" role="rowheader">{first}</th>{cells}</tr>'


def marked(text: str) -> str:
    """Text whose backquotes mark code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text.strip()))
