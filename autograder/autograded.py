"""The autograded notebook: the master's cells with the learner's answers and what grading them put out."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import nbformat
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat import NotebookNode
from nbgrader.preprocessors import ClearOutput, ClearSolutions, ComputeChecksums, LockCells
from nbgrader.utils import determine_grade

from autograder.engine.intake import read_submission
from autograder.master import Assignment
from autograder.release import built_master
from autograder.results import Grade, TaskGrade
from autograder.submissions import MAXIMUM_BYTES

TAGS = [
    *("a", "abbr", "b", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre"),
    *("s", "span", "strong", "sub", "sup", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "ul"),
]
AS_TYPED = re.compile(r"(?P<fence>`{3,})text\n(?P<text>.*)\n(?P=fence)", re.DOTALL)

_masters: dict[str, NotebookNode] = {}


def graded_notebook(assignment: Assignment, submission: bytes, grade: Grade) -> NotebookNode:
    """What formgrader opens, safe in a browser; from its outputs nbgrader reads exactly the grade's scores."""
    own = {cell.source for cell in assignment.notebook.cells}
    notebook = sanitised(_composed(assignment, submission, grade), own)
    verdicts = {task.test_id: task for task in grade.tasks}
    for cell in notebook.cells:
        task = verdicts.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
        if task is not None and determine_grade(cell)[0] != task.score:
            cell.outputs = _verdict(task)
    return notebook


def _composed(assignment: Assignment, submission: bytes, grade: Grade) -> NotebookNode:
    """Cells in the master's order, the learner's own extra cells where they stood."""
    notebook = nbformat.from_dict(_prepared(assignment))
    answers, extras = _learner_cells(assignment, submission)
    cells = list(extras.get("", []))
    for cell in notebook.cells:
        identity = cell.metadata.get("nbgrader", {}).get("grade_id", cell.id)
        if cell.metadata.get("nbgrader", {}).get("solution") and identity in answers:
            cell.source = "\n\n".join(answers[identity])
        cells += [cell, *extras.get(identity, [])]
    for cell in cells:
        outcome = grade.cells.get(cell.metadata.get("nbgrader", {}).get("grade_id", cell.id))
        if cell.cell_type == "code" and outcome is not None:
            cell.outputs = [nbformat.from_dict(output) for output in outcome.outputs]
    notebook.cells = cells
    notebook.metadata["autograder"] = grade.record
    return notebook


def _prepared(assignment: Assignment) -> NotebookNode:
    """The master as nbgrader lays it out before answers are filled in: the same for all its submissions, so made once."""
    if assignment.hash not in _masters:
        notebook, resources = built_master(assignment), dict[str, Any]()
        for step in (LockCells, ClearSolutions, ClearOutput, ComputeChecksums):
            notebook, resources = step().preprocess(notebook, resources)
        _masters[assignment.hash] = notebook
    return _masters[assignment.hash]


def _learner_cells(assignment: Assignment, submission: bytes) -> tuple[dict[str, list[str]], dict[str, list[NotebookNode]]]:
    """The learner's answers by grade_id (all copies, as all were run), and their extra cells by the cell they follow."""
    known = {cell.metadata.get("nbgrader", {}).get("grade_id", cell.id) for cell in assignment.notebook.cells}
    answers: dict[str, list[str]] = {}
    extras: dict[str, list[NotebookNode]] = {}
    last = ""
    for position, raw in enumerate(read_submission(submission, MAXIMUM_BYTES)):
        identity = raw.grade_id if raw.grade_id in known else raw.identity
        if identity in known:
            last = str(identity)
            answers.setdefault(last, []).append(raw.source)
        elif raw.kind in ("code", "markdown") and raw.source.strip():
            make = nbformat.v4.new_code_cell if raw.kind == "code" else nbformat.v4.new_markdown_cell
            extras.setdefault(last, []).append(make(source=raw.source, id=f"extra-{position}"))
    return answers, extras


def sanitised(notebook: NotebookNode, trusted: Collection[str]) -> NotebookNode:
    """Without active content: HTML in outputs is cleaned, Markdown that is not the course's own (`trusted` sources) is shown as typed."""
    cleaner = SanitizeHTML(tags=TAGS, strip=True, sanitized_output_types={"text/html"})
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown":
            cleaner.preprocess_cell(cell, {}, index)
        elif cell.source not in trusted:
            cell.source = as_typed(cell.source)
        cell.pop("attachments", None)
    return notebook


def as_typed(source: str) -> str:
    """Markdown that shows a text letter by letter.

    Rendered, it could hold links and formulas that run scripts, and constructs that take a parser minutes.
    """
    typed = AS_TYPED.fullmatch(source)
    if typed and typed["fence"] not in typed["text"]:
        return source
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", source)), default=0))
    return f"{fence}text\n{source}\n{fence}"


def _verdict(task: TaskGrade) -> list[NotebookNode]:
    """Outputs that nbgrader reads as exactly this score."""
    if task.score >= task.max_score:
        return []
    if task.score > 0:
        return [nbformat.v4.new_output("execute_result", data={"text/plain": repr(task.score)})]
    message = "\n".join(filter(None, [task.message or task.property or task.status, task.hint and f"Hint: {task.hint}"]))
    return [error_output(task.status, message)]


def error_output(name: str, text: str) -> NotebookNode:
    """An error as nbgrader counts it: the cell scores nothing."""
    return nbformat.v4.new_output("error", ename=name, evalue=text, traceback=(text or name).splitlines())
