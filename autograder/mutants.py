"""Generated mutants: a reference solution with one small mistake each, which its task's tests must notice.

mutmut, cosmic-ray and mutatest mutate modules that an import finds and run a test command for each mutant; a solution is a cell
of a notebook, and a mutant has 60 ms. So the operators are our own, and small; `mutation_operators` says what came from where.
"""

from __future__ import annotations

import ast
import dis
import re
import types
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autograder.mutation_operators import AXES, OPERATORS, Replacement, number

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
COMMENT = re.compile(r"\s+#.*$")
SHORT = 14  # a change to a shorter expression is described with the expression around it


@dataclass(frozen=True)
class Mutant:
    """One mutant of a solution cell.

    `line` is its line in the cell and `text` what stands there; `change` reads `before → after`. Text and change name the mutant
    in `equivalent.yml`, so that a listed mutant is still the same one after harmless edits elsewhere.
    """

    operator: str
    line: int
    text: str
    change: str
    source: str

    @property
    def key(self) -> tuple[str, str]:
        return self.text, self.change


@dataclass(frozen=True)
class _Place:
    """Where a node hangs in the tree: `owner.field`, or its element `index`; `around` is the smallest expression or statement above."""

    node: Any
    owner: ast.AST
    field: str
    index: int | None
    around: ast.AST


def mutants_of(source: str) -> list[Mutant]:
    """All mutants of the solution regions of a cell, in the order of the source.

    Left alone are docstrings, annotations, decorators, the texts of errors and code that is given to the learner. A mutant that compiles to
    the code of the reference or of an earlier mutant is left out.
    """
    tree, lines = ast.parse(source), source.splitlines()
    answer = _answer_lines(lines)
    _mark_removable(tree)
    seen, counts, mutants = {_code(ast.unparse(tree))}, Counter[tuple[str, str]](), []
    for place in _places(tree, tree):
        if place.node.lineno not in answer:
            continue
        for name, operator in OPERATORS.items():
            for replacement in operator(place.node):
                before = ast.unparse(place.around)
                text, change, code = _replaced(tree, place, replacement, before)
                if text is None or code in seen:
                    continue
                seen.add(code)
                key = COMMENT.sub("", lines[place.node.lineno - 1]).strip().removesuffix(":"), change
                counts[key] += 1
                numbered = change if counts[key] == 1 else f"{change} (#{counts[key]})"
                mutants.append(Mutant(name, place.node.lineno, key[0], numbered, text))
    return mutants


def _replaced(tree: ast.Module, place: _Place, new: Replacement, before: str) -> tuple[str | None, str, tuple[Any, ...]]:
    """The cell's source with one node replaced, what changed in words, and the code; the tree is as before afterwards."""
    holder = getattr(place.owner, place.field)
    if place.index is None:
        setattr(place.owner, place.field, new)
    else:
        setattr(place.owner, place.field, [*holder[: place.index], *(new if isinstance(new, list) else [new]), *holder[place.index + 1 :]])
    try:
        text = ast.unparse(tree)
        after = new if place.around is place.node else place.around
        gone = isinstance(after, (ast.Pass, list))
        change = f"without {_first(before)}" if gone else _difference(before, ast.unparse(after))  # type: ignore[arg-type]
        return text, change, _code(text)
    except (SyntaxError, ValueError):  # `break` outside of a loop, say
        return None, "", ()
    finally:
        setattr(place.owner, place.field, holder)


def _places(tree: ast.AST, around: ast.AST) -> Iterator[_Place]:
    """Every node that may be mutated, outermost first."""
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list", "args") and isinstance(tree, (ast.FunctionDef, ast.AnnAssign, ast.arg)):
            continue
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or isinstance(node, (ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop)):
                continue
            if _is_docstring(node) or (isinstance(tree, ast.keyword) and tree.arg in AXES and number(node) is not None):
                continue
            if isinstance(node, ast.comprehension):  # the only node without a position of its own
                node.lineno = node.target.lineno  # type: ignore[attr-defined]
            if hasattr(node, "lineno"):
                own = _describes_itself(node) and (isinstance(node, ast.stmt) or len(ast.unparse(node)) >= SHORT)
                yield _Place(node, tree, field, index, node if own else around)
            if not isinstance(node, ast.Raise) and number(node) is None:
                yield from _places(node, node if _describes_itself(node) else around)


def _describes_itself(node: ast.AST) -> bool:
    return isinstance(node, (ast.stmt, ast.expr)) and not isinstance(node, (ast.Slice, ast.Tuple))


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _answer_lines(lines: list[str]) -> set[int]:
    """The numbers of the lines between the solution markers; all lines if there are none."""
    inside, found = False, set()
    for position, line in enumerate(lines, 1):
        if BEGIN in line or END in line:
            inside = BEGIN in line
        elif inside:
            found.add(position)
    return found or set(range(1, len(lines) + 1))


def _mark_removable(tree: ast.AST) -> None:
    """Mark the assignments without which every name still has a value: an argument's, or another assignment's."""
    stored = Counter(_stored(tree)) + Counter(node.arg for node in ast.walk(tree) if isinstance(node, ast.arg))
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            names = [name for target in node.targets for name in _stored(target)]
            node.removable = all(stored[name] > names.count(name) for name in names)  # type: ignore[attr-defined]


def _stored(tree: ast.AST) -> list[str]:
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]


def _code(source: str) -> tuple[Any, ...]:
    """The instructions that a source compiles to, without lines and without constants that the compiler computed away."""
    return _instructions(compile(source, "mutant", "exec", dont_inherit=True))


def _instructions(code: types.CodeType) -> tuple[Any, ...]:
    return tuple(
        (step.opname, _instructions(step.argval) if isinstance(step.argval, types.CodeType) else repr(step.argval))
        for step in dis.get_instructions(code)
    )


def _first(text: str) -> str:
    """The first line of a statement."""
    first, *rest = text.splitlines()
    return f"{first} …" if rest else first


def _difference(before: str, after: str) -> str:
    """Both as `before → after`, of a statement of many lines only the line that differs."""
    if "\n" in before or "\n" in after:
        pairs = [(b, a) for b, a in zip(before.splitlines(), after.splitlines(), strict=False) if b != a]
        before, after = (part.strip() for part in pairs[0]) if pairs else (_first(before), _first(after))
    return f"{before} → {after}"
