"""The course's tree: where everything lives, and which chapters exist in which order. All path logic is here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml


class CourseError(Exception):
    """Something about the checkout or the command's input is wrong; the text says what mends it."""


@dataclass(frozen=True)
class Chapter:
    """A chapter of the book, as `_toc.yml` lists it."""

    stem: str
    part: str
    path: Path


@dataclass(frozen=True)
class Course:
    """A checkout of the course, found by its `_toc.yml`."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None, *, own: bool = False) -> Course:
        """The course that holds `start` (the working directory if not given); if `own`, else the one that this code is part of."""
        here = (start or Path.cwd()).resolve()
        for folder in [here, *here.parents, *([Path(__file__).resolve().parents[1]] if own else [])]:
            if (folder / "_toc.yml").exists() and (folder / "solutions").is_dir():
                return cls(folder)
        raise CourseError(f"{here} is not inside a checkout of the course; cd into your checkout, then run the command again")

    @cached_property
    def chapters(self) -> list[Chapter]:
        """All chapters in reading order, from `_toc.yml` alone."""
        toc = yaml.safe_load((self.root / "_toc.yml").read_text())
        found = [entry for entry in _files(toc) if entry.startswith("book/")]
        return [Chapter(Path(f).name, Path(f).parent.name, self.root / f"{f}.md") for f in found]

    @cached_property
    def stems(self) -> list[str]:
        """The stems of all assignments in reading order; one that the book does not list yet comes last."""
        listed = [c.stem for c in self.chapters if self.master(c.stem).exists()]
        unlisted = sorted(p.stem for p in self.root.glob("solutions/*/*.md") if p.stem == p.parent.name)
        return listed + [stem for stem in unlisted if stem not in listed]

    @cached_property
    def planned(self) -> dict[str, dict[str, Any]]:
        """The parts of the course with their planned topics, as `book/roadmap.yml` says."""
        parts: dict[str, dict[str, Any]] = yaml.safe_load((self.root / "book" / "roadmap.yml").read_text())["parts"]
        return parts

    @property
    def topics(self) -> set[str]:
        """The stems of all topics, written or planned."""
        planned = {stem for part in self.planned.values() for stem in part["topics"]}
        return planned | {chapter.stem for chapter in self.chapters}

    def select(self, stems: tuple[str, ...] | list[str]) -> list[str]:
        """The given stems, checked; all of them if none is given."""
        for stem in stems:
            if stem not in self.stems:
                raise CourseError(f"there is no assignment {stem!r}; choose from: {', '.join(self.stems)}")
        return list(stems) or self.stems

    def master(self, stem: str) -> Path:
        return self.root / "solutions" / stem / f"{stem}.md"

    def built_master(self, stem: str) -> Path:
        return self.master(stem).with_suffix(".ipynb")

    def wrong(self, stem: str) -> Path:
        return self.root / "solutions" / stem / "wrong.py"

    def variants(self, stem: str) -> Path:
        return self.root / "solutions" / stem / "variants.py"

    def equivalents(self, stem: str) -> Path:
        return self.root / "solutions" / stem / "equivalent.yml"

    def rewritten(self, stem: str) -> Path:
        return self.root / "solutions" / stem / "rewritten.py"

    def release(self, stem: str) -> Path:
        return self.root / "exercises" / stem / f"{stem}.ipynb"

    def chapter(self, stem: str) -> Path:
        """The chapter of an assignment."""
        for chapter in self.chapters:
            if chapter.stem == stem:
                return chapter.path
        raise CourseError(f"_toc.yml lists no chapter {stem!r}; add it under its part")

    def submission(self, student: str, stem: str) -> Path:
        return self.root / "submitted" / student / stem / f"{stem}.ipynb"

    def autograded(self, student: str, stem: str) -> Path:
        return self.root / "autograded" / student / stem / f"{stem}.ipynb"

    def feedback(self, student: str, stem: str) -> Path:
        return self.root / "feedback" / student / stem / f"{stem}.html"

    def measured(self, name: str) -> Path:
        """Figures that a command has measured and a chapter shows; committed."""
        return self.root / "book" / "start_here" / "_measured" / f"{name}.json"

    @property
    def site(self) -> Path:
        return self.root / "_build" / "html"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def state(self) -> Path:
        """What commands remember between runs; deleting it loses time, never grades."""
        return self.root / ".autograder"


def _files(node: Any) -> list[str]:
    """Every `file:` and `root:` of a table of contents, in order."""
    if isinstance(node, list):
        return [f for item in node for f in _files(item)]
    if not isinstance(node, dict):
        return []
    own = [str(node[key]) for key in ("root", "file") if key in node]
    return own + [f for key, value in node.items() if key not in ("root", "file") for f in _files(value)]
