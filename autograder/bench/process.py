"""Running a command and watching what it costs: wall clock, processor time, and memory of all its processes together."""

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
    """Seconds by the clock, seconds of processor time, and the largest sum of memory in bytes (0 if it was not watched)."""

    seconds: float
    cpu: float
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
        watch = _Watch(process.pid, watch_memory)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        watch.stop()
        if process.returncode:
            said.seek(0)
            raise CourseError(f"{' '.join(command[:4])} … failed:\n{said.read()[-2000:]}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime + sum(watch.sandboxed.values()), watch.highest)


class _Watch:
    """Watches a process tree from a thread: the largest sum of its memory, and the time of what is hidden in sandboxes.

    bubblewrap does not wait for the process that it starts, so the time of a sandboxed zygote and all its forks is missing from what
    the system says about the command. It is read while the zygote runs.
    """

    def __init__(self, root: int, watch_memory: bool) -> None:
        self.root, self.watch_memory, self.ended = root, watch_memory, threading.Event()
        self.highest, self.sandboxed = 0, dict[int, float]()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self) -> None:
        while not self.ended.wait(SAMPLE_SECONDS):
            pids = family(self.root)
            if self.watch_memory:
                self.highest = max(self.highest, sum(memory(pid) for pid in pids))
            for pid in pids:
                if _is_sandboxed_zygote(pid):
                    self.sandboxed[pid] = max(seconds_of(pid), self.sandboxed.get(pid, 0.0))

    def stop(self) -> None:
        self.ended.set()
        self.thread.join()


def _is_sandboxed_zygote(pid: int) -> bool:
    """Whether a process is a zygote that bubblewrap started, and not one of its forks."""
    fields, command = _stat(pid), _command(pid)
    return bool(fields) and b"autograder.engine.zygote" in command and b"bwrap" not in command and b"bwrap" in _command(int(fields[1]))


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _stat(pid: int) -> list[str]:
    """What follows the name in /proc/PID/stat: state, parent, …; nothing if the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def seconds_of(pid: int) -> float:
    """Processor seconds of a process and of all descendants it has waited for."""
    fields = _stat(pid)
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


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
