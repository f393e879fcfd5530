"""Verifying grades: the same where nothing changed, and a word for each thing that did."""

from __future__ import annotations

import json
import shutil
from contextlib import nullcontext

from autograder.course import Course
from autograder.engine import Engine
from autograder.grade import grade_class
from autograder.gradebook import open_gradebook
from autograder.tests.conftest import answered, reference_answers, submit
from autograder.verify import Verified, verify_class


def verified(course: Course, engine: Engine) -> dict[str, Verified]:
    return {line.student: line for line in verify_class(course, lambda: nullcontext(engine), ["tiny"])}


def test_every_kind_of_difference_is_reported(tiny_course: Course, engine: Engine) -> None:
    reference = reference_answers(tiny_course, "tiny")
    for student in ("same", "marked_up", "gradebook", "resubmitted", "older", "unrecorded", "gone"):
        submit(tiny_course, student, "tiny", answered(tiny_course, "tiny", reference if student != "marked_up" else {}))
    submit(tiny_course, "ungraded", "tiny", "{")
    list(grade_class(tiny_course, lambda: nullcontext(engine), ["tiny"], seed=3))
    assert {line.verdict for line in verified(tiny_course, engine).values()} == {"same"}

    def alter(student: str, change: object) -> None:
        path = tiny_course.autograded(student, "tiny").with_name("grade.json")
        kept = json.loads(path.read_text())
        change(kept)  # type: ignore[operator]
        path.write_text(json.dumps(kept))

    alter("marked_up", lambda kept: kept["tasks"][0].update(score=2.0, status="passed"))
    alter("older", lambda kept: kept["record"].update(environment="another"))
    with open_gradebook(tiny_course) as gradebook:
        gradebook.find_grade("test_safe_log", "tiny", "tiny", "gradebook").auto_score = 0.0
        gradebook.db.commit()
    tiny_course.autograded("unrecorded", "tiny").with_name("grade.json").unlink()
    shutil.rmtree(tiny_course.submission("gone", "tiny").parent)
    submit(tiny_course, "new", "tiny", answered(tiny_course, "tiny", reference))
    tiny_course.submission("resubmitted", "tiny").write_text(answered(tiny_course, "tiny", {}))

    lines = verified(tiny_course, engine)
    assert {student: line.verdict for student, line in lines.items()} == {
        "same": "same", "marked_up": "different", "gradebook": "different", "resubmitted": "changed", "older": "same",
        "unrecorded": "different", "gone": "changed", "new": "ungraded",
    }  # fmt: skip
    assert "mean_square: 2 (passed) then, 0" in " ".join(lines["marked_up"].remarks)
    assert lines["gradebook"].remarks[0] == "test_safe_log: 0 in the gradebook, 3 in the record"
    assert "without a record" in lines["unrecorded"].remarks[0]
    assert "submission has changed" in lines["resubmitted"].remarks[0]
    assert lines["older"].remarks == ("the environment has changed since",)

    tiny_course.master("tiny").write_text(tiny_course.master("tiny").read_text().replace("# Tiny", "# Tiny again"))
    later = verified(tiny_course, engine)
    assert "the master has changed since" in later["same"].remarks[0]
    assert (later["same"].verdict, later["gradebook"].verdict) == ("changed", "different")
