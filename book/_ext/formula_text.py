"""A formula as one line of characters, for where nothing but text can stand: names of controls, and what search shows.

It keeps what the formula says: roots, fractions with their brackets, powers and indices.
"""

from __future__ import annotations

import re
from itertools import zip_longest
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

MATHML = re.compile(r"<math\b.*?</math>", re.DOTALL)
SUPERSCRIPTS = str.maketrans("0123456789−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
HAT, BAR, TILDE, DOT, ARROW = "\u0302", "\u0304", "\u0303", "\u0307", "\u20d7"  # which join the letter before them
MARKS = {"^": HAT, "ˆ": HAT, "¯": BAR, "ˉ": BAR, "‾": BAR, "~": TILDE, "˜": TILDE, "˙": DOT, "⃗": ARROW, "→": ARROW}
PRIMES = set("′″‴")
APPLIED = "\u2061"  # between the name of a function and its argument
BRACES = set("⏞⏟")
SIGNS = set("∑∏∫⋃⋂") | {"lim", "max", "min"}  # what is written below and above them is not part of what follows
ATOM = re.compile(r"∂?[^\W\d_](?:_\w+)?")
NAME = re.compile(r"[A-Za-z]{2}")
SCRIPT = re.compile(r"[_^]\w+$")


def formula_text(markup: str) -> str:
    """The text of the formula that KaTeX has typeset as `markup`."""
    found = MATHML.search(markup)
    if not found:
        raise ValueError(f"no MathML in {markup!r}")
    root = ElementTree.fromstring(re.sub(r'\sxmlns="[^"]*"', "", found[0]))
    text = re.sub("\\s?\u2063|\u200b", "", _text(root))  # KaTeX's space of a negative width, and of none
    text = re.sub(rf"{APPLIED}\s*(?=[(\[{{|,;.=)\]]|$)", "", text).replace(APPLIED, " ")
    return re.sub(r"\s+", " ", text).strip()


def _text(node: Element) -> str:
    """An element as text."""
    name, children = node.tag, list(node)
    if name in ("mi", "mn", "mo", "mtext", "ms") and not children:
        return _characters(node)
    if name == "semantics":
        return _text(children[0])  # the rest is TeX
    if name == "mspace":
        return " "
    if name == "mphantom":
        return ""
    if name == "msqrt":
        return f"√{_one(children)}"
    if name == "mroot":
        return f"{_power(children[1]).removeprefix('^')}√{_one(children[:1])}"
    if name == "mfrac":
        return _fraction(node)
    if name.startswith(("ms", "mu", "mo")):  # KaTeX counts a function's name as two where it has a hat
        children = [child for child in children if child.text != APPLIED]
    if name in ("msub", "munder"):
        return _under(children[0], children[1])
    if name in ("msup", "mover"):
        return _over(children[0], children[1])
    if name in ("msubsup", "munderover"):
        base, index, power = children
        return _scripted(base, _power(power) + _index(index) if _text(power) in PRIMES else _index(index) + _power(power))
    if name == "mtable":
        return "; ".join(" ".join(filter(None, map(_text, row))).rstrip(", ") for row in children)
    return _row(children)


def _characters(node: Element) -> str:
    text = node.text or ""
    return f"{text} " if node.tag == "mo" and text in (",", ";") else text


def _row(children: list[Element]) -> str:
    """Elements side by side: a fraction that is a factor stands in brackets, and names apart from the letters beside them."""
    line = ""
    for child, after in zip_longest(children, children[1:]):
        piece = _text(child)
        factor = _is_factor(line[-1:]) or line[-1:] == APPLIED or (after is not None and _starts_factor(after))
        if factor and _is_fraction(child):
            piece = f"({piece})"
        apart = (NAME.match(piece) and _is_factor(line[-1:])) or (SCRIPT.search(line) and piece[:1].isalnum())
        line += f" {piece}" if apart else piece
    return line


def _is_factor(character: str) -> bool:
    return bool(character) and (character.isalnum() or character in ")]}⁰¹²³⁴⁵⁶⁷⁸⁹′")


def _starts_factor(node: Element) -> bool:
    """Whether an element continues a product, rather than ends it or compares."""
    text = _text(node)
    return bool(text.strip()) and (text[0].isalnum() or text[0] in "([{√∑∏∫∥∣|⌊⌈⟨") and not (node.tag == "mo" and text[0] in ")]}")


def _fraction(node: Element) -> str:
    above, below = node
    if node.get("linethickness", "1")[:1] == "0":  # a binomial coefficient, whose brackets are there
        return f"{_text(above)} over {_text(below)}"
    top, bottom = _text(above), _text(below)
    return f"{top if _is_product(above) else f'({top})'}/{bottom if _is_atom(below) else f'({bottom})'}"


def _is_fraction(node: Element) -> bool:
    if node.tag in ("mrow", "mstyle", "mpadded") and len(node) == 1:
        return _is_fraction(node[0])
    return node.tag == "mfrac" and node.get("linethickness", "1")[:1] != "0"


def _is_atom(node: Element) -> bool:
    """Whether an element can be divided by, or raised to a power, without brackets."""
    if node.tag in ("mrow", "mstyle", "mpadded", "semantics"):
        return (len(node) == 1 and _is_atom(node[0])) or _is_upright(node) or bool(ATOM.fullmatch(_text(node))) or _is_enclosed(_text(node))
    return node.tag in ("mi", "mn", "mo", "mtext", "msqrt", "mover") or (node.tag in ("msub", "msup", "msubsup") and _is_atom(node[0]))


def _is_upright(node: Element) -> bool:
    """Whether letters are one word, as in `\\mathrm{acc}`, and not factors."""
    return len(node) > 0 and all(child.tag == "mi" and child.get("mathvariant") == "normal" for child in node)


def _is_enclosed(text: str) -> bool:
    """Whether one pair of brackets holds all of a text, as in (a+b), but not in (a)(b)."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if depth == 0:
            return place == len(text) - 1 and place > 0
    return False


def _is_product(node: Element) -> bool:
    """Whether a numerator can stand without brackets: it has no sum, relation or fraction outside its own."""
    text, depth = _text(node), 0
    for place, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if depth == 0 and (character in "+=<>≤≥≈∼/;,|∑∏∫" or (character in "−-±" and place > 0)):
            return False
    return True


def _one(nodes: list[Element]) -> str:
    """Elements as one thing, in brackets if they are more."""
    text = _row(nodes)
    return text if len(nodes) == 1 and _is_atom(nodes[0]) else f"({text})"


def _scripted(base: Element, scripts: str) -> str:
    """A base with its index and power; a function's name still comes before its argument, and a sum's limits before its terms."""
    text = _text(base)
    if APPLIED in text or text in SIGNS:
        return f"{text.replace(APPLIED, '')}{scripts}{APPLIED}"
    return f"{_one([base])}{scripts}"


def _index(node: Element) -> str:
    text = _text(node).strip()
    return f"_{text if text.isalnum() or _is_enclosed(text) else f'({text})'}" if text else ""


def _power(node: Element) -> str:
    text = _text(node).strip()
    if not text or set(text) <= PRIMES:
        return text
    if re.fullmatch(r"−?\d+", text):
        return text.translate(SUPERSCRIPTS)
    return f"^{text if len(text) == 1 or text.isalnum() or _is_enclosed(text) else f'({text})'}"


def _under(base: Element, below: Element) -> str:
    text = _text(below).strip()
    if text in BRACES or text == "_":
        return _text(base)
    return f"{_text(base)} ({text})" if _braced(base) else _scripted(base, _index(below))


def _over(base: Element, above: Element) -> str:
    text = _text(above).strip()
    if text in MARKS or text in BRACES:
        return f"{_text(base).replace(APPLIED, '')}{MARKS.get(text, '')}"
    return f"{_text(base)} ({text})" if _braced(base) else _scripted(base, _power(above))


def _braced(node: Element) -> bool:
    return any(child.text in BRACES for child in node.iter("mo"))
