"""Wrong solutions, variants and rewritten wrong solutions: the decorators authors write, and how a file of them is read.

The files are read as source, never imported: a solution stands in a notebook as text, with the names the notebook has.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from autograder.engine.parsing import parse

T = TypeVar("T")
KEYWORDS = {"wrong": ({"caught_by", "section", "misconception"}, {"also"}), "variant": ({"why"}, set()), "rewritten": ({"of"}, set())}


def wrong(
    target: str, *, caught_by: str, section: str, misconception: str, also: tuple[str, ...] = ()
) -> Callable[[T], T]:
    """Mark a function or class as a wrong form of `target`.

    `caught_by` is the test cell that must fail, `also` those that may, `section` the chapter's label to reread.
    """
    return lambda solution: solution


def variant(target: str, *, why: str) -> Callable[[T], T]:
    """Mark a function or class as a right form of `target` that every test must pass."""
    return lambda solution: solution


def rewritten(target: str, *, of: str) -> Callable[[T], T]:
    """Mark a function or class as the wrong solution `of` in other words, to measure whether diagnosis still names it."""
    return lambda solution: solution


@dataclass(frozen=True)
class Alternative:
    """One entry of `wrong.py`, `variants.py` or `rewritten.py`: source text which replaces the definition of `target`."""

    name: str
    target: str
    source: str
    path: Path
    line: int
    misconception: str = ""
    section: str = ""
    caught_by: str = ""
    also: tuple[str, ...] = ()
    why: str = ""
    of: str = ""


class CatalogueError(ValueError):
    """A `wrong.py` or `variants.py` that can't be read; the text names file, line and mend."""


def read_alternatives(path: Path, kind: str) -> list[Alternative]:
    """The entries of a file whose definitions carry `@wrong`, `@variant` or `@rewritten` (`kind`), in order; [] if it doesn't exist."""
    if not path.exists():
        return []
    text = path.read_text()
    try:
        tree = parse(text, str(path))
    except SyntaxError as error:
        raise CatalogueError(f"{path}:{error.lineno}: {error.msg}; mend the syntax") from error
    lines = text.splitlines()
    return [
        _entry(node, decorator, lines, path, kind)
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == kind
    ]


def read_equivalents(path: Path) -> dict[str, dict[tuple[str, str], str]]:
    """The mutants listed as equivalent to the reference: for each task (line, change) → reason; {} if there is no file.

    The file maps each task to a list of `{reason, mutants}`, where `mutants` maps a source line of the reference to the changes to it.
    """
    if not path.exists():
        return {}
    found: dict[str, dict[tuple[str, str], str]] = {}
    try:
        for task, entries in (yaml.safe_load(path.read_text()) or {}).items():
            for entry in entries:
                reason = str(entry["reason"]).strip()
                if not reason:
                    raise KeyError("reason")
                for line, changes in entry["mutants"].items():
                    found.setdefault(task, {}).update({(str(line), str(change)): reason for change in changes})
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise CatalogueError(f"{path}:1: each task takes a list of {{reason: ..., mutants: {{line: [changes]}}}}: {error}") from error
    return found


def _entry(node: ast.FunctionDef | ast.ClassDef, decorator: ast.Call, lines: list[str], path: Path, kind: str) -> Alternative:
    try:
        values: dict[str, Any] = {str(k.arg): ast.literal_eval(k.value) for k in decorator.keywords}
        target = ast.literal_eval(decorator.args[0])
    except (ValueError, IndexError) as error:
        message = "the decorator takes the target's name and plain literals only; write each as a string"
        raise CatalogueError(f"{path}:{decorator.lineno}: {message}") from error
    needed, possible = KEYWORDS[kind]
    if wanting := needed - set(values):
        raise CatalogueError(f"{path}:{decorator.lineno}: @{kind} of {node.name} lacks {', '.join(sorted(wanting))}; add it")
    if unknown := set(values) - needed - possible:
        mend = f"it takes {', '.join(sorted(needed | possible))}"
        raise CatalogueError(f"{path}:{decorator.lineno}: @{kind} of {node.name} has {', '.join(sorted(unknown))}; {mend}")
    others = [d for d in node.decorator_list if d is not decorator]
    first = min([node.lineno, *(d.lineno for d in others)])
    source = _rename(node, first, lines[first - 1 : node.end_lineno], target)
    return Alternative(node.name, target, source, path, node.lineno, **values)


def _rename(node: ast.FunctionDef | ast.ClassDef, first: int, lines: list[str], new: str) -> str:
    """The definition, whose lines begin with line `first`, under the name of what it replaces; uses of its own name (recursion) follow."""
    old, rows = node.name.encode(), [line.encode() for line in lines]
    spots = {(n.lineno - first, n.col_offset) for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == node.name}
    spots.add((node.lineno - first, rows[node.lineno - first].index(old, node.col_offset + 4)))
    for row, column in sorted(spots, reverse=True):
        if row >= 0:  # not in the decorator, which is left out
            rows[row] = rows[row][:column] + new.encode() + rows[row][column + len(old) :]
    return b"\n".join(rows).decode()


def replace_definition(cell_source: str, alternative: Alternative) -> str:
    """The solution cell with the top-level definition of the target replaced by the alternative's."""
    for node in parse(cell_source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == alternative.target:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            lines = cell_source.splitlines()
            return "\n".join([*lines[: first - 1], alternative.source, *lines[node.end_lineno :]])
    where = f"{alternative.path}:{alternative.line}"
    raise CatalogueError(f"{where}: no solution cell defines {alternative.target!r}; name the function or class it replaces")


def defined_names(cell_source: str) -> list[str]:
    """The functions and classes that a solution cell defines at its top level."""
    return [n.name for n in parse(cell_source).body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
