"""Every attack of the corpus, tried on the engine: no unearned mark, nothing shown, the next submission unharmed."""

from __future__ import annotations

import atexit
import contextlib
import functools
import subprocess
import sys
from collections.abc import Iterator

import pytest

from autograder.attacks import HONEST, Attack, corpus
from autograder.attacks.trial import LIMITS, attempt, handed_in, honest, payload, victim
from autograder.engine import Engine
from autograder.engine.engine import usable_cores

FAMILIES = 13  # that the corpus must cover; it has one more, on what instructors open


@functools.lru_cache(maxsize=1)
def engine() -> Engine:
    made: Engine = Engine(LIMITS)
    made.__enter__()
    atexit.register(made.__exit__)
    return made


@pytest.mark.parametrize("attack", corpus(), ids=lambda a: a.name)
def test_an_attack_earns_shows_and_harms_nothing(attack: Attack) -> None:
    assert attempt(attack, engine()).broken == []


def test_the_corpus_is_broad_and_its_names_are_unique() -> None:
    attacks = corpus()
    assert len(attacks) >= 60
    assert len({a.name for a in attacks}) == len(attacks)
    assert len({a.family for a in attacks}) > FAMILIES
    assert all(a.expected in (0.0, HONEST) for a in attacks)


def test_the_victim_can_be_solved_and_is_not_solved_by_what_attackers_hand_in() -> None:
    assert engine().grade(victim(), honest()).score == victim().points == 9
    plain = attempt(Attack("no attack"), engine())
    assert (plain.score, plain.broken) == (HONEST, [])


def test_an_attack_that_works_is_noticed() -> None:
    """The judge of attacks is not blind: an honest square, and a secret in the output, both count as broken."""
    earned = attempt(Attack("earns", "def square(x): return x * x"), engine())
    assert earned.broken == ["scored 4, not 1"]
    shown = attempt(Attack("shows", "print('SECRET' + '_ORACLE')"), engine())
    assert shown.broken == ["'SECRET_ORACLE' was shown"]
    assert handed_in({}, "x = 1")["cells"][2]["source"] == "x = 1"


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Others want the whole machine twice over."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * usable_cores())]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


@pytest.mark.parametrize("name", ["a fork bomb", "a thread bomb", "memory by many processes", "a full disk"])
def test_who_is_graded_at_the_same_time_on_a_busy_machine_loses_nothing(name: str) -> None:
    (attack,) = (a for a in corpus() if a.name == name)
    jobs = [payload(attack), *[honest() + b" " * n for n in range(6)]]
    with busy():
        grades = dict(engine().grade_many([(victim(), content) for content in jobs], workers=2))
    assert [grades[n].score for n in range(len(jobs))] == [attack.expected, *[victim().points] * 6]
    assert not any(grade.infrastructure_error for grade in grades.values())
