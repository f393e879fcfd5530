"""A MyST Markdown file as a list of blocks that know their line: what `lint` looks at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.front_matter import front_matter_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin

DIRECTIVE = re.compile(r"\{([\w:-]+)\}\s*(.*)")
TARGET = re.compile(r"<([^<>]+)>$")
OPTION = re.compile(r"^:([\w-]+):\s*(.*)$")


class PageError(ValueError):
    """A page that can't be read at all: YAML that is none, in `line`."""

    def __init__(self, error: yaml.YAMLError, first: int) -> None:
        mark = getattr(error, "problem_mark", None)
        self.line = first + (mark.line if mark else 0)
        super().__init__(f"this is no YAML: {getattr(error, 'problem', None) or error}")


@dataclass(frozen=True)
class Block:
    """A piece of a page. `kind` is heading, label, text, math, code (a code cell) or directive.

    `name` is a heading's level (h2), a directive's name, or a label; `text` is the content without options, `first` its first line.
    """

    kind: str
    line: int
    text: str
    name: str = ""
    title: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    inside: str = ""
    spans: tuple[tuple[str, str], ...] = ()
    first: int = 0

    @property
    def tags(self) -> list[str]:
        return list(self.options.get("tags", []))


@dataclass(frozen=True)
class Page:
    """A parsed file."""

    path: Path
    front: dict[str, Any]
    blocks: tuple[Block, ...]

    def of(self, kind: str, *names: str) -> list[Block]:
        return [b for b in self.blocks if b.kind == kind and (not names or b.name in names)]

    @cached_property
    def references(self) -> list[tuple[int, str, str]]:
        """All links and roles with their line and what they lead to: of `{ref}`words <target>`` the target."""
        spans = [(b.line, kind, text) for b in self.blocks for kind, text in b.spans if kind != "math"]
        return [(line, kind, match[1] if (match := TARGET.search(text)) else text) for line, kind, text in spans]

    @property
    def title(self) -> int:
        """The line of the title; 0 if there is none."""
        return next((b.line for b in self.of("heading", "h1")), 0)

    def line_of(self, text: str) -> int:
        """The first line that begins with a text, such as a key of the front matter; 1 if there is none."""
        lines = self.path.read_text().splitlines()
        return next((number for number, line in enumerate(lines, start=1) if line.startswith(text)), 1)

    @cached_property
    def mathematics(self) -> list[tuple[int, str]]:
        """All formulas with their lines, inline and displayed."""
        found = [(b.line, b.text) for b in self.of("math")]
        return found + [(b.line, text) for b in self.blocks for kind, text in b.spans if kind == "math"]

    @cached_property
    def citations(self) -> list[tuple[int, str]]:
        """The keys of all citations with their lines."""
        spans = [(b.line, text) for b in self.blocks for kind, text in b.spans if kind.startswith("cite")]
        return [(line, key.strip()) for line, text in spans for key in text.split(",")]

    def section(self, block: Block, level: str = "h2") -> list[Block]:
        """All blocks of the section that `block` stands in."""
        start = max((b.line for b in self.of("heading", "h1", level) if b.line <= block.line), default=0)
        end = min((b.line for b in self.of("heading", "h1", level) if b.line > block.line), default=1 << 30)
        return [b for b in self.blocks if start <= b.line < end]

    def headed(self, pattern: str) -> Block | None:
        """The first heading that matches."""
        return next((b for b in self.of("heading", "h2", "h3") if re.search(pattern, b.text, re.IGNORECASE)), None)


def read_page(path: Path) -> Page:
    text = path.read_text()
    front: dict[str, Any] = {}
    tokens = _parser().parse(text)
    if tokens and tokens[0].type == "front_matter":
        front = _yaml(tokens[0].content, 2)
    return Page(path, front, tuple(_blocks(tokens, 0, "")))


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable("table").use(front_matter_plugin).use(myst_block_plugin).use(myst_role_plugin)
    return parser.use(colon_fence_plugin).use(dollarmath_plugin, allow_labels=True)


def _blocks(tokens: list[Token], offset: int, inside: str) -> Iterator[Block]:
    previous = ""
    for number, token in enumerate(tokens):
        line = offset + (token.map[0] + 1 if token.map else 0)
        if token.type == "myst_target":
            yield Block("label", line, "", token.content, inside=inside)
        elif token.type == "inline":
            opening = tokens[number - 1]
            kind, name = ("heading", opening.tag) if opening.type == "heading_open" else ("text", previous)
            yield Block(kind, line, token.content, name, inside=inside, spans=tuple(_spans(token)))
        elif token.type.startswith("math_block"):
            yield Block("math", line, token.content, title=token.info, inside=inside)
        elif token.type in ("fence", "colon_fence"):
            yield from _directive(token, line, inside)
        if token.type in ("ordered_list_open", "bullet_list_open"):
            previous = "item"
        elif token.type in ("ordered_list_close", "bullet_list_close"):
            previous = ""


def _directive(token: Token, line: int, inside: str) -> Iterator[Block]:
    match = DIRECTIVE.match(token.info.strip())
    if match is None:
        return
    name, title = match.groups()
    body, skipped, options = _options(token.content, line + 1)
    if name == "code-cell":
        caption = str(((options.get("mystnb") or {}).get("figure") or {}).get("caption") or "")
        spans = tuple(span for token in _parser().parse(caption) for span in _spans(token))
        yield Block("code", line, body, name, title, options, inside, spans, line + skipped + 1)
        return
    if name == "math":
        yield Block("math", line, body, title=str(options.get("label", "")), inside=inside)
        return
    yield Block("directive", line, body, name, title, options, inside)
    yield from _blocks(_parser().parse(body), line + skipped, name)


def _yaml(text: str, first: int) -> dict[str, Any]:
    """A mapping in YAML whose first line is line `first` of the page."""
    try:
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise PageError(error, first) from error


def _options(content: str, first: int) -> tuple[str, int, dict[str, Any]]:
    """A directive's content without its options, how many lines they took, and the options."""
    lines = content.split("\n")
    if lines and lines[0].strip() == "---":
        end = next((n for n, text in enumerate(lines[1:], 1) if text.strip() == "---"), len(lines) - 1)
        return "\n".join(lines[end + 1 :]), end + 1, _yaml("\n".join(lines[1:end]), first + 1)
    options: dict[str, Any] = {}
    count = 0
    for text in lines:
        match = OPTION.match(text)
        if match is None:
            break
        options[match[1]] = _yaml(match[2], first + count) if match[1] == "tags" else match[2]
        count += 1
    return "\n".join(lines[count:]), count, options


def _spans(token: Token) -> Iterator[tuple[str, str]]:
    """Formulas, roles and links of a paragraph."""
    for child in token.children or []:
        if child.type == "math_inline":
            yield "math", child.content
        elif child.type == "myst_role":
            yield str(child.meta["name"]), child.content
        elif child.type == "link_open":
            yield "link", str(child.attrs["href"])
