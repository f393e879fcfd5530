"""Running a notebook cell without Jupyter: output captured, the last expression shown, magics ignored but for the code they measure."""

from __future__ import annotations

import ast
import functools
import linecache
import re
import types
from typing import Any

MAGIC = re.compile(r"^[ \t]*[%!?]|\?[ \t]*$|=[ \t]*[%!]", re.MULTILINE)
# Magics that run the code after them as it stands, for its time or its output.
WHOLE = re.compile(r"\A\s*%%(?:time|capture|prun)\b[^\n]*")
LINE = re.compile(r"^([ \t]*)%time[ \t]+(?=\S)", re.MULTILINE)
NOTE = "\n[output truncated]\n"


class Capture:
    """What was printed, in order, up to a cap; printing more costs no memory."""

    def __init__(self, limit: int) -> None:
        self.limit, self.size = limit, 0
        self.parts: list[tuple[str, str]] = []

    def stream(self, name: str) -> Stream:
        return Stream(self, name)

    def add(self, name: str, text: str) -> None:
        if self.size > self.limit:
            return
        self.size += len(text)
        if self.size > self.limit:
            text = text[: max(0, len(text) - (self.size - self.limit))] + NOTE
        if self.parts and self.parts[-1][0] == name:
            self.parts[-1] = (name, self.parts[-1][1] + text)
        else:
            self.parts.append((name, text))

    def take(self) -> list[tuple[str, str]]:
        parts, self.parts, self.size = self.parts, [], 0
        return parts


class Stream:
    """Enough of a text file to stand in for `sys.stdout`."""

    encoding, errors, closed = "utf-8", "replace", False

    def __init__(self, capture: Capture, name: str) -> None:
        self._capture, self.name = capture, name

    def write(self, text: str) -> int:
        self._capture.add(self.name, str(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False


class _NoIPython:
    """What `get_ipython()` gives: magics and shell commands do nothing here."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


class Shell:
    """A namespace that cells run in."""

    def __init__(self, namespace: dict[str, Any], capture: Capture) -> None:
        self.namespace, self.capture = namespace, capture
        ipython = _NoIPython()
        namespace |= {"__name__": "__main__", "get_ipython": lambda: ipython, "display": self._display}

    def _display(self, *values: Any, **options: Any) -> None:
        for value in values:
            self.capture.add("stdout", f"{value!r}\n")

    def run(self, source: str, filename: str) -> str | None:
        """Run a cell; the text of its last expression, if it has a value. This module's own `from __future__` is not the cell's."""
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        tree = ast.parse(python(source), filename)
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr):
            tree.body.pop()
        exec(compile(tree, filename, "exec", dont_inherit=True), self.namespace)
        if not isinstance(last, ast.Expr):
            return None
        value = eval(compile(ast.Expression(last.value), filename, "eval", dont_inherit=True), self.namespace)
        if value is None or source.rstrip().endswith(";"):
            return None
        return repr(value)[: self.capture.limit]


def python(source: str) -> str:
    """Notebook source as Python: what only measures code runs that code, all other magics become calls that do nothing here.

    IPython may take minutes over a cell that was written to that end, so this runs where the cell runs, under its limits.
    """
    if not MAGIC.search(source):
        return source
    source = WHOLE.sub(lambda found: "\n" * found[0].count("\n"), LINE.sub(r"\1", source))
    try:
        return str(_transformer().transform_cell(source))
    except Exception:
        return source  # its syntax error is the learner's to see


@functools.lru_cache(maxsize=1)
def _transformer() -> Any:
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager()


def defined(source: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """The functions and classes that a given cell defined at its top level, or imported from the course's own package."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return {}
    names: list[str] = []
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.ImportFrom):
            names += [alias.asname or alias.name for alias in node.names]
    found = {name: namespace[name] for name in names if name in namespace}
    return {name: item for name, item in found.items() if _is_ours(item)}


def _is_ours(item: Any) -> bool:
    module = str(getattr(item, "__module__", ""))
    return isinstance(item, (type, types.FunctionType)) and (module == "__main__" or module.split(".")[0] == "book")
