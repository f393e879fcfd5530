"""What `autograder certify` found out about an assignment, and where it is kept."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import json
import platform
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

from autograder.course import Course

LABEL = re.compile(r"^\(([\w-]+)\)=", re.MULTILINE)
TOOL = Path(__file__).parents[1]


@dataclass
class WrongRecord:
    """One named wrong solution: what it stands for, and what catches it first with seed 0."""

    name: str
    misconception: str
    section: str
    caught_by: str
    visible: bool = False


@dataclass
class TaskRecord:
    """What was run on one task.

    `operators` counts the mutants of each operator; `survivors` those that pass, all of them listed as equivalent if the assignment
    is certified. `legitimate` and `mildest` are errors in units of a check's tolerance: the largest of a right solution, and the
    smallest over the wrong solutions that numbers give away of the largest that each shows.
    """

    name: str
    wrongs: list[WrongRecord] = field(default_factory=list)
    variants: int = 0
    operators: dict[str, int] = field(default_factory=dict)
    survivors: dict[str, int] = field(default_factory=dict)
    timed_out: int = 0
    equivalents: int = 0
    legitimate: float = 0.0
    mildest: float | None = None

    @property
    def mutants(self) -> int:
        return sum(self.operators.values())

    @property
    def killed(self) -> int:
        return self.mutants - sum(self.survivors.values())


@dataclass
class Certificate:
    """What was run on one assignment, and every finding that must be mended.

    `seconds` is processor time, summed over the processes; `notebook_seconds` that of the whole notebook with its tests, once.
    `checks` are the margins of the numeric checks, `hints` say which wrong solution gives each number that a hint mentions.
    """

    stem: str
    tasks: list[TaskRecord] = field(default_factory=list)
    seeds: int = 0
    variant_seeds: int = 0
    runs: int = 0
    seconds: float = 0.0
    mutant_seconds: float = 0.0
    notebook_seconds: float = 0.0
    findings: list[str] = field(default_factory=list)
    checks: dict[str, list[float | None]] = field(default_factory=dict)
    hints: list[str] = field(default_factory=list)

    def total(self, what: str) -> int:
        """The sum over the tasks of `variants`, `mutants`, `killed`, `timed_out` or `equivalents`; the number of `wrongs`."""
        values = [getattr(task, what) for task in self.tasks]
        return sum(len(value) if isinstance(value, list) else value for value in values)

    def operators(self, which: str = "operators") -> Counter[str]:
        return sum((Counter(getattr(task, which)) for task in self.tasks), Counter())

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Certificate:
        tasks = [TaskRecord(**{**task, "wrongs": [WrongRecord(**w) for w in task["wrongs"]]}) for task in data.pop("tasks")]
        return cls(**data, tasks=tasks)


def content_hash(course: Course, stem: str, imports: set[str], seeds: int, variant_seeds: int) -> str:
    """A hash of all that a certificate depends on.

    These are the topic's files, the labels of its chapter, the helpers and the libraries that its notebook imports (`imports`), and
    this tool: the module that proves, with all that it imports, and the engine that will grade.
    """
    digest = hashlib.sha256(f"{seeds} {variant_seeds} {platform.python_version()} {_versions(imports)}".encode())
    chapter = next((c.path for c in course.chapters if c.stem == stem), None)
    digest.update(" ".join(LABEL.findall(chapter.read_text())).encode() if chapter and chapter.exists() else b"")
    files = [course.master(stem), course.wrong(stem), course.variants(stem), course.equivalents(stem)]
    tool = {*_sources(TOOL, {"autograder.proof"}), *(TOOL / "autograder" / "engine").glob("*.py")}
    for path in [*files, *sorted(tool), *_sources(course.root, imports)]:
        digest.update(path.read_bytes() if path.exists() else b"")
        digest.update(b"\0")
    return digest.hexdigest()


def _versions(imports: set[str]) -> list[str]:
    """The installed distributions that these modules belong to, with their versions."""
    tops = {name.partition(".")[0] for name in imports} - sys.stdlib_module_names
    names = {distribution for top in tops for distribution in _distributions().get(top, [])}
    return sorted(f"{name} {version(name)}" for name in names)


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(packages_distributions())


def _sources(root: Path, modules: set[str]) -> list[Path]:
    """The files under `root` that importing these modules reads, directly or through others."""
    found: set[Path] = set()
    wanted = set(modules)
    while wanted:
        parts = wanted.pop().split(".")
        for length in range(1, len(parts) + 1):
            base = root.joinpath(*parts[:length])
            for path in {base.with_suffix(".py"), base / "__init__.py"} - found:
                if path.exists():
                    found.add(path)
                    wanted |= _imports(path.read_text())
    return sorted(found)


@cache
def _imports(text: str) -> frozenset[str]:
    """Every dotted name that a module may import; that some are no modules does no harm."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def remembered(course: Course, stem: str, digest: str) -> Certificate | None:
    """The certificate of an earlier run over the same content, if it had no findings."""
    path = _memory(course, stem)
    if not path.exists():
        return None
    data = json.loads(path.read_text())
    return Certificate.from_json(data["certificate"]) if data["hash"] == digest else None


def remember(course: Course, certificate: Certificate, digest: str) -> None:
    path = _memory(course, certificate.stem)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"hash": digest, "certificate": dataclasses.asdict(certificate)}))


def _memory(course: Course, stem: str) -> Path:
    return course.state / "certify" / f"{stem}.json"


def write_measured(course: Course, certificates: list[Certificate]) -> Path:
    """Write what the book shows: counts, misconceptions and margins, without the names of checks."""
    path = course.measured("certify")
    known = json.loads(path.read_text()) if path.exists() else {}
    for certificate in certificates:
        data = dataclasses.asdict(certificate)
        for hidden in ("checks", "findings", "hints", "stem"):
            del data[hidden]
        for task in data["tasks"]:
            task["legitimate"], task["mildest"] = _rounded(task["legitimate"]), _rounded(task["mildest"])
        for name in ("seconds", "mutant_seconds", "notebook_seconds"):
            data[name] = round(data[name], 1)
        known[certificate.stem] = data
    path.parent.mkdir(parents=True, exist_ok=True)
    ordered = {stem: known[stem] for stem in course.stems if stem in known}
    path.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")
    return path


def read_measured(course: Course) -> list[Certificate]:
    """The certificates that `--write` wrote, in the order of the book."""
    data = json.loads(course.measured("certify").read_text())
    return [Certificate.from_json({**entry, "stem": stem}) for stem, entry in data.items()]


def _rounded(value: float | None) -> float | None:
    """Two significant digits: what differs between machines is the rounding of floating point."""
    return None if value is None else float(f"{value:.2g}")
