"""The anatomy of an assignment: what each task must tell the learner, and what its tests must have."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from autograder.catalogue import Alternative, CatalogueError, read_alternatives
from autograder.course import Course
from autograder.lint.findings import Finding, left_over
from autograder.lint.labels import lint_links, names
from autograder.lint.page import Block, Page, read_page
from autograder.master import Assignment, Task, read_master
from autograder.refusals import MasterError

EFFORT = re.compile(r"\*Difficulty (\d)/5 · (\d+) minutes · ([\d.]+) points?\*")
TOTAL = re.compile(r"about (\d+) minutes for (\d+) tasks, ([\d.]+) points")
FORBIDDEN = {"open", "globals", "locals", "eval", "exec", "__import__", "sleep", "setattr", "monkeypatch"}
CHECKS = ("check", "check_close", "check_raises", "check_unchanged")
TASKS, MINUTES, LEAST_WRONG, LEAST_VARIANTS = (4, 8), (30, 120), 4, 2
ROUNDED = 5  # minutes by which "about" may differ from the tasks' sum


def lint_assignment(course: Course, stem: str) -> Iterator[Finding]:
    """All findings on the assignment of `stem`."""
    page, chapter = read_page(course.master(stem)), read_page(course.chapter(stem))
    twice = list(_given_twice(page))
    yield from twice
    try:
        assignment = read_master(page.path)
    except MasterError as error:
        if not twice:
            yield _unreadable(page, str(error))
        return
    yield from _whole(assignment, page)
    for task in assignment.tasks:
        yield from _task(page, task, chapter)
    yield from lint_links(course, page)
    yield from _alternatives(course, assignment, chapter)


def _given_twice(page: Page) -> Iterator[Finding]:
    """Cells and functions of one name: a test would meet the other's."""
    cells: dict[str, int] = {}
    functions: dict[str, int] = {}
    for cell in page.of("code"):
        options = cell.options.get("nbgrader") or {}
        if (name := str(options.get("grade_id", ""))) and cells.setdefault(name, cell.line) != cell.line:
            yield Finding(page.path, cell.line, f"a second cell has the grade_id {name!r}, as in line {cells[name]}", "rename one")
        for node in _parsed(cell).body if options.get("solution") else []:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                line = cell.first + node.lineno - 1
                if functions.setdefault(node.name, line) != line:
                    text = f"{node.name} is defined again, as in line {functions[node.name]}"
                    yield Finding(page.path, line, text, "rename one: each task's answer has a name of its own")


def _unreadable(page: Page, message: str) -> Finding:
    """What `read_master` refuses, at the cell that it speaks of."""
    text, _, mend = message.removeprefix(f"{page.path}: ").partition("; ")
    cells = {str((b.options.get("nbgrader") or {}).get("grade_id")): b.line for b in page.of("code")}
    line = next((line for name, line in cells.items() if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)), 1)
    return Finding(page.path, line, text, mend or "mend the cell")


def _parsed(cell: Block) -> ast.Module:
    try:
        return ast.parse(cell.text)
    except SyntaxError:
        return ast.Module([], [])


def _whole(assignment: Assignment, page: Page) -> Iterator[Finding]:
    count = len(assignment.tasks)
    if not page.title:
        yield Finding(page.path, 1, "no title", "begin the text with a line '# The title: assignment'")
    if not TASKS[0] <= count <= TASKS[1]:
        mend = f"{TASKS[0]} to {TASKS[1]} make an assignment: pairs of a solution cell <name> and a cell test_<name>"
        yield Finding(page.path, 1, f"{count} tasks", mend)
    minutes = sum(int(match[2]) for block in page.of("text") for match in EFFORT.finditer(block.text))
    if not MINUTES[0] <= minutes <= MINUTES[1]:
        mend = f"{MINUTES[0]} to {MINUTES[1]} are meant: add or split tasks, or say how long each takes"
        yield Finding(page.path, 1, f"the tasks take {minutes} minutes together", mend)
    points = sum(task.points for task in assignment.tasks)
    for block in page.of("text"):
        for stated in TOTAL.finditer(block.text):
            if abs(int(stated[1]) - minutes) > ROUNDED or (int(stated[2]), float(stated[3])) != (count, points):
                text = f"it says {stated[0]!r}, the tasks make {minutes} minutes, {count} tasks and {points:g} points"
                yield Finding(page.path, block.line, text, f"write 'about {minutes} minutes for {count} tasks, {points:g} points'")
    yield from left_over(page.path, page.path.read_text().splitlines())


def _task(page: Page, task: Task, chapter: Page) -> Iterator[Finding]:
    cells = {str((b.options.get("nbgrader") or {}).get("grade_id")): b for b in page.of("code")}
    solution, test = cells[task.solution_id], cells[task.test_id]
    before = [b for b in page.blocks if b.line < solution.line]
    previous = max((b.line for b in before if b.kind == "code" and _is_task(b)), default=0)
    prose = [b for b in before if b.line > previous]
    yield from _effort(page, task, prose, solution)
    yield from _links(page, task, prose, solution, chapter)
    yield from _docstrings(page, solution)
    yield from _tests(page, task, test)


def _is_task(cell: Block) -> bool:
    nbgrader = cell.options.get("nbgrader") or {}
    return bool(nbgrader.get("solution") or nbgrader.get("grade"))


def _effort(page: Page, task: Task, prose: list[Block], solution: Block) -> Iterator[Finding]:
    stated = [(b, match) for b in prose for match in EFFORT.finditer(b.text)]
    if not stated:
        mend = f"put a line '*Difficulty 2/5 · 10 minutes · {task.points:g} points*' above its solution cell"
        yield Finding(page.path, solution.line, f"task {task.name} states no difficulty, minutes and points", mend)
    for block, match in stated:
        if float(match[3]) != task.points:
            text = f"task {task.name} says {match[3]} points, its test has {task.points:g}"
            yield Finding(page.path, block.line, text, f"write {task.points:g} points, or points: {match[3]} in the cell {task.test_id}")


def _links(page: Page, task: Task, prose: list[Block], solution: Block, chapter: Page) -> Iterator[Finding]:
    if not any(kind == "link" and f"{chapter.path.name}#" in link for b in prose for kind, link in b.spans):
        mend = f"link to the section it uses: [..](../../book/{chapter.path.parent.name}/{chapter.path.name}#label)"
        yield Finding(page.path, solution.line, f"task {task.name} has no link into the chapter", mend)


def _docstrings(page: Page, solution: Block) -> Iterator[Finding]:
    for node in ast.parse(solution.text).body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith("_"):
            continue
        line = solution.first + node.lineno - 1
        methods = [n for n in node.body if isinstance(n, ast.FunctionDef)] if isinstance(node, ast.ClassDef) else [node]
        text = " ".join(ast.get_docstring(n) or "" for n in {id(n): n for n in [node, *methods]}.values())
        if len(text.split()) < 8:
            mend = "give shapes, dtypes, units, errors and a tiny example"
            yield Finding(page.path, line, f"{node.name} has no docstring, or a very short one", mend)
            continue
        if ">>>" not in text and "xample" not in text:
            yield Finding(page.path, line, f"the docstring of {node.name} has no example", "add one: >>> call, then its result")
        arguments = {a.arg for n in methods for a in [*n.args.posonlyargs, *n.args.args, *n.args.kwonlyargs]} - {"self", "cls"}
        for name in sorted(a for a in arguments if not re.search(rf"\b{re.escape(a)}\b", text)):
            yield Finding(page.path, line, f"the docstring of {node.name} does not mention {name}", "say its shape, dtype and meaning")


def _tests(page: Page, task: Task, test: Block) -> Iterator[Finding]:
    visible, _, hidden = test.text.partition("### BEGIN HIDDEN TESTS")
    for part, name in ((visible, "visible"), (hidden, "hidden")):
        calls = _called(part)
        if not any(calls[check] for check in CHECKS):
            where = "between ### BEGIN and ### END HIDDEN TESTS" if part is hidden else "above ### BEGIN HIDDEN TESTS"
            yield Finding(page.path, test.line, f"task {task.name} has no {name} check", f"call one of {', '.join(CHECKS)} {where}")
    if "hint=" not in visible:
        mend = "say which mistake gives which result: hint='6: a sum.'"
        yield Finding(page.path, test.line, f"no visible check of {task.name} has a hint", mend)
    for name in sorted(FORBIDDEN & _called(test.text).keys()):
        mend = "judge what the learner's function returns: tests are data in, data out"
        yield Finding(page.path, test.line, f"the test of {task.name} calls {name}()", mend)


def _called(source: str) -> Counter[str]:
    """How often each name is called; a helper that the tests define counts as what it calls."""
    found: Counter[str] = Counter()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            found[node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")] += 1
    return found


def _alternatives(course: Course, assignment: Assignment, chapter: Page) -> Iterator[Finding]:
    for kind, path, least in (
        ("wrong", course.wrong(assignment.stem), LEAST_WRONG),
        ("variant", course.variants(assignment.stem), LEAST_VARIANTS),
    ):
        try:
            entries = read_alternatives(path, kind)
        except CatalogueError as error:
            where, _, text = str(error).partition(": ")
            text, _, mend = text.partition("; ")
            yield Finding(path, int(where.rpartition(":")[2]), text, mend)
            continue
        known = [entry for entry in entries if any(task.has(entry.target) for task in assignment.tasks)]
        counts = Counter(assignment.task_defining(entry.target).name for entry in known)
        for task in assignment.tasks:
            if counts[task.name] < least:
                called = "wrong solutions" if kind == "wrong" else "variants, right solutions written otherwise"
                mend = f'write at least {least}: functions below @{kind}("{task.name}", …)'
                yield Finding(path, 1, f"task {task.name} has {counts[task.name]} {called}", mend)
        yield from _entries(assignment, chapter, entries)
        yield from left_over(path, path.read_text().splitlines() if path.exists() else [])


def _entries(assignment: Assignment, chapter: Page, entries: list[Alternative]) -> Iterator[Finding]:
    """What each entry of a catalogue names must be there, and its own name must be its own."""
    first: dict[str, int] = {}
    for entry in entries:
        if first.setdefault(entry.name, entry.line) != entry.line:
            yield Finding(entry.path, entry.line, f"{entry.name} is defined again, as in line {first[entry.name]}", "rename one")
        task = next((task for task in assignment.tasks if task.has(entry.target)), None)
        if task is None:
            defined = ", ".join(name for task in assignment.tasks for name in task.defines)
            text = f"{entry.name} replaces {entry.target!r}, which no solution cell defines"
            yield Finding(entry.path, entry.line, text, f"choose from: {defined}")
        elif entry.caught_by not in ("", task.test_id):
            text = f"{entry.name} names the test {entry.caught_by!r}, its task has {task.test_id}"
            yield Finding(entry.path, entry.line, text, f'write caught_by="{task.test_id}"')
        if entry.section and entry.section.lower() not in names(chapter.path):
            mend = "name in section= the label of the section to reread"
            yield Finding(entry.path, entry.line, f"{chapter.path.name} has no label {entry.section!r}", mend)
