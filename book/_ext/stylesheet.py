"""Sphinx extension: one small style sheet, `site.css`, in place of the theme's dozen.

It holds every style of the theme, its extensions and the book, less the rules that no page can use; icons as masks, less
those that no page shows; and the fonts of mathematics, cut to the characters that the pages have.
"""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import tinycss2
from math_fonts import embed_fonts
from side_by_side import side_by_side
from sphinx.application import Sphinx
from tinycss2.ast import AtRule, Node, QualifiedRule

from autograder.katex import KATEX

THEME = files("pydata_sphinx_theme") / "theme" / "pydata_sphinx_theme" / "static"
THEME_STYLES = ("styles/theme.css", "styles/pydata-sphinx-theme.css")
UNUSED_SCRIPTS = ("fontawesome.js", "bootstrap.js", "pydata-sphinx-theme.js", "sphinx-book-theme.js")  # site.js is in their place
IMPORT = re.compile(r"""@import (?:url\()?["']?([^"')]+\.css)["']?\)?;""")
ATTRIBUTE = re.compile(r'\b(?:class|id)=(?:"([^"]*)"|([^\s">]+))')
NAMED = re.compile(r"[.#]((?:[\w-]|\\.)+)")  # a class or an id in a style sheet, and some numbers besides
WORD = re.compile(r"[A-Za-z_][\w-]*")
THEMED = re.compile(r"""\[data-theme=["']?(light|dark)["']?\]""")
ICON_CLASS = re.compile(r"fa[bsrl]?$|fa-")
ICON = re.compile(r'["{,]"?(?P<name>[\w-]+)"?:\[(?P<width>\d+),(?P<height>\d+),\[(?P<aliases>[^\]]*)\],"[0-9a-f]+","(?P<path>[^"]+)"\]')
ICON_FONT = re.compile(r"(?:^|[;{ ])(?:content|font): ?var\(--(?:pst-icon|fa-font)|Font ?Awesome")
MASK = (
    ":is(.fa-solid,.fas,.fab,.fa-brands){display:inline-block;width:1em;height:1em;vertical-align:-.125em;"
    "background:currentColor;-webkit-mask:var(--icon) center/contain no-repeat;mask:var(--icon) center/contain no-repeat}"
    ".fa-lg{font-size:1.25em}"
    "@media (forced-colors:active){:is(.fa-solid,.fas,.fab,.fa-brands){background:CanvasText;forced-color-adjust:none}}"
)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("build-finished", write_stylesheet, priority=900)  # after other extensions have put their styles there
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def write_stylesheet(app: Sphinx, exception: Exception | None) -> None:
    """Write `_static/site.css` for the pages that are there."""
    if exception is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    static = site / "_static"
    names = [*THEME_STYLES, *(str(sheet.filename).removeprefix("_static/") for sheet in app.builder._css_files)]
    sources = [with_imports(static / name) for name in dict.fromkeys(names) if (static / name).is_file()]
    for name in UNUSED_SCRIPTS:
        for path in static.glob(f"scripts/{name}*"):
            path.unlink()
    pages = [path.read_text() for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    scripts = [path.read_text() for path in sorted(static.rglob("*.js")) if path.parent.name != "review"]  # that is text from the pages
    on_pages, characters = vocabulary(pages, []), "".join(sorted(set().union(*map(set, pages))))
    style = Style("\n".join(sources), on_pages | vocabulary([], scripts))
    _write_once(static / "site.css", style, Style((KATEX / "katex.min.css").read_text(), on_pages, characters))


class Style:
    """A style sheet, what of it the pages can use, and the characters for which it needs fonts (those of KaTeX; none otherwise)."""

    def __init__(self, css: str, known: set[str], characters: str = "") -> None:
        self.css, self.characters = css, characters
        named = {name.replace("\\", "") for name in NAMED.findall(css)}
        self.known = {name for name in known if name in named or ICON_CLASS.match(name)}  # no other word makes a difference

    def cut(self) -> str:
        rules = purge(self.css, self.known)
        return embed_fonts(rules, KATEX / "fonts", self.characters) if self.characters else rules


def _write_once(path: Path, *styles: Style) -> None:
    """Write the site's style sheet and the one for readers without scripts, unless those that are there were made from the same."""
    inputs = [(style.css, sorted(style.known), style.characters) for style in styles]
    head = f"/*{hashlib.sha256(repr(inputs).encode()).hexdigest()[:16]}*/"
    if not path.exists() or not path.read_text().startswith(head):
        sheet = "".join([*side_by_side(Style.cut, styles), icons(styles[0].known)])
        path.write_text(head + sheet)
        path.with_name("noscript.css").write_text(without_scripts(sheet))


def without_scripts(sheet: str) -> str:
    """The rules of the two themes for a page on which no script has chosen one: as the reader's system has it."""
    themes: dict[str, list[str]] = {"light": [], "dark": []}
    for node in tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True):
        if not isinstance(node, QualifiedRule):
            continue
        for theme, rules in themes.items():
            chosen = [text for part in _selectors(node.prelude) if (found := THEMED.search(text := _text(part))) and found[1] == theme]
            if chosen:
                rules.append(f"{','.join(THEMED.sub('[data-theme=auto]', text) for text in chosen)}{{{_text(node.content)}}}")
    return f"{''.join(themes['light'])}@media screen and (prefers-color-scheme:dark){{{''.join(themes['dark'])}}}"


def with_imports(path: Path) -> str:
    """A style sheet with those that it imports in place."""
    return IMPORT.sub(lambda match: with_imports(path.parent / match[1]), path.read_text())


def vocabulary(pages: list[str], scripts: list[str]) -> set[str]:
    """Every class and id that the pages have, and every word of a script, as it may set one."""
    known: set[str] = set()
    for page in pages:
        for double, bare in ATTRIBUTE.findall(page):
            known.update((double or bare).split())
    for script in scripts:
        known.update(WORD.findall(script))
    return known


def purge(css: str, known: set[str]) -> str:
    """A style sheet without comments, rules that need a class or id which isn't known, and whatever is drawn with an icon font."""
    return "".join(_rule(node, known) for node in tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True))


def _rule(node: Node, known: set[str]) -> str:
    if isinstance(node, QualifiedRule):
        kept = [part for part in _selectors(node.prelude) if _may_match(part, known)]
        text = ",".join(_text(part) for part in kept)
        body = _text(node.content)
        return f"{text}{{{body}}}" if kept and body and not ICON_FONT.search(body) else ""
    if not isinstance(node, AtRule):
        return ""
    head = f"@{node.at_keyword} {_text(node.prelude)}"
    if node.content is None:
        return "" if node.lower_at_keyword == "charset" else f"{head};"
    if node.lower_at_keyword in ("media", "supports", "layer", "container"):
        inner = "".join(_rule(child, known) for child in tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True))
        return f"{head}{{{inner}}}" if inner else ""
    body = _text(node.content)
    return "" if "fa-" in head or ICON_FONT.search(body) else f"{head}{{{body}}}"


def _selectors(prelude: list[Node]) -> list[list[Node]]:
    """The selectors of a list `a, b`."""
    parts: list[list[Node]] = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _may_match(selector: list[Node], known: set[str]) -> bool:
    """Whether all classes and ids outside `:not(…)`, `:is(…)` and the like are known, and some aren't an icon's."""
    wanted = [after.value for before, after in pairwise(selector) if before == "." and after.type == "ident"]
    if wanted and all(ICON_CLASS.match(name) for name in wanted):
        return False
    wanted += [token.value for token in selector if token.type == "hash"]
    return all(name in known for name in wanted)


def _text(tokens: list[Node]) -> str:
    return re.sub(r"\s+", " ", tinycss2.serialize([token for token in tokens if token.type != "comment"])).strip()


def icons(known: set[str]) -> str:
    """The icons that the pages name, as masks; the drawings are those of the theme's copy of Font Awesome Free."""
    rules = [MASK]
    for match in ICON.finditer((THEME / "scripts" / "fontawesome.js").read_text()):
        names = [match["name"], *re.findall(r'"([\w-]+)"', match["aliases"])]
        if used := [f".fa-{name}" for name in names if f"fa-{name}" in known]:
            box = f"0 0 {match['width']} {match['height']}"
            drawing = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='{box}'><path d='{match['path']}'/></svg>"
            picture = quote(drawing, safe=" =:/'")
            rules.append(f'{",".join(used)}{{--icon:url("data:image/svg+xml,{picture}")}}')
    return "".join(rules)
