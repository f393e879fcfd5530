"""`autograder check`: a self-learner's grade for their own notebook, and the record of their progress."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autograder.course import Course, CourseError
from autograder.engine import Engine
from autograder.master import read_master
from autograder.release import write_if_changed
from autograder.results import Grade

FORMAT, VERSION = "course-progress", 1


def check(course: Course, path: Path, engine: Engine, seed: int = 0) -> Grade:
    """Grade one notebook as an instructor would, and remember the result in the learner's progress."""
    stem = stem_of(course, path)
    grade = engine.grade(read_master(course.master(stem)), path.read_bytes(), seed=seed)
    if grade.gradable and not grade.infrastructure_error:
        record_progress(course, grade)
    return grade


def stem_of(course: Course, path: Path) -> str:
    """Which assignment a notebook is: from its name, else from the folder it lies in."""
    if not path.is_file():
        raise CourseError(f"there is no file {path}; the notebooks to solve are exercises/<stem>/<stem>.ipynb")
    for name in (path.stem, path.resolve().parent.name):
        if name in course.stems:
            return name
    raise CourseError(f"{path} is not named after an assignment; rename it to one of: {', '.join(course.stems)}")


def progress_file(course: Course) -> Path:
    return course.state / "progress.json"


def read_progress(course: Course) -> dict[str, Any]:
    """The learner's results so far, by stem; a file that isn't in this format counts as an empty one, and is kept aside."""
    path = progress_file(course)
    if not path.exists():
        return {}
    try:
        data = json.loads(path.read_text())
        if (data["format"], data["version"]) == (FORMAT, VERSION):
            return data["assignments"]
    except (ValueError, TypeError, KeyError):
        pass
    path.replace(path.with_suffix(".unreadable.json"))
    return {}


def record_progress(course: Course, grade: Grade) -> None:
    """Keep the latest and the best score of this assignment.

    The book's progress page imports the file and describes its format (book/start_here/progress.md); a change of it that
    the page would misread needs a new VERSION, here and in book/_static/progress.js.
    """
    progress = read_progress(course)
    best = max(grade.score, progress.get(grade.stem, {}).get("best", 0.0))
    progress[grade.stem] = {
        "score": grade.score,
        "best": best,
        "max_score": grade.max_score,
        "passed": [task.name for task in grade.tasks if task.status == "passed"],
        "checked": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_if_changed(progress_file(course), json.dumps({"format": FORMAT, "version": VERSION, "assignments": progress}, indent=1) + "\n")
