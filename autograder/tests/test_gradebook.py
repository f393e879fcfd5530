"""The gradebook holds what was graded, once, whatever the database; what a person entered stays."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from autograder.course import Course, CourseError
from autograder.gradebook import URL_VARIABLE, Entry, enter_assignments, open_gradebook, save_assignment, save_grades, saved_scores
from autograder.master import read_master
from autograder.results import Grade, TaskGrade

SERVERS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def grade(course: Course, score: float, status: str = "passed") -> Grade:
    tasks = read_master(course.master("tiny")).tasks
    return Grade("tiny", 0, tasks=[TaskGrade(t.name, t.test_id, score, t.points, status) for t in tasks])  # type: ignore[arg-type]


def check_grades_are_kept(course: Course) -> None:
    """Written twice, one student's marks raised by hand between: one entry each, the newer scores, the hand-given one untouched."""
    save_assignment(course, read_master(course.master("tiny")))
    with open_gradebook(course) as gradebook:
        blank = Entry("bob", grade(course, 0.0, "not_attempted"))
        save_grades(gradebook, [Entry("ada", grade(course, 1.0), "2026-01-02 03:04:05 UTC"), blank])
        gradebook.find_grade("test_safe_log", "tiny", "tiny", "ada").manual_score = 2.5
        gradebook.db.commit()
        save_grades(gradebook, [Entry("ada", grade(course, 2.0)), Entry("cid", grade(course, 2.0))])
        assert saved_scores(gradebook, ["tiny"]) == {
            ("ada", "tiny"): {"test_mean_square": 2.0, "test_safe_log": 2.0},
            ("bob", "tiny"): {"test_mean_square": 0.0, "test_safe_log": 0.0},
            ("cid", "tiny"): {"test_mean_square": 2.0, "test_safe_log": 2.0},
        }
        ada = gradebook.find_submission("tiny", "ada")
        assert (ada.score, str(ada.timestamp)) == (4.5, "2026-01-02 03:04:05")
        assert [g.needs_manual_grade for g in sorted(ada.notebooks[0].grades, key=lambda g: g.cell.name)] == [False, True]
        assert gradebook.find_comment("safe_log", "tiny", "tiny", "bob").auto_comment == "No response."
        assert len(gradebook.students) == len(gradebook.find_assignment("tiny").submissions) == 3


def test_grades_are_kept_in_sqlite_which_survives_a_power_cut(tiny_course: Course) -> None:
    check_grades_are_kept(tiny_course)
    with open_gradebook(tiny_course) as gradebook, gradebook.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 3  # EXTRA
    assert [p.name for p in tiny_course.root.glob("gradebook.db*")] == ["gradebook.db"]


def test_every_assignment_is_entered_once(tiny_course: Course) -> None:
    enter_assignments(tiny_course)
    enter_assignments(tiny_course)
    with open_gradebook(tiny_course) as gradebook:
        assert [(a.name, [n.name for n in a.notebooks], a.max_score) for a in gradebook.assignments] == [("tiny", ["tiny"], 5)]


def test_a_database_that_is_none_is_an_error_in_a_line(tiny_course: Course) -> None:
    (tiny_course.root / "gradebook.db").write_text("this is no database, although it is long enough to be one" * 100)
    with pytest.raises(CourseError, match="the gradebook can't be used"), open_gradebook(tiny_course):
        pass


def test_a_database_that_another_program_holds_is_waited_for(tiny_course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_gradebook(tiny_course):
        pass
    holder = sqlite3.connect(tiny_course.root / "gradebook.db", check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    threading.Timer(7.0, holder.rollback).start()  # SQLite's own patience is five seconds
    with open_gradebook(tiny_course) as gradebook:
        assert gradebook.students == []

    monkeypatch.setattr("autograder.gradebook.PATIENCE", 0)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(CourseError, match=r"gradebook\.db: database is locked; another program"), open_gradebook(tiny_course):
        pass
    holder.close()


@pytest.fixture
def postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A PostgreSQL server of this test's own, behind a socket in its folder."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install --editable '.[postgres]'")
    if not SERVERS:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    tools, folder = SERVERS[-1].parent, Path("/tmp") / f"autograder-pg-{os.getpid()}"  # the path of a socket must be short
    folder.mkdir()
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # it refuses to run as root
    if user:
        shutil.chown(folder, "postgres")
    control = [*user, str(tools / "pg_ctl"), "-D", str(folder / "data"), "-w"]
    try:
        create = [*user, str(tools / "initdb"), "-D", str(folder / "data"), "-A", "trust", "-U", "teacher", "-N"]
        subprocess.run(create, check=True, capture_output=True)
        subprocess.run([*control, "-o", f"-k {folder} -h '' -F", "-l", str(folder / "log"), "start"], check=True, stdout=subprocess.DEVNULL)
        monkeypatch.setenv(URL_VARIABLE, f"postgresql://teacher@/postgres?host={folder}")
        yield
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True)
        shutil.rmtree(folder)


@pytest.mark.usefixtures("postgresql")
def test_grades_are_kept_in_postgresql(tiny_course: Course) -> None:
    check_grades_are_kept(tiny_course)
    assert not (tiny_course.root / "gradebook.db").exists()
