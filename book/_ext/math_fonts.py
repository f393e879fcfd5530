"""The fonts of mathematics inside the style sheet, so that formulas are readable in the first paint and nothing moves."""

from __future__ import annotations

import base64
import io
import re
from functools import lru_cache
from pathlib import Path

FACE = re.compile(r"@font-face\s*\{(?P<body>[^}]*)\}")
FILE = re.compile(r"url\(fonts/([\w-]+\.woff2)\)")


def embed_fonts(css: str, fonts: Path, characters: str) -> str:
    """KaTeX's style with each face that its rules can use embedded, cut to `characters`; the other faces go."""
    rules = FACE.sub("", css)
    wanted = {_face(body) for body in re.findall(r"\{([^}]*)\}", rules)}
    named = {family for family, _, _ in wanted}

    def embed(match: re.Match[str]) -> str:
        body = match["body"]
        family, weight, style = _face(body)
        # A rule such as `.textbf` sets the weight of whatever family is around it.
        usable = (family, weight, style) in wanted or (family in named and ("", weight, style) in wanted - {("", "400", "normal")})
        data = _cut(fonts / FILE.findall(body)[0], characters) if usable else b""
        source = f"src:url(data:font/woff2;base64,{base64.b64encode(data).decode()}) format('woff2')"
        return f"@font-face{{{re.sub(r'src:[^;]*', source, body, count=1)}}}" if data else ""

    return FACE.sub(embed, css)


def _face(body: str) -> tuple[str, str, str]:
    """The family (empty if none is named), weight and style that a rule sets."""
    family = re.search(r"font(?:-family)?:[^;]*?(KaTeX_\w+)", body)
    weight = re.search(r"font-weight:\s*(700|bold)", body)
    style = re.search(r"font-style:\s*italic", body)
    return family[1] if family else "", "700" if weight else "400", "italic" if style else "normal"


@lru_cache(maxsize=64)
def _cut(path: Path, characters: str) -> bytes:
    """The font with only the glyphs for `characters`; empty if it has none of them."""
    from fontTools import subset  # only here: most builds need no font, and it takes long to load
    from fontTools.ttLib import TTFont

    options = subset.Options(flavor="woff2", layout_features=["*"], notdef_outline=True, hinting=False)
    font = TTFont(path, recalcTimestamp=False)  # the same characters, the same bytes
    wanted = {ord(character) for character in characters} & set(font.getBestCmap())
    if not wanted:
        return b""
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=wanted)
    cutter.subset(font)
    font.flavor = "woff2"
    buffer = io.BytesIO()
    font.save(buffer)
    return buffer.getvalue()
