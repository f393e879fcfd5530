"""Whatever a learner's process sends, and whenever: the tests' process ends with a verdict, in time, and it is never a mark."""

from __future__ import annotations

import subprocess
import sys


def test_damaged_swapped_repeated_and_invented_frames_earn_and_break_nothing() -> None:
    """In a process of its own, as it forks: this one may have threads."""
    command = [sys.executable, "-m", "autograder.attacks.conversation", "0", "1500"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    counts, _, verdict = done.stdout.strip().partition("\n")
    assert verdict == "nothing that should not have happened", done.stdout + done.stderr
    assert all(f"'{status}'" in counts for status in ("failed", "error"))
