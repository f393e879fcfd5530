"""Running a command and watching what it costs: seconds, and memory of all its processes together."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.course import CourseError

SAMPLE_SECONDS = 0.25


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, and the largest sum of memory in bytes (0 if it was not watched)."""

    seconds: float
    memory: int = 0


def run(command: Sequence[str], folder: Path, *, watch_memory: bool = False, **environment: str) -> Cost:
    """Run a command to its end.

    Raises:
        CourseError: if it fails, with the last of what it said.
    """
    clean = {k: v for k, v in os.environ.items() if k not in ("AUTOGRADER_DB_URL", "AUTOGRADER_EXECUTOR", "AUTOGRADER_SEED")}
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    started = time.perf_counter()
    with (folder.parent / "said.txt").open("w+") as said:
        process = subprocess.Popen(
            command, cwd=folder, env=clean | {"HOME": str(home)} | environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        watch = _Watch(process.pid) if watch_memory else None
        process.wait()
        seconds = time.perf_counter() - started
        if watch:
            watch.stop()
        if process.returncode:
            said.seek(0)
            raise CourseError(f"{' '.join(command[:4])} … failed:\n{said.read()[-2000:]}")
    return Cost(seconds, watch.highest if watch else 0)


class _Watch:
    """Watches the largest sum of a process tree's memory, from a thread."""

    def __init__(self, root: int) -> None:
        self.root, self.ended, self.highest = root, threading.Event(), 0
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self) -> None:
        while not self.ended.wait(SAMPLE_SECONDS):
            self.highest = max(self.highest, sum(map(memory, family(self.root))))

    def stop(self) -> None:
        self.ended.set()
        self.thread.join()


def _stat(pid: int) -> list[str]:
    """What follows the name in /proc/PID/stat: state, parent, …; nothing if the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def memory_kind() -> str:
    """What `memory` can read here: a sandboxed process shows its proportional set size to root only."""
    return "PSS" if os.geteuid() == 0 else "RSS minus shared"


def memory(pid: int) -> int:
    """A process's memory in bytes: its share of each page it has in common with others (PSS), or what it has for itself alone."""
    try:
        if memory_kind() == "PSS":
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            return 1024 * next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
        return os.sysconf("SC_PAGE_SIZE") * (int(resident) - int(shared))
    except (OSError, ValueError):
        return 0  # it has ended


def family(root: int) -> list[int]:
    """A process and all that descend from it."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = _stat(int(entry))
            if fields:
                parents[int(entry)] = int(fields[1])
    found, fresh = {root}, {root}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return sorted(found)
