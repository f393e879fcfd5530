"""Masters are read into nbgrader notebooks, and what breaks a rule of CONTRIBUTING is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbgrader.nbgraderformat import MetadataValidator

from autograder.master import Assignment, MasterError, read_master

TINY = (Path(__file__).parent / "tiny.md").read_text()


def read(tmp_path: Path, text: str) -> Assignment:
    path = tmp_path / "tiny.md"
    path.write_text(text)
    return read_master(path)


def test_tasks_points_and_title(tmp_path: Path) -> None:
    assignment = read(tmp_path, TINY)
    assert assignment.title == "Tiny"
    assert [(t.name, t.test_id, t.points, t.defines) for t in assignment.tasks] == [
        ("mean_square", "test_mean_square", 2, ("mean_square",)),
        ("safe_log", "test_safe_log", 3, ("safe_log",)),
    ]
    assert assignment.points == 5
    assert assignment.task_defining("safe_log").name == "safe_log"


def test_the_metadata_is_valid_for_nbgrader_and_ids_do_not_change(tmp_path: Path) -> None:
    first, second = read(tmp_path, TINY), read(tmp_path, TINY)
    for cell in first.notebook.cells:
        MetadataValidator().validate_cell(cell)
    assert [c.id for c in first.notebook.cells] == [c.id for c in second.notebook.cells]
    assert "jupytext" not in first.notebook.metadata


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("grade_id: safe_log,", "grade_id: mean_square,", "two cells have the grade_id 'mean_square'"),
        ("grade_id: safe_log,", "grade_id: safe log,", "must match"),
        ("grade_id: test_safe_log,", "grade_id: test_other,", "task safe_log: add a cell 'test_safe_log'"),
        ("points: 3", "points: 0", "points above 0"),
        ('"minus infinity at zero")', '"minus infinity at zero", hint="log 0")', "a hidden check has a hint"),
        ("points: 3", "pionts: 3", "unknown nbgrader keys"),
        ("    ### END SOLUTION\n", "", "must come in pairs"),
        ("return np.log(x)", "return np.log(x", "line 5 of the cell"),
        ("solution: true}", "solution: true}\ncourse: {inplaces: {}}", "'course' takes"),
        ("solution: true}", "locked: true}", "no task|without a solution cell"),
    ],
)
def test_what_breaks_a_rule_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TINY
    with pytest.raises(MasterError, match=message):
        read(tmp_path, TINY.replace(old, new))
