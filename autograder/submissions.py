"""What learners handed in: `submitted/<student>/<stem>/<stem>.ipynb`, nbgrader's own layout."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.course import Course

MAXIMUM_BYTES = 50_000_000
LINE = 200  # bytes of a small file that are read
SET_ASIDE = "timestamp.txt.unreadable"


@dataclass(frozen=True)
class Submission:
    """One student's notebook for one assignment; `problem` says why its file can't be read at all.

    `timestamp` and `secret` are what nbgrader's `submit` lays beside it; feedback finds its way back by the secret. See `dated`.
    The notebook itself is read when it is needed: a class of thousands does not fit into memory at once.
    """

    student: str
    stem: str
    path: Path | None = None
    timestamp: str | None = None
    secret: str | None = None
    remark: str | None = None
    problem: str | None = None

    @property
    def content(self) -> bytes:
        """The bytes that were handed in; none if the file is gone."""
        try:
            return _bytes(self.path) if self.path else b""
        except OSError:
            return b""


def digest_of(content: bytes) -> str:
    """What a submission is known by in grades."""
    return hashlib.sha256(content).hexdigest()


def find_submissions(course: Course, stems: list[str]) -> list[Submission]:
    """All submissions of these assignments, by student, then in the order of the course."""
    return [
        _found(folder, stem)
        for folder in _visible(course.root / "submitted")
        if folder.is_dir() and _enterable(folder)
        for stem in stems
        if (folder / stem).is_dir()
    ]


def _found(folder: Path, stem: str) -> Submission:
    """The submission, unless its student's name is one that no gradebook can hold, or no terminal should be sent."""
    if folder.name.isprintable():
        return read_submission(folder / stem, folder.name, stem)
    problem = "the student's folder has a name that can't be written; rename it, then run the command again"
    return Submission(printable(folder.name), stem, problem=problem)


def printable(name: str) -> str:
    """A file's name as it may be shown: it can hold codes for a terminal, and bytes that are no text."""
    return name if name.isprintable() else name.encode("unicode_escape", "surrogatepass").decode()


def misplaced(course: Course) -> list[str]:
    """What was handed in at a place where nobody looks for it, and what to do: a line for each."""
    base = course.root / "submitted"
    found = []
    for folder in _visible(base):
        if folder.is_dir() and not _enterable(folder):
            found.append(f"submitted/{folder.name} can't be read; mend its permissions")
            continue
        inside = _visible(folder) if folder.is_dir() else []
        lost = [p for p in inside if p.name not in course.stems and (p.is_dir() or p.suffix == ".ipynb")]
        lost += [folder] if folder.is_file() and folder.suffix == ".ipynb" else []
        found += [
            f"{p.relative_to(course.root)} is not graded, as it is no submitted/<student>/<assignment>/; "
            f"move it to one whose name is an assignment's ({', '.join(course.stems)})"
            for p in lost
        ]
    return found


def _visible(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*") if not p.name.startswith("."))


def _enterable(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)


def read_submission(folder: Path, student: str, stem: str) -> Submission:
    """Read a submission's folder without following a link out of it."""
    if not _enterable(folder):
        return Submission(student, stem, problem="its folder can't be read; mend the permissions")
    timestamp, secret = _line(folder / "timestamp.txt"), _line(folder / "submission_secret.txt")

    def refused(problem: str) -> Submission:
        return Submission(student, stem, timestamp=timestamp, problem=problem)

    notebooks = sorted(p for p in folder.glob("*.ipynb") if not p.name.startswith("."))
    named = [p for p in notebooks if p.stem == stem]
    if not notebooks:
        return refused(f"no notebook: {stem}.ipynb was expected; ask the student to submit again")
    if len(notebooks) > 1 and not named:
        return refused(f"{len(notebooks)} notebooks and none is named {stem}.ipynb; rename the right one")
    path = (named or notebooks)[0]
    if any(p.is_symlink() for p in (folder.parent, folder, path)):
        return refused("a symbolic link instead of a file; ask the student to submit the notebook itself")
    if not path.is_file():
        return refused(f"{printable(path.name)} is not a regular file; ask the student to submit again")
    if path.stat().st_size > MAXIMUM_BYTES:
        return refused(f"larger than {MAXIMUM_BYTES // 10**6} MB; ask the student to clear the outputs and submit again")
    if not os.access(path, os.R_OK):
        return refused("can't be read; mend the file's permissions")
    remark = None if path.stem == stem else f"the notebook was named {printable(path.name)}; it was graded as {stem}.ipynb"
    return Submission(student, stem, path, timestamp, secret, remark)


def dated(submission: Submission, folder: Path) -> Submission:
    """The submission, with a timestamp only if nbgrader can read it; one that it can't read is set aside in the submission's folder.

    Beside such a file nbgrader grades nothing, and formgrader can't list the assignment. Slow to load, as nbgrader says what a date is.
    """
    from nbgrader.utils import parse_utc

    path, kept = folder / "timestamp.txt", folder / SET_ASIDE
    remark = f"timestamp.txt held no date, so it counts as handed in on time; what it held is in {SET_ASIDE}"
    if folder.is_symlink() or folder.parent.is_symlink():  # nothing is changed where it leads, and nothing is graded
        return submission
    if os.path.lexists(path):
        try:
            parse_utc(submission.timestamp or "" if path.lstat().st_size <= LINE else "")
            return submission
        except (ValueError, OverflowError):
            pass
        try:
            path.replace(kept)
        except OSError as error:
            remark = f"timestamp.txt holds no date, and formgrader can't list the assignment with it; delete it ({error.strerror})"
    elif not os.path.lexists(kept):
        return submission
    return replace(submission, timestamp=None, remark="; ".join(filter(None, [remark, submission.remark])))


def _bytes(path: Path) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        return file.read(MAXIMUM_BYTES)


def _line(path: Path) -> str | None:
    """The text of a small file beside the notebook; a learner can write anything into it."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        with path.open(errors="replace") as file:
            return file.read(LINE).strip() or None
    except OSError:
        return None
