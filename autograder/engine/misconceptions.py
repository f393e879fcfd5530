"""From a failed task to a sentence on the misconception behind it."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import marshal
import math
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.catalogue import Alternative, read_alternatives, replace_definition
from autograder.engine.diagnosis import Match, Observation, best_match, scale_of_reference

if TYPE_CHECKING:
    from autograder.master import Assignment, Task

REFERENCE = ""  # its name among the wrong solutions
DIGEST = hashlib.sha256().digest_size
Observe = Callable[["Assignment", Mapping[str, str], "Task", int], Observation]


@dataclass(frozen=True)
class Explanation:
    """`name` is the wrong solution that was recognised, if one was; `text` is for the learner."""

    name: str | None
    text: str


@dataclass
class _Known:
    """What is known of one task's wrong solutions with one seed. All who ask for it find out what is missing, each a part."""

    path: Path | None
    missing: list[tuple[str, dict[str, str]]]
    found: dict[str, Observation] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)
    running: int = 0

    @property
    def reference(self) -> Observation:
        return self.found[REFERENCE]

    @functools.cached_property
    def wrong(self) -> dict[str, Observation]:
        return {name: seen for name, seen in self.found.items() if name != REFERENCE}


class Misconceptions:
    """Knows how each wrong solution of the catalogue behaves. It finds that out when a task first fails, and remembers.

    What a checkout's catalogue does is kept in `.autograder/behaviour`, by all that it depends on; deleting it loses time only.
    """

    def __init__(self, observe: Observe, environment: str) -> None:
        self._observe, self._environment = observe, environment
        self._known: dict[tuple[str, str, int], _Known] = {}
        self._lock = threading.Lock()

    def explain(self, assignment: Assignment, task: Task, learner: Observation, seed: int) -> Explanation | None:
        """Say which misconception the learner's behaviour is that of; None where it is not clear."""
        entries = catalogue(assignment, task)
        known = self.known(assignment, task, seed, entries)
        match = best_match(learner, known.reference, known.wrong)
        if match is not None:
            entry = next(e for e in entries if e.name == match.name)
            return Explanation(entry.name, _sentence(entry, match, section_title(assignment, entry.section)))
        factor = scale_of_reference(learner, known.reference)
        return None if factor is None else Explanation(None, f"Every result is {_times(factor)} what it should be.")

    def known(self, assignment: Assignment, task: Task, seed: int, entries: list[Alternative]) -> _Known:
        """What the reference and the wrong solutions of a task do on its test's inputs."""
        key = (assignment.hash, task.name, seed)
        with self._lock:
            known = self._known.get(key) or self._known.setdefault(key, self._kept(assignment, task, seed, entries))
        while self._find_one(known, assignment, task, seed):
            pass
        return known

    def _kept(self, assignment: Assignment, task: Task, seed: int, entries: list[Alternative]) -> _Known:
        """What earlier runs have found out, and what is missing."""
        path, source = self._path(assignment, task, seed, entries), assignment.source(task.solution_id)
        found = _read(path)
        if found is not None:
            return _Known(path, [], found)
        missing: list[tuple[str, dict[str, str]]] = [(REFERENCE, {})]
        return _Known(path, missing + [(entry.name, {task.solution_id: replace_definition(source, entry)}) for entry in entries])

    def _find_one(self, known: _Known, assignment: Assignment, task: Task, seed: int) -> bool:
        """Observe one solution of those that nobody has observed yet; False once all are known."""
        with known.changed:
            while not known.missing and known.running:
                known.changed.wait()
            if not known.missing:
                return False
            name, sources = known.missing.pop()
            known.running += 1
        seen: Observation | None = None
        try:
            seen = self._observe(assignment, sources, task, seed)
        finally:
            with known.changed:
                known.running -= 1
                if seen is None:
                    known.missing.append((name, sources))
                else:
                    known.found[name] = seen
                if known.path is not None and not known.missing and not known.running:
                    _keep(known.path, known.found)
                known.changed.notify_all()
        return True

    def _path(self, assignment: Assignment, task: Task, seed: int, entries: list[Alternative]) -> Path | None:
        if len(assignment.path.parents) < 3 or not (assignment.path.parents[2] / "_toc.yml").exists():
            return None
        parts = [self._environment, assignment.hash, task.name, str(seed), *(entry.name + entry.source for entry in entries)]
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        return assignment.path.parents[2] / ".autograder" / "behaviour" / f"{assignment.stem}-{task.name}-{digest[:16]}"


def _read(path: Path | None) -> dict[str, Observation] | None:
    """What an earlier run has kept; None if there is nothing, or nothing whole.

    These files are the grader's own, megabytes of numbers that `marshal` reads twenty times as fast as the codec for strangers' bytes.
    """
    try:
        content = path.read_bytes() if path is not None else b""
    except OSError:
        return None
    if not content or hashlib.sha256(content[DIGEST:]).digest() != content[:DIGEST]:
        return None
    kept: dict[str, Observation] = marshal.loads(content[DIGEST:])
    return kept


def _keep(path: Path, found: dict[str, Observation]) -> None:
    """Save work for later runs; on a disk that is full or read-only they do it again."""
    content = marshal.dumps(found)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(hashlib.sha256(content).digest() + content)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def catalogue(assignment: Assignment, task: Task) -> list[Alternative]:
    """The wrong solutions of one task."""
    path = assignment.path.with_name("wrong.py")
    written = path.stat() if path.exists() else None
    entries = _entries(path, written and (written.st_mtime_ns, written.st_size))
    return [entry for entry in entries if task.has(entry.target)]


@functools.lru_cache(maxsize=256)
def _entries(path: Path, _written: tuple[int, int] | None) -> tuple[Alternative, ...]:
    """A file's wrong solutions, read once for as long as it is the same file."""
    return tuple(read_alternatives(path, "wrong"))


def section_title(assignment: Assignment, label: str) -> str | None:
    """The heading (or the title of the theorem) that a label of the chapter stands at."""
    root = assignment.path.parents[2] if len(assignment.path.parents) > 2 else Path()
    for chapter in root.glob(f"book/*/{assignment.stem}.md"):
        text = chapter.read_text()
        heading = re.search(rf"^\({re.escape(label)}\)=\s*\n+#+ +(.+)$", text, re.MULTILINE)
        titled = re.search(rf"^:+\{{[\w:]+\}} *(.+)\n:label: *{re.escape(label)}$", text, re.MULTILINE)
        found = heading or titled
        return found[1].strip() if found else None
    return None


def _sentence(entry: Alternative, match: Match, title: str | None) -> str:
    also = "" if match.factor == 1.0 else f" Besides, every result is {_times(match.factor)} that."
    reread = f" Reread “{title}” in the chapter." if title else ""
    return f"This behaves like a known mistake: {entry.misconception}{also}{reread}"


def _times(factor: float) -> str:
    if math.isclose(factor, -1.0, rel_tol=1e-4):
        return "the negative of"
    return f"{factor:.4g} times"
