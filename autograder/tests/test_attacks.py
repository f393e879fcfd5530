"""Every attack of the corpus, tried on the engine: no unearned mark, nothing shown, the next submission unharmed."""

from __future__ import annotations

import atexit
import functools

import pytest

from autograder.attacks import HONEST, Attack, corpus
from autograder.attacks.trial import LIMITS, attempt, handed_in, honest, victim
from autograder.engine import Engine

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
