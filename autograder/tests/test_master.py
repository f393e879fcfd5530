"""Masters are read into nbgrader notebooks, and what breaks a rule of CONTRIBUTING is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbgrader.nbgraderformat import MetadataValidator

from autograder.master import Assignment, read_master
from autograder.refusals import MasterError

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
    with pytest.raises(MasterError, match="no solution cell defines 'log'; choose from: mean_square, safe_log"):
        assignment.task_defining("log")


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
        ("solution: true}", "solution: true", r"tiny\.md: Code cell \d+ at line \d+ could not be read: .*; mend the YAML"),
        ("kernelspec: {", "kernelspec: {{", r"tiny\.md: .*; mend the YAML"),
    ],
)
def test_what_breaks_a_rule_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TINY
    with pytest.raises(MasterError, match=message):
        read(tmp_path, TINY.replace(old, new))


def with_limits(text: str) -> str:
    return TINY.replace("---\n", f"---\nlimits: {text}\n", 1)


def test_limits_of_the_front_matter_are_those_of_the_engine(tmp_path: Path) -> None:
    assert read(tmp_path, TINY).limits == {}
    given = "{wall: 90, cell: 40, cpu: 60, memory: 3 GiB, processes: 8, file_size: 512 KiB, output: 16 KiB}"
    assert read(tmp_path, with_limits(given)).limits == {
        "seconds": 90,
        "cell_seconds": 40,
        "test_seconds": 40,
        "cpu_seconds": 60,
        "memory": 3 * 1024**3,
        "processes": 8,
        "file_size": 512 * 1024,
        "output": 16 * 1024,
    }
    assert read(tmp_path, with_limits("{wall: 90}")).hash != read(tmp_path, TINY).hash


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[90]", "must be a mapping"),
        ("90", "must be a mapping"),
        ("{time: 90}", "'time' is no limit; choose from: wall, cell, cpu, memory"),
        ("{wall: 0}", "wall: 0 is out of range; write 1 to 3600"),
        ("{wall: ninety}", "wall: 'ninety' is no whole number; write one, such as 'wall: 60'"),
        ("{wall: 1.5}", "is no whole number"),
        ("{wall: yes}", "is no whole number"),
        ("{memory: 512}", "memory: 512 is no size; write a whole number with its unit, such as 'memory: 512 MiB'"),
        ("{memory: 1 MiB}", "memory: 1 MiB is out of range; write 64 MiB to 64 GiB"),
        ("{output: 1 GB}", "is no size"),
        ("{processes: -1}", "out of range"),
    ],
)
def test_limits_that_make_no_sense_are_refused_with_their_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(MasterError, match="front matter, limits: ") as refused:
        read(tmp_path, with_limits(text))
    assert said in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / "tiny.md"))
