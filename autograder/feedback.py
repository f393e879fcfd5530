"""`autograder feedback`: one HTML page per submission, by nbgrader's own feedback exporter."""

from __future__ import annotations

import html
import logging
from collections.abc import Iterator
from pathlib import Path

from nbgrader.apps.api import NbGraderAPI

from autograder.course import Course, CourseError
from autograder.gradebook import nbgrader_settings
from autograder.kept import earlier_grade, refusal
from autograder.release import write_if_changed
from autograder.submissions import find_submissions


def feedback_pages(course: Course, stems: list[str], *, student: str | None = None, again: bool = False) -> Iterator[tuple[Path, bool]]:
    """Each submission's feedback page, and whether it was written anew: it is, if the grade is newer than the page."""
    api: NbGraderAPI | None = None
    for submission in find_submissions(course, stems):
        if student not in (None, submission.student):
            continue
        page = course.feedback(submission.student, submission.stem)
        graded = course.autograded(submission.student, submission.stem)
        refused = refusal(course, submission.student, submission.stem)
        if refused:
            earlier = earlier_grade(course, submission.student, submission.stem)
            yield page, write_if_changed(page, _refusal(submission.stem, refused, earlier is not None))
        elif not graded.exists():
            raise CourseError(f"{submission.student}'s {submission.stem} is not graded yet; run `autograder grade` first")
        elif again or not page.exists() or page.stat().st_mtime < _changed(graded):
            api = api or nbgrader_api(course)
            result = api.generate_feedback(submission.stem, submission.student, force=True)
            if not result["success"]:
                raise CourseError(f"no feedback for {submission.student}, {submission.stem}: {result.get('error') or result.get('log')}")
            yield page, True
        else:
            yield page, False


def nbgrader_api(course: Course) -> NbGraderAPI:
    """nbgrader as `nbgrader_config.py` sets it up for this checkout."""
    config = nbgrader_settings(course)
    config.CourseDirectory.root = str(course.root)
    api = NbGraderAPI(config=config)
    api.log.setLevel(logging.ERROR)
    return api


def _changed(graded: Path) -> float:
    """When a submission's grade last changed."""
    marker = graded.with_name("grade.json")
    return max(p.stat().st_mtime for p in (graded, marker) if p.exists())


def _refusal(stem: str, reason: str, has_earlier: bool) -> str:
    kept = "<p>The grade of what you handed in before is kept.</p>" if has_earlier else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>Feedback</title><style>body{font:16px/1.5 system-ui;max-width:40rem;margin:2rem auto;padding:0 1rem}</style></head><body>"
        f"<h1>{html.escape(stem)}</h1><p>Not gradable: {html.escape(reason)}.</p>{kept}</body></html>\n"
    )
