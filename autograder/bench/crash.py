"""Killing what grades at random moments, then looking whether anything was lost, doubled or shown.

`SIGKILL` stands for a crash of any kind: the process has no chance to tidy up. (A power cut differs in that the disk may be behind;
for that `write_if_changed` and the gradebook sync, which a test can't show.)
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.bench.classroom import SMALL, hand_in
from autograder.bench.process import family
from autograder.course import Course
from autograder.gradebook import open_gradebook

SHOWN = "Traceback (most recent call last)"
TARGETS = ("command", "zygote", "worker", "interrupt")


@dataclass
class Crashes:
    """What was killed, and every finding; none is the aim."""

    kills: Counter[str] = field(default_factory=Counter)
    submissions: int = 0
    findings: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        return {"kills": dict(sorted(self.kills.items())), "submissions": self.submissions, "findings": self.findings}


def crash(
    course: Course,
    kills: int,
    *,
    submissions: int = 40,
    targets: tuple[str, ...] = TARGETS,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> Crashes:
    """Grade a class undisturbed and, in a copy, with `kills` interruptions; compare the two gradebooks and folders of grades.

    After each kill of the command, it is run again; a zygote's or a worker's death the run must survive by itself.
    """
    hand_in(course, [SMALL], submissions)
    other = Course(course.root.with_name("undisturbed"))
    shutil.copytree(course.root, other.root)
    started = time.perf_counter()
    _grade(other).wait()
    usual = time.perf_counter() - started
    found, rng = Crashes(submissions=submissions), random.Random(seed)
    for number in range(kills):
        if len(list(course.root.glob("autograded/*/*/grade.json"))) > submissions // 2:  # else it is soon finished, and nothing to kill
            shutil.rmtree(course.root / "autograded")
        target = targets[number % len(targets)]
        _disturb(course, target, rng.uniform(0.0, usual), found)
        say(f"{number + 1}: {target}")
    if _grade(course, output=course.root.with_name("last.txt")).wait():
        found.findings.append(f"the last run failed: {course.root.with_name('last.txt').read_text()[-500:]}")
    found.findings += _differences(contents(other), contents(course))
    return found


def _grade(course: Course, *arguments: str, output: Path | None = None) -> subprocess.Popen[bytes]:
    with (output or Path(os.devnull)).open("wb") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", "autograder", "grade", SMALL, *arguments],
            cwd=course.root,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )


def _disturb(course: Course, target: str, after: float, found: Crashes) -> None:
    """Start the command, kill `target` after so many seconds, and see what the user was shown."""
    output = course.root.with_name("shown.txt")
    arguments = ("--workers", "1") if target == "worker" else ()
    process = _grade(course, *arguments, output=output)
    deadline = time.monotonic() + after + (START_ALLOWANCE if target in ("zygote", "worker") else 0.0)
    victim = None
    while victim is None and time.monotonic() < deadline and process.poll() is None:
        time.sleep(after if target in ("command", "interrupt") else 0.1)
        victim = _victim(process.pid, target)
    if victim is not None and process.poll() is None:
        if target in ("zygote", "worker"):
            time.sleep(after % 1.0)
        if target == "interrupt":
            os.killpg(victim, signal.SIGINT)  # as a terminal does
        else:
            os.kill(victim, signal.SIGKILL)
        found.kills[target] += 1
    code = process.wait(timeout=600)
    if target in ("zygote", "worker") and code:
        found.findings.append(f"the command did not survive the death of its {target} (exit code {code})")
    if SHOWN in output.read_text(errors="replace"):
        found.findings.append(f"a traceback was shown after a kill of the {target}: {output.read_text(errors='replace')[-800:]}")


START_ALLOWANCE = 120.0


def _victim(command: int, target: str) -> int | None:
    """The process to kill, or None if it is not there (yet)."""
    if target in ("command", "interrupt"):
        return command
    words = {"zygote": "autograder.engine.zygote", "worker": "multiprocessing"}
    for pid in family(command):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if words[target] not in line or "bwrap" in line:
            continue
        if target == "zygote" or any("bwrap" in _name(child) or "zygote" in _name(child) for child in family(pid)):
            return pid
    return None


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
    except OSError:
        return ""


def contents(course: Course, stem: str = SMALL) -> dict[str, Any]:
    """All that grading leaves behind, without what differs from run to run: times and random ids."""
    found: dict[str, Any] = {}
    with open_gradebook(course) as gradebook:
        students = Counter(student.id for student in gradebook.students)
        for submission in gradebook.find_assignment(stem).submissions:
            rows = sorted(
                [
                    (grade.cell.name, grade.auto_score, grade.manual_score, grade.needs_manual_grade)
                    for notebook in submission.notebooks
                    for grade in notebook.grades
                ],
                key=lambda row: str(row[0]),
            )
            comments = sorted((c.cell.name, str(c.auto_comment)) for notebook in submission.notebooks for c in notebook.comments)
            found.setdefault(f"gradebook/{submission.student.id}", []).append((rows, comments, str(submission.timestamp)))
        found["students"] = sorted(students.items())
    for path in sorted((course.root / "autograded").glob("*/*/*")):
        name = str(path.relative_to(course.root))
        if path.name == "grade.json":
            kept = json.loads(path.read_text())
            found[name] = [(task["name"], task["score"], task["status"]) for task in kept["tasks"]]
        else:
            found[name] = path.name
    return found


def _differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    lost = [f"lost: {name}" for name in expected.keys() - found.keys()]
    extra = [f"left over: {name}" for name in found.keys() - expected.keys()]
    other = [f"not the same: {name}" for name in expected.keys() & found.keys() if expected[name] != found[name]]
    return sorted([*lost, *extra, *other])
