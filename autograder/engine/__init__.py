"""The grading engine: learner code in a sandbox, tests in a clean process, data between them.

`Engine` is imported on first use: the processes that run learner code import this package too, and need none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autograder.engine.limits import Limits

if TYPE_CHECKING:
    from autograder.engine.engine import Engine

__all__ = ["Engine", "Limits"]


def __getattr__(name: str) -> Any:
    if name == "Engine":
        from autograder.engine.engine import Engine

        return Engine
    raise AttributeError(name)
