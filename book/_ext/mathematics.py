"""Sphinx extension: mathematics typeset by KaTeX while the book is built, so that it is there in the first paint.

A page needs no script for it, and every formula carries MathML for screen readers. KaTeX itself (script, style and
fonts) lies in `katex/` beside this file; `autograder.katex` runs it, and `stylesheet` takes its style into the site's.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Any

from docutils import nodes
from formula_breaks import PERMIT, breakable
from formula_text import formula_text
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

from autograder.katex import typeset_all

logger = logging.getLogger(__name__)

PUNCTUATION = r"[,.;:?!)\]”’…]*"
SPAN = re.compile(
    rf'<span class="math notranslate nohighlight">\\(?:\((?P<inline>.*?)\\\)|\[(?P<block>.*?)\\\])</span>(?P<after>{PUNCTUATION})',
    re.DOTALL,
)
UNDERLINE = "\u0332"  # with which KaTeX marks the place
# What belongs on the line of the formula beside it: brackets and punctuation, the end of a word, as in "the kth", and a hyphen.
BEFORE, AFTER = re.compile(r"[(\[“‘]+$"), re.compile(rf"^(?:-?\w{{1,3}}\b|-)?{PUNCTUATION}")
NAMESPACE = ' xmlns="http://www.w3.org/1998/Math/MathML"'  # needless in HTML
LABEL = re.compile(r"<label\b.*?</label>", re.DOTALL)
MATHML = re.compile(r"<math>(?P<inside>.*?)</math>", re.DOTALL)

_typeset: dict[tuple[str, bool], tuple[str, str]] = {}  # formula, and whether it is displayed -> markup, or why there is none


class MathematicsError(ValueError):
    """KaTeX can't typeset a formula; the message says which, and why."""


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_html_math_renderer("katex", (visit_inline, None), (visit_block, None))
    app.connect("doctree-read", typeset_formulas)
    app.connect("doctree-resolved", keep_punctuation)
    app.connect("html-page-context", typeset_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def typeset(tex: str, *, display: bool = False) -> str:
    """A formula as HTML for the eye and MathML for the ear.

    Raises:
        MathematicsError: the formula has an error, or a command that KaTeX doesn't know.
    """
    prepare([(tex, display)])
    markup, error = _typeset[tex, display]
    if error:
        reason = error.split("ParseError: ")[-1].splitlines()[0].replace(UNDERLINE, "")
        raise MathematicsError(f"{reason}; the formula is: {tex.strip()}")
    return markup


def prepare(formulas: Iterable[tuple[str, bool]]) -> None:
    """Typeset many formulas (and whether each is displayed) in one go, several times as fast as one by one; `typeset` then has them."""
    if new := [formula for formula in dict.fromkeys(formulas) if formula not in _typeset]:
        found = typeset_all([(tex if display else breakable(tex), display) for tex, display in new])
        _typeset.update({formula: (_lean(markup), error) for formula, (markup, error) in zip(new, found, strict=True)})


def _lean(markup: str) -> str:
    """Markup without what is needless in HTML, or not the author's: whoever copies the formula gets it as it was written."""
    return markup.replace(NAMESPACE, "").replace(PERMIT, "").replace("<mspace></mspace>", "")


def typeset_markup(markup: str) -> str:
    r"""Markup with each `<span class="math …">\(…\)</span>`, as `book.display.rich_text` writes it, typeset.

    Raises:
        MathematicsError: as `typeset`.
    """

    def replace(match: re.Match[str]) -> str:
        tex, display = (match["block"], True) if match["block"] is not None else (match["inline"], False)
        formula = f'<span class="math notranslate nohighlight">{typeset(html.unescape(tex), display=display)}</span>'
        return f'<span class="math-kept">{formula}{match["after"]}</span>' if match["after"] and not display else formula + match["after"]

    return LABEL.sub(lambda label: MATHML.sub(_named, label[0]), SPAN.sub(replace, markup))


def _named(match: re.Match[str]) -> str:
    """A formula in the label of a control states its text as a name, as names are made of plain text; elsewhere its MathML speaks."""
    return f'<math aria-label="{html.escape(formula_text(match[0]))}">{match["inside"]}</math>'


def typeset_formulas(app: Sphinx, doctree: nodes.document) -> None:
    """Typeset a page as soon as it is read, all at once."""
    prepare((node.astext(), False) for node in doctree.findall(nodes.math))
    prepare((_displayed(node), True) for node in doctree.findall(nodes.math_block))


def keep_punctuation(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Hold a formula and the punctuation beside it on one line: a browser may break around a formula, whatever stands there."""
    if app.builder.format != "html":
        return
    for formula in list(doctree.findall(nodes.math)):
        parent = formula.parent
        place = parent.index(formula)
        before = _cut(parent, place - 1, BEFORE)
        after = _cut(parent, place + 1, AFTER)
        if before or after:
            parent[place] = nodes.inline("", "", *before, formula, *after, classes=["math-kept"])


def _cut(parent: nodes.Element, place: int, wanted: re.Pattern[str]) -> list[nodes.Text]:
    """Take what is `wanted` out of the text at `place`, if there is one; the rest stays there."""
    if not 0 <= place < len(parent) or not isinstance(parent[place], nodes.Text):
        return []
    text = str(parent[place])
    match = wanted.search(text)
    if not match or not match[0]:
        return []
    parent[place] = nodes.Text(text[: match.start()] + text[match.end() :])
    return [nodes.Text(match[0])]


def typeset_page(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Typeset what cells have displayed (quizzes, captions, ledgers), and keep markup out of the page's title."""
    if "katex" in str(context.get("title", "")):
        context["title"] = html.escape(app.env.titles[pagename].astext())
    if "body" not in context:
        return
    try:
        context["body"] = typeset_markup(context["body"])
    except MathematicsError as error:
        logger.warning("mathematics in what a cell displays: %s", error, location=pagename, type="mathematics")


def visit_inline(self: Any, node: nodes.math) -> None:
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(_for_node(node, node.astext(), display=False) + "</span>")
    raise nodes.SkipNode


def visit_block(self: Any, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append(_for_node(node, _displayed(node), display=True) + "</div>\n")
    raise nodes.SkipNode


def _displayed(node: nodes.math_block) -> str:
    return node.astext() if node["nowrap"] else aligned(node.astext())


def aligned(tex: str) -> str:
    r"""Sphinx's rule for a block of mathematics: paragraphs are lines of their own, and `\\` breaks a line."""
    parts = [rf"\begin{{split}}{part}\end{{split}}" if r"\\" in part else part for part in tex.split("\n\n") if part.strip()]
    return parts[0] if len(parts) == 1 else r"\begin{aligned}" + r"\\".join(parts) + r"\end{aligned}"


def _for_node(node: nodes.Element, tex: str, *, display: bool) -> str:
    try:
        return typeset(tex, display=display)
    except MathematicsError as error:
        logger.warning("%s", error, location=node, type="mathematics")
        return f"<code>{html.escape(tex)}</code>"
