"""What one submission may use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

KIB, MIB, GIB = 1024, 1024**2, 1024**3
UNITS = {"KiB": KIB, "MiB": MIB, "GiB": GIB}
SIZE = re.compile(r"(\d+) (KiB|MiB|GiB)")
# What the front matter of a master may set: its word, the fields of `Limits` that it is, the least and the most, and whether it is a size.
WORDS: dict[str, tuple[tuple[str, ...], int, int, bool]] = {
    "wall": (("seconds",), 1, 3600, False),
    "cell": (("cell_seconds", "test_seconds"), 1, 3600, False),
    "cpu": (("cpu_seconds",), 1, 3600, False),
    "memory": (("memory",), 64 * MIB, 64 * GIB, True),
    "processes": (("processes",), 1, 1024, False),
    "file_size": (("file_size",), 4 * KIB, 4 * GIB, True),
    "output": (("output",), 1 * KIB, 4 * MIB, True),
}

# What Python says where the system refuses one more process or thread. It does not say that there is a limit.
CROWDED = re.compile("Resource temporarily unavailable|can't start new thread")


@dataclass(frozen=True)
class Limits:
    """Limits for one submission; every one is enforced from outside the learner's process.

    `cell_seconds` and `test_seconds` are wall clock for one cell of the learner and one test cell; `seconds` is for the whole
    submission. `memory` is what the learner's processes may use together, above what the interpreter itself holds.
    """

    cell_seconds: float = 20.0
    test_seconds: float = 20.0
    seconds: float = 120.0
    cpu_seconds: int = 120
    memory: int = 2048 * MIB
    processes: int = 64
    file_size: int = 32 * MIB
    disk: int = 64 * MIB
    open_files: int = 256
    output: int = 64 * 1024
    notebook: int = 32 * MIB
    restarts: int = 32


def overrides(given: Any) -> dict[str, int]:
    """The fields of `Limits` that the `limits` of a master's front matter set.

    Raises:
        ValueError: naming the key, what is wrong with it, and what to write instead.
    """
    if not isinstance(given, dict):
        raise ValueError(f"must be a mapping such as {{memory: 512 MiB}}, not {given!r}")
    found: dict[str, int] = {}
    for key, value in given.items():
        if key not in WORDS:
            raise ValueError(f"{key!r} is no limit; choose from: {', '.join(WORDS)}")
        fields, least, most, is_size = WORDS[key]
        found |= dict.fromkeys(fields, _number(key, value, least, most, is_size))
    return found


def _number(key: str, value: Any, least: int, most: int, is_size: bool) -> int:
    size = SIZE.fullmatch(value) if is_size and isinstance(value, str) else None
    if is_size and not size:
        raise ValueError(f"{key}: {value!r} is no size; write a whole number with its unit, such as '{key}: 512 MiB'")
    if not is_size and (isinstance(value, bool) or not isinstance(value, int)):
        raise ValueError(f"{key}: {value!r} is no whole number; write one, such as '{key}: 60'")
    number = int(size[1]) * UNITS[size[2]] if size else int(value)
    if not least <= number <= most:
        raise ValueError(f"{key}: {value} is out of range; write {_written(least, is_size)} to {_written(most, is_size)}")
    return number


def _written(number: int, is_size: bool) -> str:
    unit = next((u for u in reversed(UNITS) if number % UNITS[u] == 0), "KiB") if is_size else ""
    return f"{number // UNITS[unit]} {unit}" if unit else str(number)
