"""The course as a plan: ten parts and their topics, written or planned, what each needs and what it unlocks.

Titles, hours, levels and needs of written chapters come from the chapters, their order from `_toc.yml`;
`book/roadmap.yml` holds what is known only beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

LEVELS = ("beginner", "intermediate", "advanced")
PLAN = PurePosixPath("book/roadmap.yml")


@dataclass(frozen=True)
class Page:
    """A chapter, by its name in Sphinx, with what its front matter says."""

    docname: str
    hours: float
    level: str
    needs: tuple[str, ...]
    papers: tuple[str, ...]

    @property
    def stem(self) -> str:
        return PurePosixPath(self.docname).name

    @property
    def part(self) -> str:
        return PurePosixPath(self.docname).parent.name

    @property
    def assignment(self) -> str:
        """The Sphinx name of its assignment's page."""
        return f"exercises/{self.stem}/{self.stem}"


@dataclass(frozen=True)
class Topic:
    """A topic of the course; `docname` is None as long as its chapter is only planned."""

    stem: str
    title: str
    part: str
    hours: float
    needs: tuple[str, ...]
    docname: str | None = None
    level: str = ""


@dataclass(frozen=True)
class Part:
    """One of the ten parts, with its topics in reading order."""

    stem: str
    number: int
    title: str
    about: str
    motto: str
    topics: tuple[Topic, ...]


@dataclass(frozen=True)
class Block:
    """Some weeks of the 22-week plan."""

    weeks: str
    title: str
    topics: tuple[Topic, ...]


@dataclass(frozen=True)
class Plan:
    """The whole course: parts, the doors in, and the weeks. `extra` are chapters outside the ten parts."""

    parts: tuple[Part, ...]
    extra: tuple[Topic, ...]
    doors: tuple[Mapping[str, Any], ...]
    blocks: tuple[Block, ...]

    @cached_property
    def topics(self) -> dict[str, Topic]:
        """Every topic by its stem, in reading order."""
        return {topic.stem: topic for topic in [*self.extra, *(topic for part in self.parts for topic in part.topics)]}

    @property
    def written(self) -> list[Topic]:
        return [topic for topic in self.topics.values() if topic.docname]

    def today(self, door: Mapping[str, Any]) -> Topic | None:
        """The written chapter to begin with at a door while its own are planned: the first there, else of its level, else the easiest."""
        own = [self.topics[stem] for stem in door["topics"] if self.topics[stem].docname]
        level = [topic for topic in self.written if topic.level == door["name"].lower()]
        easiest = sorted(self.written, key=lambda topic: (LEVELS.index(topic.level or LEVELS[0]), len(self.before(topic.stem))))
        return next(iter([*own, *level, *easiest]), None)

    def unlocks(self, stem: str) -> list[Topic]:
        """The topics that name `stem` among their needs."""
        return [topic for topic in self.topics.values() if stem in topic.needs]

    def before(self, stem: str) -> list[Topic]:
        """All that `stem` rests on, directly or not, in an order in which it can be learnt.

        Raises:
            ExtensionError: topics need each other in a circle.
        """
        found: dict[str, None] = {}

        def visit(name: str, trail: tuple[str, ...]) -> None:
            if name in trail:
                raise ExtensionError(f"these need each other in a circle: {' → '.join([*trail, name])}; mend `needs` in their front matter")
            for need in self.topics[name].needs:
                if need in self.topics and need not in found:
                    visit(need, (*trail, name))
                    found[need] = None

        visit(stem, ())
        return [self.topics[name] for name in found]


def chapters(env: BuildEnvironment) -> dict[str, Page]:
    """All chapters that this build has read, by stem."""
    found = {}
    for docname in sorted(env.found_docs):
        path = Path(env.doc2path(docname))
        if docname.startswith("book/") and path.suffix == ".md" and (page := read_page(docname, path)):
            found[page.stem] = page
    return found


def read_page(docname: str, path: Path) -> Page | None:
    """The chapter's front matter; None for a page that states no hours.

    Raises:
        ExtensionError: the front matter is incomplete or has an unknown level.
    """
    return _read_page(docname, path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _read_page(docname: str, path: Path, changed: int) -> Page | None:
    text = path.read_text()
    front = yaml.safe_load(text.split("\n---", 1)[0]) if text.startswith("---\n") else {}
    if "hours" not in front:
        return None
    if missing := [key for key in ("level", "needs", "papers") if key not in front]:
        raise ExtensionError(f"{path}: add {', '.join(missing)} to the front matter (see CONTRIBUTING.md, A chapter)")
    if front["level"] not in LEVELS:
        raise ExtensionError(f"{path}: level {front['level']!r} is none of {', '.join(LEVELS)}; mend the front matter")
    return Page(docname, float(front["hours"]), front["level"], tuple(front["needs"] or ()), tuple(front["papers"] or ()))


def plan_of(env: BuildEnvironment) -> Plan:
    """The plan, with every chapter that this build has read in its place."""
    pages = chapters(env)
    written = {
        stem: Topic(stem, env.titles[page.docname].astext(), page.part, page.hours, page.needs, page.docname, page.level)
        for stem, page in pages.items()
        if page.docname in env.titles
    }
    plan = merged(read_plan(Path(env.srcdir) / PLAN), written)
    others = {path.stem for path in Path(env.srcdir).glob("book/*/*.md")}  # a preview builds one chapter of many
    for topic in plan.written:
        if unknown := [need for need in topic.needs if need not in plan.topics and need not in others]:
            raise ExtensionError(f"{env.doc2path(topic.docname)}: needs {', '.join(unknown)}, neither a chapter nor planned in {PLAN}")
    return plan


def read_plan(path: Path) -> dict[str, Any]:
    """`book/roadmap.yml` as it stands."""
    return _read_plan(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read_plan(path: Path, changed: int) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())


def merged(data: Mapping[str, Any], written: Mapping[str, Topic]) -> Plan:
    """The plan in `data`, where `written` chapters take the place of what was planned."""
    parts = []
    for number, (stem, part) in enumerate(data["parts"].items(), start=1):
        planned = {name: Topic(name, says["title"], stem, says["hours"], tuple(says["needs"])) for name, says in part["topics"].items()}
        own = {name: topic for name, topic in written.items() if topic.part == stem}
        parts.append(Part(stem, number, part["title"], part["about"], part["motto"], tuple((planned | own).values())))
    extra = tuple(topic for topic in written.values() if topic.part not in data["parts"])
    return Plan(tuple(parts), extra, tuple(data["doors"]), tuple(_blocks(data["weeks"], parts)))


def _blocks(weeks: Iterable[Mapping[str, Any]], parts: Iterable[Part]) -> Iterable[Block]:
    """The blocks of weeks: a part's topics, less those that another block names."""
    topics = {topic.stem: topic for part in parts for topic in part.topics}
    named = {stem for block in weeks for stem in block.get("topics", [])}
    for block in weeks:
        if "part" in block:
            own = [topic for topic in topics.values() if topic.part == block["part"] and topic.stem not in named]
        else:
            own = [topics[stem] for stem in block["topics"]]
        yield Block(str(block["weeks"]), block["title"], tuple(own))
