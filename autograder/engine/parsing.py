"""Parsing Python source from any thread: in Python 3.11, `ast.parse` in two threads at once may fail with a SystemError (gh-106905)."""

from __future__ import annotations

import ast
import threading

_ONE = threading.Lock()


def parse(source: str, filename: str = "<unknown>") -> ast.Module:
    """`ast.parse`, one thread at a time."""
    with _ONE:
        return ast.parse(source, filename)
