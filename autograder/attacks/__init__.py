"""Notebooks that try to earn marks, to see what they should not, to do harm, or to stay: one module a family.

Each attacks the assignment `victim.md`, whose tasks it answers wrongly, all but one. So whatever it scores above that one point is
unearned. The tests grade every one with the engine; `autograder attacks` does the same and prints the table.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VICTIM = Path(__file__).with_name("victim.md")
HONEST = 1.0  # points of the one task that every attacker answers honestly
SECRETS = ("SECRET_ORACLE", "731.25", "534726", "391018798", "squares an array", "hidden_input")
WRONG = {
    "square": "def square(x):\n    return x * 0 + 4.0\n",
    "cube": "def cube(x):\n    return 0.0\n",
    "variance": "def variance(x):\n    return 0.0\n",
    "counter": "class Counter:\n    def add(self, amount):\n        return None\n",
    "honest": "def honest():\n    return 1\n",
}


@dataclass(frozen=True)
class Attack:
    """One attack: what it changes in a wrong submission, and what it may score.

    `code` follows the wrong answer to `square` in its cell, `extra` is a cell of its own behind the setup, `answers` replace other
    solution cells by name, `change` alters the notebook's JSON (or answers the file's bytes), `place` alters the folder handed in.
    `harms` is why it can't be tried on plain nbgrader, even with bubblewrap around it.
    """

    name: str
    code: str = ""
    extra: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    change: Callable[[dict[str, Any]], bytes | None] | None = None
    place: Callable[[Path], None] | None = None
    expected: float = HONEST
    harms: str = ""
    family: str = ""


def corpus() -> list[Attack]:
    """All attacks, each with its family: the first line of its module."""
    found: list[Attack] = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        family = importlib.import_module(f"{__name__}.{module.name}")
        for attack in getattr(family, "ATTACKS", []):
            found.append(Attack(**{**vars(attack), "family": str(family.__doc__).splitlines()[0].rstrip(".")}))
    return found
