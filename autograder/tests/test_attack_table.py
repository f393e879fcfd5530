"""The attack table: what nbgrader's own executor does with an attack, behind walls, and how the rows are summed up."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from autograder.attacks import Attack, corpus
from autograder.attacks.control import Control, control, empty_class, require_walls
from autograder.attacks.measure import families, measured, totals
from autograder.attacks.trial import victim
from autograder.cli import main
from autograder.course import Course
from autograder.tests.conftest import CHECKOUT

BUILTIN = {a.name: a for a in corpus()}
ESCAPES = """
import autograder, os, pathlib, socket
for path in ('/escaped', '/usr/escaped', '/var/tmp/escaped', autograder.__file__):
    try: pathlib.Path(path).write_text('x'); print('SECRET' + '_ORACLE')
    except OSError: pass
if [n for _, n in socket.if_nameindex() if n != 'lo']: print('SECRET' + '_ORACLE')
if len([p for p in os.listdir('/proc') if p.isdigit()]) > 12: print('SECRET' + '_ORACLE')
"""


@pytest.fixture(scope="module")
def template() -> object:
    require_walls()
    with empty_class(Course(CHECKOUT)) as root:
        yield root


def test_nbgrader_gives_an_honest_mark_and_the_neighbour_all(template: Path) -> None:
    found = control(Attack("no attack"), template)
    assert found == Control(1.0, victim().points, shown=False)
    assert found.effects(1.0) == []


def test_nbgrader_is_fooled_and_stopped_where_the_table_says_so(template: Path) -> None:
    assert "unearned marks" in control(BUILTIN["an object that agrees with everything"], template).effects(1.0)
    killed = control(BUILTIN["kills everything"], template)
    assert killed.effects(1.0) == ["nbgrader stopped", "an honest student not graded"]


def test_the_walls_around_nbgrader_hold(template: Path) -> None:
    found = control(Attack("escapes", ESCAPES), template)
    assert (found.score, found.shown) == (1.0, False)
    assert not Path("/escaped").exists()


def test_effects_are_what_differs_from_an_honest_class() -> None:
    points = victim().points
    assert Control(0.0, points, False).effects(1.0) == []
    assert Control(2.0, points, True).effects(1.0) == ["unearned marks", "reached what it must not"]
    assert Control(1.0, points - 1, False).effects(1.0) == ["an honest student lost marks"]


def test_every_family_the_course_promises_is_in_the_corpus() -> None:
    found = families()
    assert sum(found.values()) == len(corpus()) >= 60
    assert all(count >= 3 for count in found.values())
    promised = (
        "assertion helpers", "hooks", "forged", "frame", "reading", "rebinding", "metadata", "processes", "memory", "network", "links",
        "shadowing", "exception",
    )  # fmt: skip
    assert [word for word in promised if not any(word in family.lower() for family in found)] == []


def test_rows_are_summed_up_by_family() -> None:
    attacks = [a for a in corpus() if a.family.startswith("Network")][:2]
    figures = measured(Course(CHECKOUT), attacks, nbgrader=False)
    assert figures["level"]
    assert [row["not_run"] for row in figures["attacks"]] == ["not asked for"] * 2
    rows = [dict(figures["attacks"][0], effects=["unearned marks"], not_run=""), dict(figures["attacks"][1], broken=["scored 4, not 1"])]
    assert totals(rows) == [("Network", 2, 1, 1, 1)]


def test_an_unknown_family_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)
    done = CliRunner().invoke(main, ["attacks", "--family", "poetry"])
    assert done.exit_code == 1
    assert "Network" in done.output
