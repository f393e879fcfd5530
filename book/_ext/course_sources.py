"""What the book cites: the entries of references.bib, named as the chapters name them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from string import ascii_lowercase
from typing import Any, NamedTuple

from pybtex.database import parse_file
from pybtex.plugin import find_plugin, register_plugin
from pybtex.richtext import Text
from pybtex.style.formatting.alpha import Style as AlphaStyle
from pybtex.style.labels import BaseLabelStyle
from sphinx.environment import BuildEnvironment

PLUGINS = (  # which pybtex would seek in all installed packages, for each citation again
    *(("pybtex.backends", name) for name in ("plaintext", "docutils")),
    *(("pybtex.style.names", name) for name in ("plain", "last")),
    *(("pybtex.style.formatting", "alpha"), ("pybtex.style.labels", "alpha"), ("pybtex.style.sorting", "author_year_title")),
)


class Source(NamedTuple):
    """A paper, a book or a note. `url` is empty where the entry has none."""

    who: str
    title: str
    year: str
    url: str

    @property
    def short(self) -> str:
        """Such as "Kingma and Welling 2014"."""
        return f"{self.who} {self.year}".strip()


class Labels(BaseLabelStyle):
    """Labels for lists of sources: what the text says, "Shannon 1948", and a letter where two would be alike."""

    def format_labels(self, sorted_entries: Iterable[Any]) -> Iterator[str]:
        names = [_source(entry.key, entry).short for entry in sorted_entries]
        alike, seen = Counter(names), Counter[str]()
        for name in names:
            yield f"{name}{ascii_lowercase[seen[name]]}" if alike[name] > 1 else name
            seen[name] += 1


class Style(AlphaStyle):
    """Pybtex's style, with these labels."""

    default_label_style = Labels


register_plugin("pybtex.style.formatting", "course", Style)


def find_plugins() -> None:
    """Find the parts of pybtex that the book uses, once."""
    for group, name in PLUGINS:
        register_plugin(group, name, find_plugin(group, name), force=True)


def sources_of(env: BuildEnvironment) -> dict[str, Source]:
    """Every entry of the book's references.bib, by its key."""
    path = Path(env.srcdir) / "book" / "references.bib"
    return _sources(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _sources(path: Path, changed: int) -> dict[str, Source]:
    return {key: _source(key, entry) for key, entry in parse_file(str(path)).entries.items()}


def _source(key: str, entry: Any) -> Source:
    people = [_plain(" ".join(person.last_names)) for person in entry.persons.get("author", [])]
    who = " and ".join(people) if len(people) < 3 else f"{people[0]} et al."
    fields = entry.fields
    url = f"https://doi.org/{fields['doi']}" if "doi" in fields else fields.get("url", "")
    if not url and "eprint" in fields:
        url = f"https://arxiv.org/abs/{fields['eprint']}"
    return Source(who or key, _plain(fields.get("title", "")), fields.get("year", ""), url)


def _plain(latex: str) -> str:
    return str(Text.from_latex(latex))
