r"""Where a long formula in the text may break: KaTeX does so after relations and signs only, too seldom for large letters on a phone."""

from __future__ import annotations

import re

TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)
LONG, GROUP = 8, 5  # letters that stand together, and in brackets; a line on a phone at 200 % has 16
SMALL = 0.7  # of a letter above or below the line


def _commands(text: str) -> frozenset[str]:
    return frozenset(text.split())


BREAKS = _commands(r"= < > + - \le \ge \ne \in \sim \approx \propto \to \mid \cdot \times \subset")
STARTS = _commands(r"\sum \mathbb \log \Pr \nabla \operatorname \mathrm")  # a factor begins
OPENS = _commands(r"( [ | \{ \| \bigl \Bigl \big \Big \left \frac \tfrac \sqrt \nabla")
WORDS = _commands(r"\log \min \max \sup \inf \exp \det \Pr \dots \ldots")
SILENT = _commands(r"{ } _ ^ \, \; \! \bigl \bigr \Bigl \Bigr \mathbb \mathrm \operatorname \text")
PERMIT = r"\allowbreak "


def breakable(tex: str) -> str:
    r"""A formula with `\allowbreak` where a part of it is long: after a comma or a slash, before a sum or a logarithm."""
    parts: list[list[str]] = [[]]
    for token, depth in _levels(tex):
        parts[-1].append(token)
        if token in BREAKS and depth == 0:
            parts.append([])
    return "".join(_part(part) if _length(part) > LONG else "".join(part) for part in parts)


def _levels(tex: str) -> list[tuple[str, int]]:
    r"""The tokens of a formula, and how deep in braces or between `\left` and `\right` each stands."""
    result, depth = [], 0
    for token in TOKEN.findall(tex):
        depth -= token in ("}", r"\right")
        result.append((token, depth))
        depth += token in ("{", r"\left")
    return result


def _length(part: list[str]) -> float:
    """How many letters wide a part is, about."""
    total, depth, script = 0.0, 0, False
    for token in part:
        depth += (token == "{") - (token == "}")
        if token in SILENT or token.isspace():
            script = (script and token != "}") or token in "_^"
            continue
        total += (2 if token in WORDS else 1) * (SMALL if script else 1)
        script = script and depth > 0
    return total


def _part(part: list[str]) -> str:
    result, before = "", "("
    for place, (token, depth) in enumerate(_levels("".join(part))):
        if depth == 0 and token in STARTS and before not in OPENS | BREAKS | {"_", "^", ",", "/"}:
            result += PERMIT
        if depth == 0 and token in ("[", r"\bigl") and before == "}":
            result += PERMIT
        result += token
        if depth == 0 and (token == "/" or (token == "," and _length(_around(part, place)) > GROUP)):
            result += PERMIT
        if not token.isspace():
            before = token
    return result.removesuffix(PERMIT)


def _around(part: list[str], place: int) -> list[str]:
    """The tokens in the brackets around a place; all, if there are none."""
    start = end = place
    level = 0
    while start > 0 and (level := level + (part[start - 1] in (")", "]")) - (part[start - 1] in ("(", "["))) >= 0:
        start -= 1
    level = 0
    while end < len(part) and (level := level + (part[end] in ("(", "[")) - (part[end] in (")", "]"))) >= 0:
        end += 1
    return part[start:end]
