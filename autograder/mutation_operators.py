"""The mutation operators: each takes one node of a reference's syntax tree and yields small wrong replacements for it.

The families follow mutmut, cosmic-ray and mutatest (operators, comparisons, conditions, constants, statements, loops) and add
what numerical code gets wrong: axes, dropped keyword arguments, relatives of a function, gradients that flow where they should not.
"""

from __future__ import annotations

import ast
import copy
import importlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Replacement = ast.AST | list[ast.stmt]
Operator = Callable[[Any], Iterable[Replacement]]

TINY = 1e-3  # a positive constant below it is an epsilon or a tolerance
AXES = {"axis", "dim", "axis1", "axis2"}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd,
}  # fmt: skip
COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # fmt: skip
RELATIVES = {
    "min": ["max"], "max": ["min"], "minimum": ["maximum"], "maximum": ["minimum"], "amin": ["amax"], "amax": ["amin"],
    "argmin": ["argmax"], "argmax": ["argmin"], "floor": ["ceil", "round"], "ceil": ["floor", "round"],
    "round": ["floor", "ceil", "trunc"], "rint": ["floor", "ceil", "trunc"], "trunc": ["floor", "round"], "sum": ["mean"],
    "mean": ["sum"], "std": ["var"], "var": ["std"], "any": ["all"], "all": ["any"], "zeros": ["ones"], "ones": ["zeros"],
    "zeros_like": ["ones_like"], "ones_like": ["zeros_like"], "exp": ["expm1"], "expm1": ["exp"], "log": ["log2", "log1p"],
    "log1p": ["log"], "sqrt": ["square"], "tril": ["triu"], "triu": ["tril"], "softmax": ["log_softmax"], "log_softmax": ["softmax"],
    "isfinite": ["isnan"], "isnan": ["isfinite"], "cat": ["stack"], "stack": ["concatenate"], "float64": ["float32"],
    "float32": ["float64"], "int8": ["uint8"], "uint8": ["int8"], "int64": ["int32"], "array": ["asarray"], "sin": ["cos"], "cos": ["sin"],
}  # fmt: skip
MODULES = {"np": "numpy", "torch": "torch", "math": "math", "F": "torch.nn.functional"}
SYMMETRIC = {"minimum", "maximum", "min", "max", "isclose", "allclose", "transpose", "swapaxes"}  # swapped arguments change nothing
FIXED = SYMMETRIC | {"where", "zip", "isinstance", "range", "clip", "clamp"}  # or nothing that anybody would write
WRAPPERS = {"abs", "float", "int", "bool", "min", "max", "reversed", "sorted", "list", "tuple", "set"}
GRADIENT = {"detach", "no_grad", "inference_mode"}


def _attribute(call: ast.expr) -> str:
    """The last part of a function's name: `where` for `np.where`."""
    return call.attr if isinstance(call, ast.Attribute) else call.id if isinstance(call, ast.Name) else ""


def _changed(node: ast.AST, **fields: Any) -> Any:
    """A copy of a node with some fields replaced."""
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _constant(value: Any) -> ast.expr:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def _off_by_one(node: ast.expr) -> list[ast.expr]:
    """One more and one less; nothing where a literal stands, which `constant` changes."""
    literal = isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)) and number(node.right) is not None
    if literal or number(node) is not None:
        return []
    return [ast.BinOp(node, operator, ast.Constant(1)) for operator in (ast.Add(), ast.Sub())]


def number(node: ast.AST) -> int | float | None:
    """The value of a number literal with its sign, else None."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = number(node.operand)
        return None if value is None else -value
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return node.value
    return None


def arithmetic(node: ast.AST) -> Iterator[Replacement]:
    """Another operator, an operand dropped, operands swapped; `+=` becomes `-=` or `=`."""
    if isinstance(node, ast.AugAssign):
        if type(node.op) in ARITHMETIC:
            yield _changed(node, op=ARITHMETIC[type(node.op)]())
        yield ast.copy_location(ast.Assign([node.target], node.value), node)
    if not isinstance(node, ast.BinOp):
        return
    if type(node.op) in ARITHMETIC:
        yield _changed(node, op=ARITHMETIC[type(node.op)]())
    yield node.left
    if isinstance(node.op, (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr, ast.MatMult)):
        yield node.right
    if isinstance(node.op, (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.MatMult)):
        yield _changed(node, left=node.right, right=node.left)


def comparison(node: ast.AST) -> Iterator[Replacement]:
    """The boundary moved, the direction turned round, a link of a chain dropped."""
    if not isinstance(node, ast.Compare):
        return
    for i, op in enumerate(node.ops):
        for other in COMPARISONS.get(type(op), ()):
            yield _changed(node, ops=[*node.ops[:i], other(), *node.ops[i + 1 :]])
    if len(node.ops) > 1:
        yield _changed(node, ops=node.ops[:-1], comparators=node.comparators[:-1])
        yield _changed(node, left=node.comparators[0], ops=node.ops[1:], comparators=node.comparators[1:])


def boolean(node: ast.AST) -> Iterator[Replacement]:
    """`and` for `or`, an operand dropped, a negation dropped, True for False."""
    if isinstance(node, ast.BoolOp):
        yield _changed(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        for i in range(len(node.values)):
            rest = [*node.values[:i], *node.values[i + 1 :]]
            yield rest[0] if len(rest) == 1 else _changed(node, values=rest)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert)):
        yield node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)


def condition(node: ast.AST) -> Iterator[Replacement]:
    """A condition negated; the filter of a comprehension dropped."""
    if isinstance(node, (ast.If, ast.While, ast.IfExp)) and not (isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)):
        yield _changed(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.comprehension) and node.ifs:
        yield _changed(node, ifs=[])


def constant(node: ast.AST) -> Iterator[Replacement]:
    """A number one more, one less, of the other sign, zero; an epsilon dropped or ten times as large."""
    value = number(node)
    if value is None:
        return
    others = [0 * value, -value, 10 * value] if 0 < abs(value) < TINY else [value + 1, value - 1, 0 * value, -value]
    for i, other in enumerate(others):
        if other != value and other not in others[:i]:
            yield _constant(abs(other) if other == 0 else other)


def axis(node: ast.AST) -> Iterator[Replacement]:
    """Another axis; a transposition dropped."""
    if isinstance(node, ast.keyword) and node.arg in AXES and number(node.value) is not None:
        for other in (-2, -1, 0, 1):
            if other != number(node.value):
                yield _changed(node, value=_constant(other))
    elif isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield node.value


def sign(node: ast.AST) -> Iterator[Replacement]:
    """A minus dropped; a result negated."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and number(node) is None:
        yield node.operand
    elif isinstance(node, ast.Return):
        yield from _results(node, lambda value: ast.UnaryOp(ast.USub(), value))


def result(node: ast.AST) -> Iterator[Replacement]:
    """A result multiplied by zero."""
    if isinstance(node, ast.Return):
        yield from _results(node, lambda value: ast.BinOp(value, ast.Mult(), ast.Constant(0)))


def _results(node: ast.Return, change: Callable[[ast.expr], ast.expr]) -> Iterator[ast.Return]:
    """The statement with each of its results changed in turn."""
    value: Any = node.value
    parts = value.elts if isinstance(value, ast.Tuple) else value.values if isinstance(value, ast.Dict) else []
    name = "elts" if isinstance(value, ast.Tuple) else "values"
    for i, part in enumerate(parts):
        if number(part) is None:
            yield _changed(node, value=_changed(value, **{name: [*parts[:i], change(part), *parts[i + 1 :]]}))
    if not parts and value is not None and number(value) is None and not isinstance(value, (ast.Constant, ast.Compare)):
        yield _changed(node, value=change(value))


def keyword(node: ast.AST) -> Iterator[Replacement]:
    """A keyword argument dropped, so that its default applies."""
    if isinstance(node, ast.Call):
        for i, argument in enumerate(node.keywords):
            if argument.arg is not None and argument.arg != "requires_grad":
                yield _changed(node, keywords=[*node.keywords[:i], *node.keywords[i + 1 :]])


def relative(node: ast.AST) -> Iterator[Replacement]:
    """A related function or dtype: minimum for maximum, mean for sum, ceil for floor."""
    if isinstance(node, ast.Attribute):
        module = MODULES.get(node.value.id) if isinstance(node.value, ast.Name) else None
        for other in RELATIVES.get(node.attr, ()):
            if module is None or hasattr(importlib.import_module(module), other):
                yield _changed(node, attr=other)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in ("min", "max", "any", "all"):
        yield _changed(node, id=RELATIVES[node.id][0])


def call(node: ast.AST) -> Iterator[Replacement]:
    """A call dropped, leaving what it was applied to; its arguments swapped; one end of a clamp open."""
    if not isinstance(node, ast.Call) or any(isinstance(a, ast.Starred) for a in node.args):
        return
    name, function = _attribute(node.func), node.func
    on_module = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id in MODULES
    if isinstance(function, ast.Attribute) and not on_module and name not in GRADIENT and not isinstance(function.value, ast.Constant):
        yield function.value
    elif node.args and (on_module or name in WRAPPERS) and name not in ("ones", "zeros", "arange", "full", "finfo"):
        yield node.args[0]
    if name == "where" and len(node.args) == 3:
        yield _changed(node, args=[node.args[0], node.args[2], node.args[1]])
    elif len(node.args) >= 2 and name not in FIXED:
        yield _changed(node, args=[node.args[1], node.args[0], *node.args[2:]])
    if name in ("clip", "clamp"):
        for i in range(len(node.args) - 2, len(node.args)):
            if i >= 0 and (on_module is False or i > 0):
                yield _changed(node, args=[*node.args[:i], ast.Constant(None), *node.args[i + 1 :]])


def gradient(node: ast.AST) -> Iterator[Replacement]:
    """`detach`, `no_grad` or `requires_grad` missing."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "detach":
            yield node.func.value
        for i, argument in enumerate(node.keywords):
            if argument.arg == "requires_grad":
                yield _changed(node, keywords=[*node.keywords[:i], *node.keywords[i + 1 :]])
    elif isinstance(node, ast.With):
        managers = [getattr(item.context_expr, "func", item.context_expr) for item in node.items]
        if any(_attribute(manager) in GRADIENT for manager in managers):
            yield list(node.body)


def bounds(node: ast.AST) -> Iterator[Replacement]:
    """A range, slice or index off by one; a step dropped."""
    if isinstance(node, ast.Call) and _attribute(node.func) == "range":
        for i in range(min(len(node.args), 2)):
            for other in _off_by_one(node.args[i]):
                yield _changed(node, args=[*node.args[:i], other, *node.args[i + 1 :]])
        if len(node.args) == 3:
            yield _changed(node, args=node.args[:2])
    elif isinstance(node, ast.Slice):
        for field in ("lower", "upper"):
            bound = getattr(node, field)
            if bound is not None:
                yield _changed(node, **{field: None})
                yield from (_changed(node, **{field: other}) for other in _off_by_one(bound))
        if node.step is not None:
            yield _changed(node, step=None)
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, (ast.Name, ast.BinOp)) and isinstance(node.ctx, ast.Load):
        yield from (_changed(node, slice=other) for other in _off_by_one(node.slice))


def statement(node: ast.AST) -> Iterator[Replacement]:
    """A statement removed; a loop that never runs; `break` for `continue`. Assignments are removed where the name keeps a value."""
    if isinstance(node, (ast.Expr, ast.Raise, ast.AugAssign, ast.Break, ast.Continue, ast.Delete)) or getattr(node, "removable", False):
        yield ast.Pass()
    if isinstance(node, ast.Break):
        yield ast.Continue()
    elif isinstance(node, ast.Continue):
        yield ast.Break()
    elif isinstance(node, ast.For):
        yield _changed(node, iter=ast.Tuple([], ast.Load()))


OPERATORS: dict[str, Operator] = {
    operator.__name__: operator
    for operator in (
        arithmetic, comparison, boolean, condition, constant, axis, sign, result, keyword, relative, call, gradient, bounds, statement
    )
}  # fmt: skip
