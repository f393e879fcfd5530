"""The anatomy of an assignment: what each task must tell the learner, and what its tests must have."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from autograder.catalogue import read_alternatives
from autograder.course import Course
from autograder.lint.findings import Finding, left_over
from autograder.lint.page import Block, Page, read_page
from autograder.master import Assignment, Task, read_master

EFFORT = re.compile(r"\*Difficulty (\d)/5 · (\d+) minutes · ([\d.]+) points?\*")
TOTAL = re.compile(r"about (\d+) minutes for (\d+) tasks, ([\d.]+) points")
FORBIDDEN = {"open", "globals", "locals", "eval", "exec", "__import__", "sleep", "setattr", "monkeypatch"}
CHECKS = ("check", "check_close", "check_raises", "check_unchanged")
TASKS, MINUTES, LEAST_WRONG, LEAST_VARIANTS = (4, 8), (30, 120), 4, 2
ROUNDED = 5  # minutes by which "about" may differ from the tasks' sum


def lint_assignment(course: Course, stem: str) -> Iterator[Finding]:
    """All findings on the assignment of `stem`."""
    assignment, page = read_master(course.master(stem)), read_page(course.master(stem))
    chapter = read_page(course.chapter(stem))
    yield from _whole(assignment, page)
    for task in assignment.tasks:
        yield from _task(assignment, page, task, chapter)
    yield from _alternatives(course, assignment, chapter)


def _whole(assignment: Assignment, page: Page) -> Iterator[Finding]:
    count = len(assignment.tasks)
    if not TASKS[0] <= count <= TASKS[1]:
        yield Finding(page.path, 1, f"{count} tasks", f"{TASKS[0]} to {TASKS[1]} make an assignment")
    minutes = sum(int(match[2]) for block in page.of("text") for match in EFFORT.finditer(block.text))
    if not MINUTES[0] <= minutes <= MINUTES[1]:
        yield Finding(page.path, 1, f"the tasks take {minutes} minutes together", f"{MINUTES[0]} to {MINUTES[1]} are meant")
    points = sum(task.points for task in assignment.tasks)
    for block in page.of("text"):
        for stated in TOTAL.finditer(block.text):
            if abs(int(stated[1]) - minutes) > ROUNDED or (int(stated[2]), float(stated[3])) != (count, points):
                text = f"it says {stated[0]!r}, the tasks make {minutes} minutes, {count} tasks and {points:g} points"
                yield Finding(page.path, block.line, text, "make them equal")
    yield from left_over(page.path, page.path.read_text().splitlines())


def _task(assignment: Assignment, page: Page, task: Task, chapter: Page) -> Iterator[Finding]:
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
        mend = "add a line '*Difficulty 2/5 · 10 minutes · 3 points*'"
        yield Finding(page.path, solution.line, f"task {task.name} states no difficulty, minutes and points", mend)
    for block, match in stated:
        if float(match[3]) != task.points:
            text = f"task {task.name} says {match[3]} points, its test has {task.points:g}"
            yield Finding(page.path, block.line, text, "make them equal")


def _links(page: Page, task: Task, prose: list[Block], solution: Block, chapter: Page) -> Iterator[Finding]:
    links = [(b.line, link) for b in prose for kind, link in b.spans if kind == "link" and f"{chapter.path.name}#" in link]
    if not links:
        mend = f"link to the section it uses: [..](../../book/{chapter.path.parent.name}/{chapter.path.name}#label)"
        yield Finding(page.path, solution.line, f"task {task.name} has no link into the chapter", mend)
    for line, link in links:
        label = link.split("#", 1)[1]
        if label not in chapter.labels:
            yield Finding(page.path, line, f"the chapter has no label {label!r}", f"mend the link, or add ({label})= to the chapter")


def _docstrings(page: Page, solution: Block) -> Iterator[Finding]:
    for node in ast.parse(solution.text).body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name.startswith("_"):
            continue
        line = solution.line + node.lineno + 3
        methods = [n for n in node.body if isinstance(n, ast.FunctionDef)] if isinstance(node, ast.ClassDef) else [node]
        text = " ".join(ast.get_docstring(n) or "" for n in {id(n): n for n in [node, *methods]}.values())
        if len(text.split()) < 8:
            yield Finding(page.path, line, f"{node.name} has no docstring", "give shapes, dtypes, units, errors and a tiny example")
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
            yield Finding(page.path, test.line, f"task {task.name} has no {name} check", f"call one of {', '.join(CHECKS)}")
    if "hint=" not in visible:
        yield Finding(page.path, test.line, f"no visible check of {task.name} has a hint", "say which mistake gives this symptom: hint=")
    for name in sorted(FORBIDDEN & _called(test.text).keys()):
        mend = "tests are data in, data out (CONTRIBUTING, An assignment)"
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
        entries = read_alternatives(path, kind)
        counts = Counter(assignment.task_defining(entry.target).name for entry in entries)
        for task in assignment.tasks:
            if counts[task.name] < least:
                mend = f"write at least {least}" + (" where so many exist" if kind == "variant" else "")
                yield Finding(path, 1, f"task {task.name} has {counts[task.name]} {kind} solutions", mend)
        for entry in entries:
            if kind == "wrong" and entry.section not in chapter.labels:
                yield Finding(path, entry.line, f"the chapter has no label {entry.section!r}", "name the section to reread")
        yield from left_over(path, path.read_text().splitlines() if path.exists() else [])
