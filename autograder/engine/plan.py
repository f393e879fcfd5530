"""What will run, in which order: everything from the master, except the text of solution cells and extra cells."""

from __future__ import annotations

import ast
import functools
import marshal
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from autograder.engine.intake import SubmittedCell
from autograder.engine.libraries import imported, wanted
from autograder.engine.parsing import parse

BEGIN, END = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"


@dataclass(frozen=True)
class Step:
    """One cell to run. `kind` says in which process: given in both, solution and extra in the learner's, test in the other."""

    kind: Literal["given", "solution", "extra", "test"]
    grade_id: str
    identity: str
    source: str


@dataclass
class Plan:
    """All steps of one submission, and what was remarkable about it."""

    steps: list[Step] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    libraries: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TestCell:
    """All that the tests' process needs to know about a test cell."""

    name: str
    source: str
    hidden: list[tuple[int, int]]
    uses: list[str]
    rules: dict[str, Any]

    @functools.cached_property
    def code(self) -> bytes:
        """The source, compiled once for all submissions (`marshal`)."""
        return marshal.dumps(compile(parse(self.source), f"<{self.name}>", "exec", dont_inherit=True))

    @functools.cached_property
    def visible(self) -> TestCell:
        """The part before the hidden tests."""
        end = self.hidden[0][0] - 1 if self.hidden else None
        return replace(self, source="\n".join(self.source.splitlines()[:end]), hidden=[])


@dataclass(frozen=True)
class Blueprint:
    """What a master, whose hash is `master`, fixes for all its submissions."""

    master: str
    cells: list[Step]
    expects: dict[str, tuple[list[str], list[str]]]
    tests: dict[str, TestCell]
    identities: dict[str, str]
    released: dict[str, str]
    libraries: frozenset[str] = frozenset()
    limits: dict[str, int] = field(default_factory=dict)


def blueprint(assignment: Any) -> Blueprint:
    """Read a master's notebook once."""
    solutions = {task.solution_id for task in assignment.tasks}
    tests = {task.test_id: task for task in assignment.tasks}
    cells, expects, test_cells, identities, released = [], {}, {}, {}, {}
    for cell in assignment.notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id is not None:
            identities[cell.id] = grade_id
        if cell.cell_type != "code":
            continue
        name, source = grade_id or cell.id, cell.source
        if grade_id in solutions:
            cells.append(Step("solution", name, name, source))
            expects[name] = _expected(source)
        elif grade_id in tests:
            cells.append(Step("test", name, name, source))
            test_cells[name] = TestCell(name, source, _hidden_lines(source), sorted(_names(source)), _rules(assignment, tests[name]))
        elif cell.metadata.get("nbgrader", {}).get("locked"):
            cells.append(Step("given", name, name, source))
        if grade_id is not None:
            released[grade_id] = without_hidden(source)
    libraries = imported(step.source for step in cells)
    return Blueprint(assignment.hash, cells, expects, test_cells, identities, released, libraries, assignment.limits)


def plan_sources(print_: Blueprint, sources: Mapping[str, str]) -> Plan:
    """A plan straight from the text of solution cells; one that is left out counts as missing."""
    plan = Plan()
    for cell in print_.cells:
        if cell.kind != "solution":
            plan.steps.append(cell)
        elif cell.grade_id in sources:
            plan.steps.append(Step("solution", cell.grade_id, cell.grade_id, sources[cell.grade_id]))
        else:
            plan.missing.add(cell.grade_id)
    plan.libraries = wanted(print_.libraries, sources.values())
    return plan


def plan_submission(print_: Blueprint, cells: list[SubmittedCell]) -> Plan:
    """A plan from a submitted notebook. Extra code cells run after the cell they follow in the notebook."""
    plan = Plan()
    known = set(print_.identities.values())
    steps = {step.grade_id for step in print_.cells}
    solutions = {cell.grade_id for cell in print_.cells if cell.kind == "solution"}
    found: dict[str, list[SubmittedCell]] = {}
    extras: dict[str | None, list[Step]] = {}
    anchor: str | None = None
    for position, cell in enumerate(cells):
        name = cell.grade_id if cell.grade_id in known else None
        if name is None and cell.identity in print_.identities and cell.kind != "code":
            name = print_.identities[cell.identity]
        if name is not None:
            found.setdefault(name, []).append(cell)
            anchor = name if name in steps else anchor  # a Markdown cell has no step to follow
        elif cell.kind == "code" and cell.source.strip():
            extras.setdefault(anchor, []).append(Step("extra", f"extra-{position}", f"extra-{position}", cell.source))
    plan.steps += extras.pop(None, [])
    for step in print_.cells:
        copies = found.get(step.grade_id, [])
        if step.kind == "solution":
            plan.steps += _solution_steps(plan, step.grade_id, copies)
        else:
            plan.steps.append(step)
        plan.steps += extras.pop(step.grade_id, [])
    plan.libraries = wanted(print_.libraries, (step.source for step in plan.steps if step.kind in ("solution", "extra")))
    plan.problems += _altered(print_, found)
    order = [name for name in found if name in solutions]
    if order != [c.grade_id for c in print_.cells if c.grade_id in order]:
        plan.problems.append("cells were moved; they were run in the assignment's order")
    return plan


def _solution_steps(plan: Plan, name: str, copies: list[SubmittedCell]) -> list[Step]:
    if not copies:
        plan.missing.add(name)
        plan.problems.append(f"the solution cell {name!r} is missing")
        return []
    if len(copies) > 1:
        plan.problems.append(f"the solution cell {name!r} is there {len(copies)} times; all were run, in order")
    if any(copy.kind != "code" for copy in copies):
        plan.problems.append(f"the solution cell {name!r} is not a code cell any more; it was run as one")
    return [Step("solution", name, name if n == 0 else f"{name}-{n + 1}", copy.source) for n, copy in enumerate(copies)]


def _altered(print_: Blueprint, found: dict[str, list[SubmittedCell]]) -> list[str]:
    """Remarks on given cells and test cells that are not as they were released; they play no part."""
    fixed = [cell.grade_id for cell in print_.cells if cell.kind != "solution" and cell.grade_id in print_.released]
    missing = [name for name in fixed if name not in found]
    changed = [name for name in fixed if any(_differs(copy, print_.released[name]) for copy in found.get(name, []))]
    return [
        f"{what}, so the originals were used: {', '.join(names)}"
        for what, names in (("given or test cells are missing", missing), ("given or test cells were changed", changed))
        if names
    ]


def _differs(copy: SubmittedCell, released: str) -> bool:
    return " ".join(without_hidden(copy.source).split()) != " ".join(released.split())


def without_hidden(source: str) -> str:
    """The source without its hidden tests. A learner's cell passes through here too, so the time is linear, whatever it holds."""
    parts: list[str] = []
    position = 0
    while True:
        begin = source.find(BEGIN, position)
        end = source.find(END, begin) if begin >= 0 else -1
        if end < 0:
            return "".join([*parts, source[position:]])
        parts.append(source[position:begin])
        position = end + len(END)


def _expected(source: str) -> tuple[list[str], list[str]]:
    """The functions and classes, and the other names, that a solution cell defines at its top level."""
    functions, values = [], []
    for node in parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            functions.append(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            values += [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
    return functions, [name for name in values if name not in functions]


def _rules(assignment: Any, task: Any) -> dict[str, Any]:
    """What the tests of one task may do with its functions and classes."""
    rules: dict[str, Any] = {"parameters": {}, "methods": {}, "open": []}
    rules["inplace"] = {k: list(v) for k, v in task.inplace.items()}
    rules["attributes"] = {k: list(v) for k, v in task.attributes.items()}
    for cell in assignment.notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == task.solution_id:
            _signatures(cell.source, rules)
    return rules


def _signatures(source: str, rules: dict[str, Any]) -> None:
    for node in parse(source).body:
        if isinstance(node, ast.FunctionDef):
            rules["parameters"][node.name] = _parameters(node)
        elif isinstance(node, ast.ClassDef):
            methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
            aliases = [t.id for n in node.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)]
            generated = ["__eq__"] if node.decorator_list else []  # as dataclasses have
            rules["methods"][node.name] = [m.name for m in methods] + aliases + generated
            if node.bases or node.keywords:
                rules["open"].append(node.name)
            for method in methods:
                static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in method.decorator_list)
                names = _parameters(method)[0 if static else 1 :]
                rules["parameters"][f"{node.name}.{method.name}"] = names
                if method.name == "__init__":
                    rules["parameters"][node.name] = names


def _parameters(node: ast.FunctionDef) -> list[str]:
    names = [a.arg for a in [*node.args.posonlyargs, *node.args.args]]
    return [*names, node.args.vararg.arg] if node.args.vararg else names


def _hidden_lines(source: str) -> list[tuple[int, int]]:
    ranges, start = [], None
    for number, line in enumerate(source.splitlines(), 1):
        if "### BEGIN HIDDEN TESTS" in line:
            start = number
        elif "### END HIDDEN TESTS" in line and start is not None:
            ranges.append((start, number))
            start = None
    return ranges if start is None else [*ranges, (start, 1 << 30)]


def _names(source: str) -> set[str]:
    return {n.id for n in ast.walk(parse(source)) if isinstance(n, ast.Name)}
