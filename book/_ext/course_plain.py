"""A chapter's MyST markup as plain Markdown, for a notebook that JupyterLab shows without extensions.

Theorems, equations and citations keep the numbers and names that they have on the chapter's page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from course_sources import Source

FENCE = re.compile(r"^(?P<fence>:{3,}|`{3,})\{(?P<name>[\w:-]+)\}[ \t]*(?P<title>.*)$")
OPTION = re.compile(r"^:(\w+):[ \t]*(.*)$")
LABEL = re.compile(r"^\(([\w-]+)\)=[ \t]*$", re.MULTILINE)
EQUATION = re.compile(r"\$\$(?P<body>.+?)\$\$[ \t]*\((?P<label>[\w-]+)\)", re.DOTALL)
ROLE = re.compile(r"\{(?P<role>[a-z:]+)\}`(?P<text>[^`]+)`")
EXPLICIT = re.compile(r"^(?P<text>.+?)\s*<(?P<target>[^>]+)>$", re.DOTALL)
PAGE_LINK = re.compile(r"\]\((?P<path>[^)#\s:]+\.(?:md|ipynb))(?P<anchor>#[^)\s]*)?\)")


@dataclass
class Plain:
    """Converts the Markdown cells of one chapter, in order.

    Args:
        chapter: the chapter's number, which stands before those of its theorems and equations; empty if it has none.
        sources: what the book cites, by its key in references.bib.
        link: where a relative link to another file of the book leads from outside, by its path.
    """

    chapter: str
    sources: Mapping[str, Source]
    link: Callable[[str], str]
    _numbers: dict[str, str] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)
    _cited: list[str] = field(default_factory=list)

    def convert(self, cells: list[str]) -> list[str]:
        """The cells' sources, converted; what they refer to may come later."""
        self._cited = sorted({key for source in cells for match in ROLE.finditer(source) for key in _keys(match)})
        blocks = [self._blocks(self._equations(source)) for source in cells]
        return [self._inline(source) for source in blocks]

    def _numbered(self, kind: str) -> str:
        self._counts[kind] += 1
        return f"{self.chapter}.{self._counts[kind]}" if self.chapter else str(self._counts[kind])

    def _equations(self, source: str) -> str:
        def number(match: re.Match[str]) -> str:
            self._numbers[match["label"]] = self._numbered("equation")
            return f"$${match['body'].rstrip()}\n\\tag{{{self._numbers[match['label']]}}}\n$$"

        return EQUATION.sub(number, source)

    def _blocks(self, source: str) -> str:
        """Directives as headings in bold with their bodies, line by line, as they may be nested."""
        lines: list[str] = []
        open_fences: list[tuple[str, str]] = []
        options = False
        for line in source.split("\n"):
            if match := FENCE.match(line):
                options = True
                open_fences.append((match["fence"], match["name"]))
                lines.append(self._heading(match["name"], match["title"].strip()))
            elif options and (option := OPTION.match(line)):
                if option[1] == "label":
                    self._numbers[option[2].strip()] = lines[-1].strip("*.").split(" (")[0]
            elif open_fences and line.strip() == open_fences[-1][0]:
                lines.append("∎" if open_fences.pop()[1] == "prf:proof" else "")
            else:
                options = options and not line.strip()
                lines.append(line)
        return LABEL.sub(r'<a id="\1"></a>', "\n".join(lines))

    def _heading(self, name: str, title: str) -> str:
        kind = name.removeprefix("prf:")
        if kind == "proof":
            return "*Proof.*"
        if name == "bibliography":
            return "\n".join(f"- {who}, *{title}*, {year}. {url}" for who, title, year, url in map(self._source, self._cited))
        if name.startswith("prf:"):
            return f"**{kind.title()} {self._numbered(kind)}{f' ({title})' if title else ''}.**"
        return f"**{title or kind.title()}**"

    def _source(self, key: str) -> Source:
        return self.sources.get(key, Source(key, "", "", ""))

    def _inline(self, source: str) -> str:
        return PAGE_LINK.sub(lambda match: f"]({self.link(match['path'])}{match['anchor'] or ''})", ROLE.sub(self._role, source))

    def _role(self, match: re.Match[str]) -> str:
        role, text = match["role"], match["text"]
        if role.startswith("cite"):
            sources = [self._source(key) for key in _keys(match)]
            if role == "cite:t":
                return " and ".join(f"{source.who} ({source.year})" for source in sources)
            return "(" + "; ".join(source.short for source in sources) + ")"
        explicit = EXPLICIT.match(text)
        shown, target = (explicit["text"], explicit["target"]) if explicit else ("", text)
        if role == "eq":
            return f"({self._numbers.get(target, target)})"
        if role == "doc":
            return f"[{shown or target.rpartition('/')[2].replace('_', ' ')}]({self.link(f'{target}.md')})"
        return f"[{shown or self._numbers.get(target, target)}](#{target})"


def _keys(match: re.Match[str]) -> list[str]:
    """The sources that a role cites."""
    return [key.strip() for key in match["text"].split(",")] if match["role"].startswith("cite") else []
