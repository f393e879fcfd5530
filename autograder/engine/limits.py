"""What one submission may use."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


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
    restarts: int = 6
