"""The control of an attack: the same notebook graded by nbgrader's own executor, so that one sees that the attack is real.

nbgrader runs learner code with the rights of whoever grades, so its whole process is put behind walls here: a scratch class of its
own, a read-only system, no network, no other process in sight, limits, and an end.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook

from autograder.attacks import SECRETS, VICTIM, Attack
from autograder.attacks.trial import lay_down, victim
from autograder.course import Course, CourseError
from autograder.engine.sandbox import ROOT
from autograder.gradebook import DATABASE, save_assignment
from autograder.release import release

SECONDS = 90  # for one class of two; nbgrader needs five
CELL_SECONDS = 8
GIB = 1024**3
LIMITS = {"as": 6 * GIB, "fsize": GIB // 8, "nofile": 1024, "core": 0, "cpu": 60}
ATTACKER, NEIGHBOUR = "attacker", "honest"


@dataclass(frozen=True)
class Control:
    """What nbgrader did with an attack. `score` and `neighbour` (the honest student graded next) are None where it gave no mark.

    `shown`: whether hidden text stands in what the learner's code printed. `ended` says how, where nbgrader itself was stopped.
    """

    score: float | None
    neighbour: float | None
    shown: bool
    ended: str = ""

    def effects(self, expected: float) -> list[str]:
        """What the attack achieved, in a reader's words; nothing if nbgrader was not fooled."""
        found = []
        if self.score is not None and self.score > expected:
            found.append("unearned marks")
        if self.shown:
            found.append("reached what it must not")
        if self.ended:
            found.append("nbgrader stopped")
        if self.neighbour is None or self.neighbour < victim().points:
            found.append("an honest student lost marks" if self.neighbour is not None else "an honest student not graded")
        return found


def control(attack: Attack, template: Path) -> Control:
    """Grade the attack, then an honest neighbour, with nbgrader's own executor in a copy of the class at `template`."""
    with tempfile.TemporaryDirectory(prefix="autograder-attack-") as scratch:
        course = Course(Path(scratch) / "course")
        shutil.copytree(template, course.root)
        lay_down(attack, course.root / "submitted", ATTACKER)
        ended = _autograde(Path(scratch))
        marks = _marks(course)
        if ended and NEIGHBOUR not in marks:
            marks.pop(ATTACKER, None)  # what stands in the gradebook is from before the tests ran
        return Control(marks.get(ATTACKER), marks.get(NEIGHBOUR), _shown(course), ended)


@contextmanager
def empty_class(checkout: Course) -> Iterator[Path]:
    """A class with the victim assignment and nobody's work, to be copied for each attack."""
    with tempfile.TemporaryDirectory(prefix="autograder-victim-") as folder:
        course = Course(Path(folder) / "course")
        course.master(victim().stem).parent.mkdir(parents=True)
        shutil.copy(VICTIM, course.master(victim().stem))
        shutil.copy(checkout.root / "nbgrader_config.py", course.root)
        (course.root / "_toc.yml").write_text("format: jb-book\nroot: book/welcome\n")
        release(course, victim().stem)
        save_assignment(course, victim())
        yield course.root


@functools.lru_cache(maxsize=1)
def require_walls() -> None:
    """Raise unless nbgrader can be put behind walls on this machine."""
    for tool in ("bwrap", "prlimit"):
        if shutil.which(tool) is None:
            raise CourseError(f"attacks are tried on nbgrader only behind walls, which need {tool}: apt-get install bubblewrap util-linux")
    done = subprocess.run([*_walls(Path("/tmp")), "true"], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise CourseError(f"attacks are tried on nbgrader only behind walls, and bubblewrap can't make them: {done.stderr.strip()[-200:]}")


def _walls(scratch: Path) -> list[str]:
    """A command that runs another in a namespace of its own: `scratch` is all that it can write, besides a /tmp of its own."""
    limits = [f"--{name}={value}" for name, value in LIMITS.items()]
    walls = ["bwrap", "--unshare-all", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL", "--new-session", "--die-with-parent"]
    walls += ["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run"]
    walls += [part for path in (str(ROOT), sys.prefix) for part in ("--ro-bind", path, path)]  # they may be in /tmp themselves
    return ["prlimit", *limits, *walls, "--bind", str(scratch), str(scratch), "--chdir", str(scratch)]


def _autograde(scratch: Path) -> str:
    """Run `nbgrader autograde` on everybody; how it ended, if not by itself."""
    home = scratch / "home"
    home.mkdir()
    tool = str(Path(sys.executable).with_name("nbgrader"))
    environment = {
        "HOME": str(home), "PATH": f"{Path(tool).parent}:/usr/bin:/bin", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1",
        "AUTOGRADER_EXECUTOR": "nbgrader", "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    command = [*_walls(scratch), "--chdir", str(scratch / "course"), tool, "autograde", victim().stem, f"--Execute.timeout={CELL_SECONDS}"]
    silent: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    try:
        done = subprocess.run(command, env=environment, timeout=SECONDS, check=False, **silent)
    except subprocess.TimeoutExpired:
        return f"nbgrader did not end in {SECONDS} s"
    return "nbgrader was killed" if done.returncode < 0 or done.returncode > 128 else ""


def _marks(course: Course) -> dict[str, float]:
    """Each student's score, if nbgrader finished that notebook."""
    path, found = course.root / DATABASE, dict[str, float]()
    if path.is_symlink() or not path.is_file():
        return found
    with Gradebook(f"sqlite:///{path}") as gradebook:
        for submission in gradebook.assignment_submissions(victim().stem):
            if course.autograded(submission.student.id, victim().stem).is_file():
                found[submission.student.id] = float(submission.score)
    return found


def _shown(course: Course) -> bool:
    """Whether the attacker's code printed what it must not know. A traceback, which always quotes the test, does not count."""
    path = course.autograded(ATTACKER, victim().stem)
    if path.is_symlink() or not path.is_file():
        return False
    printed: list[Any] = [
        output.get("text", "") + str(output.get("data", ""))
        for cell in nbformat.read(path, as_version=4).cells
        for output in cell.get("outputs", [])
        if output.output_type != "error"
    ]
    return any(secret in text for text in printed for secret in SECRETS)
