"""A core for each session.

Its two processes take turns, some hundreds of times. On one core a turn costs less than half of what it does between two, each of which
would fall asleep and be woken up again. So a session claims a core for itself, among all that grade on this machine; if none is
left, the system sees to it.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Collection
from contextlib import suppress

NAME = "\0autograder-core-{core}"


class Claim:
    """A claim on a core, good until it is closed. `core` is its number; None if all are taken, or can't be told apart here."""

    def __init__(self) -> None:
        self._name = socket.socket(socket.AF_UNIX)
        cores = list(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        random.shuffle(cores)  # containers do not see each other's claims
        self.core = next(filter(self._take, cores), None)

    def _take(self, core: int) -> bool:
        """Bind to a name that the system knows once, and forgets with its holder."""
        with suppress(OSError):
            self._name.bind(NAME.format(core=core))
            return True
        return False

    def close(self) -> None:
        self._name.close()


def stay_on(cores: Collection[int]) -> None:
    """Keep this process, and what it starts, on these cores."""
    with suppress(OSError):  # if they are no longer ours, anywhere
        os.sched_setaffinity(0, cores)
