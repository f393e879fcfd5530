"""What earlier runs left on the disk beside each autograded notebook: grades that are whole, and reasons why there is none.

Light to import, so that a command can see whether anything is new before it loads what grading needs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autograder.course import Course
from autograder.results import Grade, grade_from_plain
from autograder.submissions import Submission, digest_of, find_submissions

MARK = "grade.json"
REFUSED = "refused.json"


def key_of(master: str, seed: int, digest: str, timestamp: str | None) -> str:
    """What a grade depends on: the same key, the same grade. `master` and `digest` are hashes of the master and the submission."""
    return f"{digest}:{master}:{seed}:{timestamp or ''}"


def anything_new(course: Course, stems: list[str], student: str | None, seed: int) -> bool:
    """Whether a submission has no mark for what it is now."""
    masters = {stem: digest_of(course.master(stem).read_bytes()) for stem in stems}
    for submission in find_submissions(course, stems):
        if student in (None, submission.student) and not submission.problem:
            key = key_of(masters[submission.stem], seed, digest_of(submission.content), submission.timestamp)
            kept = _mark(course, submission.student, submission.stem, MARK).get("record", {}).get("key")
            if kept != key and not refused(course, submission, key):
                return True
    return False


def earlier_grade(course: Course, student: str, stem: str) -> Grade | None:
    """The grade that an earlier run kept whole, or None."""
    try:
        return grade_from_plain(_mark(course, student, stem, MARK))
    except (TypeError, KeyError, AttributeError):
        return None


def refusal_file(course: Course, student: str, stem: str) -> Path:
    """Why the latest submission is not gradable; absent if it is. An earlier grade stays beside it."""
    return course.autograded(student, stem).with_name(REFUSED)


def refusal(course: Course, student: str, stem: str) -> str | None:
    return _mark(course, student, stem, REFUSED).get("reason")


def refused(course: Course, submission: Submission, key: str) -> bool:
    """Whether these very bytes were refused before."""
    return _mark(course, submission.student, submission.stem, REFUSED).get("key") == key


def _mark(course: Course, student: str, stem: str, name: str) -> dict[str, Any]:
    """What a file beside an autograded notebook says; nothing if it is not there, or was not written whole."""
    try:
        return dict(json.loads(course.autograded(student, stem).with_name(name).read_text()))
    except (OSError, ValueError, TypeError):
        return {}
