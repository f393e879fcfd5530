"""Each mutation operator makes the mistakes it says, nowhere but in the answer, and never code that is the reference again."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from autograder.course import Course
from autograder.master import read_master
from autograder.mutants import mutants_of
from autograder.mutation_operators import OPERATORS

CHECKOUT = Course(Path(__file__).resolve().parents[2])


def changes(body: str, operator: str) -> set[str]:
    """What an operator does to a function's body: the right-hand sides of the descriptions."""
    source = "def f(x, y, i, n):\n" + textwrap.indent(textwrap.dedent(body).strip(), "    ")
    found = [m.change for m in mutants_of(source) if m.operator == operator]
    return {change.split(" → ")[-1].removeprefix("x = ") for change in found}


@pytest.mark.parametrize(
    ("operator", "body", "expected"),
    [
        ("arithmetic", "x = x + y", {"x - y", "x", "y"}),
        ("arithmetic", "x = x - y", {"x + y", "x", "y - x"}),
        ("arithmetic", "x = x @ y", {"x", "y", "y @ x"}),
        ("arithmetic", "x = x ** y", {"x * y", "x"}),
        ("arithmetic", "x *= y", {"x /= y", "y"}),
        ("comparison", "x = y < n", {"y <= n", "y > n"}),
        ("comparison", "x = y is None", {"y is not None"}),
        ("comparison", "x = 0 <= y < n", {"0 < y < n", "0 > y < n", "0 <= y <= n", "0 <= y > n", "0 <= y", "y < n"}),
        ("boolean", "x = y and n", {"y or n", "y", "n"}),
        ("boolean", "x = ~y", {"y"}),
        ("boolean", "x = True", {"False"}),
        ("condition", "if x:\n    y = n", {"if not x:"}),
        ("condition", "x = [v for v in y if v]", {"[v for v in y]"}),
        ("constant", "x = 3", {"4", "2", "0", "-3"}),
        ("constant", "x = y + 1e-8", {"y + 0.0", "y + -1e-08", "y + 1e-07"}),
        ("axis", "x = y.sum(axis=-1)", {"y.sum(axis=-2)", "y.sum(axis=0)", "y.sum(axis=1)"}),
        ("axis", "x = y.T", {"y"}),
        ("sign", "x = -y", {"y"}),
        ("sign", "return x, y", {"return (-x, y)", "return (x, -y)"}),
        ("result", "return x + y", {"return (x + y) * 0"}),
        ("result", "return {'a': x, 'b': 2}", {"return {'a': x * 0, 'b': 2}"}),
        ("keyword", "x = y.sum(axis=0, keepdims=True)", {"y.sum(keepdims=True)", "y.sum(axis=0)"}),
        ("relative", "x = np.maximum(x, y)", {"np.minimum(x, y)"}),
        ("relative", "x = np.sum(y)", {"np.mean(y)"}),
        ("relative", "x = torch.round(y)", {"torch.floor(y)", "torch.ceil(y)", "torch.trunc(y)"}),
        ("relative", "x = max(x, y)", {"min(x, y)"}),
        ("call", "x = y.copy()", {"y"}),
        ("call", "x = np.where(i, x, y)", {"np.where(i, y, x)", "i"}),
        ("call", "x = np.clip(y, i, n)", {"y", "np.clip(y, None, n)", "np.clip(y, i, None)"}),
        ("call", "x = kl(x, y)", {"kl(y, x)"}),
        ("gradient", "x = y.detach()", {"y"}),
        ("gradient", "with torch.no_grad():\n    x = y", {"without with torch.no_grad(): …"}),
        ("gradient", "x = torch.zeros(n, requires_grad=True)", {"torch.zeros(n)"}),
        ("bounds", "x = range(i, n)", {"range(i + 1, n)", "range(i - 1, n)", "range(i, n + 1)", "range(i, n - 1)"}),
        ("bounds", "x = y[i:n:2]", {"y[:n:2]", "y[i + 1:n:2]", "y[i - 1:n:2]", "y[i::2]", "y[i:n + 1:2]", "y[i:n - 1:2]", "y[i:n]"}),
        ("bounds", "x = y[i]", {"y[i + 1]", "y[i - 1]"}),
        ("statement", "x.append(y)", {"without x.append(y)"}),
        ("statement", "x = y", {"without x = y"}),
        ("statement", "z = y", set()),  # without it z has no value: no test is needed to notice
        ("statement", "for v in y:\n    break\n    x = v", {"for v in ():", "without break", "continue"}),
    ],
)
def test_operators(operator: str, body: str, expected: set[str]) -> None:
    assert changes(body, operator) == expected


def test_every_operator_is_tested() -> None:
    (marks,) = [mark for mark in test_operators.pytestmark if mark.name == "parametrize"]  # type: ignore[attr-defined]
    assert {case[0] for case in marks.args[1]} == set(OPERATORS)


CELL = '''
import math


def f(x: int = 3, *, scale=1.0) -> "a + b":
    """A docstring: 1 + 1."""
    given = x + 1
    ### BEGIN SOLUTION
    y: "1 + 1" = x * scale  # the product
    if y < 0:
        raise ValueError(f"{y + 1} is below {0}")
    ### END SOLUTION
    return y + 1
'''


def test_only_the_answer_is_mutated() -> None:
    mutants = mutants_of(CELL)
    assert {mutant.text for mutant in mutants} == {'y: "1 + 1" = x * scale', "if y < 0", 'raise ValueError(f"{y + 1} is below {0}")'}
    assert {m.change for m in mutants if m.operator == "constant"} == {"y < 0 → y < 1", "y < 0 → y < -1"}
    (raised,) = [m for m in mutants if m.text.startswith("raise")]
    assert (raised.operator, raised.line) == ("statement", 11)


def test_mutants_that_compile_to_the_same_code_come_once() -> None:
    changes = [m.change for m in mutants_of("def f(x):\n    return x + (2 - 0)")]  # Python computes 2 - 0 and 2 before it runs them
    assert not any(change.endswith(("x + 2", "2 + 0")) for change in changes)
    sources = [m.source for m in mutants_of("def f(x):\n    return x[1:] + x[:2] + 2 * x")]
    assert len(set(sources)) == len(sources)


def test_equal_changes_of_one_line_are_told_apart() -> None:
    keys = [m.key for m in mutants_of("def f(x):\n    return g(x > 0), g(x > 0)")]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("stem", CHECKOUT.stems)
def test_mutants_of_the_course_have_keys_of_their_own_and_compile(stem: str) -> None:
    assignment = read_master(CHECKOUT.master(stem))
    for task in assignment.tasks:
        mutants = mutants_of(assignment.source(task.solution_id))
        assert len(mutants) > 10
        assert len({mutant.key for mutant in mutants}) == len(mutants)
        for mutant in mutants:
            compile(mutant.source, task.name, "exec")
