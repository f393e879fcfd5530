"""Masters: the one text file per assignment that authors edit, read into an nbgrader notebook and a plan of its tasks."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode

from autograder.catalogue import defined_names
from autograder.engine.limits import overrides
from autograder.engine.parsing import parse
from autograder.refusals import MasterError

GRADE_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
COURSE_KEYS = {"inplace", "attributes"}


@dataclass(frozen=True)
class Task:
    """One graded task: a solution cell and the test cell that grades it."""

    name: str
    points: float
    defines: tuple[str, ...]
    inplace: dict[str, list[str]] = field(default_factory=dict)
    attributes: dict[str, list[str]] = field(default_factory=dict)

    @property
    def solution_id(self) -> str:
        return self.name

    @property
    def test_id(self) -> str:
        return f"test_{self.name}"

    def has(self, name: str) -> bool:
        """Whether the solution cell defines the function or class `name`."""
        return name == self.name or name in self.defines


@dataclass(frozen=True)
class Assignment:
    """A master as read: `notebook` has answers, hidden tests and full nbgrader metadata.

    `limits` are the fields of `engine.limits.Limits` that its front matter sets; the others are the engine's.
    """

    stem: str
    path: Path
    notebook: NotebookNode
    tasks: tuple[Task, ...]
    hash: str
    limits: dict[str, int] = field(default_factory=dict)

    @property
    def title(self) -> str:
        for cell in self.notebook.cells:
            if cell.cell_type == "markdown" and cell.source.startswith("# "):
                return str(cell.source.splitlines()[0][2:].strip())
        raise MasterError(f"{self.path}: no '# Title' heading; begin the first Markdown cell with one")

    @property
    def points(self) -> float:
        return sum(task.points for task in self.tasks)

    def cell(self, grade_id: str) -> NotebookNode:
        for cell in self.notebook.cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id:
                return cell
        raise KeyError(grade_id)

    def source(self, grade_id: str) -> str:
        return str(self.cell(grade_id).source)

    def task_defining(self, name: str) -> Task:
        """The task whose solution cell defines the function or class `name`.

        Raises:
            MasterError: there is none.
        """
        for task in self.tasks:
            if task.has(name):
                return task
        defined = ", ".join(name for task in self.tasks for name in task.defines)
        raise MasterError(f"{self.path}: no solution cell defines {name!r}; choose from: {defined}")


def read_master(path: Path) -> Assignment:
    """Read and check a master; raise `MasterError` naming what to mend."""
    import jupytext  # a third of a second, for those who read no master
    from jupytext.myst import MystMetadataParsingError

    text = path.read_text()
    try:
        raw = jupytext.reads(text, fmt="md:myst")
    except (yaml.YAMLError, MystMetadataParsingError) as error:
        raise MasterError(f"{path}: {' '.join(str(error).split())}; mend the YAML") from error
    notebook = _normalised(raw, path)
    tasks = tuple(_tasks(notebook, path))
    return Assignment(path.stem, path, notebook, tasks, hashlib.sha256(text.encode()).hexdigest(), _limits(raw, path))


def _limits(raw: NotebookNode, path: Path) -> dict[str, int]:
    try:
        return overrides(raw.metadata.get("limits", {}))
    except ValueError as error:
        raise MasterError(f"{path}: front matter, limits: {error}") from error


def _normalised(raw: NotebookNode, path: Path) -> NotebookNode:
    """The notebook with nbgrader's full metadata, ids that do not change from run to run, and no tool's marks."""
    cells, seen = [], set()
    for position, cell in enumerate(raw.cells):
        given = cell.metadata.get("nbgrader")
        metadata = {key: value for key, value in cell.metadata.items() if key != "nbgrader"}
        identity = f"cell-{position:03d}"
        if given is not None:
            identity = str(given.get("grade_id", ""))
            if not GRADE_ID.fullmatch(identity):
                raise MasterError(f"{path}: cell {position}: grade_id {identity!r} must match {GRADE_ID.pattern}")
            metadata["nbgrader"] = _nbgrader_metadata(given, cell, path)
        if identity in seen:
            raise MasterError(f"{path}: two cells have the grade_id {identity!r}; rename one")
        seen.add(identity)
        kind = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        cells.append(kind(source=cell.source, metadata=metadata, id=identity))
    kernelspec = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": kernelspec, "language_info": {"name": "python"}}, nbformat_minor=5
    )


def _nbgrader_metadata(given: dict[str, Any], cell: NotebookNode, path: Path) -> dict[str, Any]:
    unknown = set(given) - {"grade_id", "solution", "grade", "points", "locked"}
    if unknown:
        raise MasterError(f"{path}: cell {given['grade_id']}: unknown nbgrader keys {sorted(unknown)}; remove them")
    grade, solution = bool(given.get("grade")), bool(given.get("solution"))
    full = {
        "schema_version": 3,
        "grade_id": given["grade_id"],
        "grade": grade,
        "solution": solution,
        "locked": not solution,
        "task": False,
        "cell_type": cell.cell_type,
    }
    if grade:
        full["points"] = given.get("points", 0)
    return full


def _tasks(notebook: NotebookNode, path: Path) -> list[Task]:
    graded = {c.metadata.nbgrader.grade_id: c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")}
    tasks = []
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        if not meta.get("solution"):
            continue
        name = meta["grade_id"]
        if meta.get("grade"):
            raise MasterError(f"{path}: cell {name}: a solution cell can't be graded itself; put the tests in test_{name}")
        test = graded.pop(f"test_{name}", None)
        if test is None or not test.metadata.nbgrader.points > 0:
            raise MasterError(f"{path}: task {name}: add a cell 'test_{name}' with grade: true and points above 0")
        for marker, body in (("SOLUTION", cell.source), ("HIDDEN TESTS", test.source)):
            if body.count(f"### BEGIN {marker}") < 1 or body.count(f"### BEGIN {marker}") != body.count(f"### END {marker}"):
                raise MasterError(f"{path}: task {name}: '### BEGIN {marker}' and '### END {marker}' must come in pairs")
        for body in (cell.source, test.source):
            try:
                parse(body)
            except SyntaxError as error:
                raise MasterError(f"{path}: task {name}, line {error.lineno} of the cell: {error.msg}") from error
        if any("hint=" in part.split("### END HIDDEN TESTS")[0] for part in test.source.split("### BEGIN HIDDEN TESTS")[1:]):
            raise MasterError(f"{path}: task {name}: a hidden check has a hint, which would show its data; remove the hint")
        options = cell.metadata.get("course", {})
        if set(options) - COURSE_KEYS:
            raise MasterError(f"{path}: task {name}: 'course' takes {sorted(COURSE_KEYS)} only")
        tasks.append(
            Task(
                name=name,
                points=float(test.metadata.nbgrader.points),
                defines=tuple(defined_names(cell.source)),
                inplace={k: list(v) for k, v in options.get("inplace", {}).items()},
                attributes={k: list(v) for k, v in options.get("attributes", {}).items()},
            )
        )
    if graded:
        raise MasterError(f"{path}: test cells without a solution cell: {', '.join(graded)}; name them test_<task>")
    if not tasks:
        raise MasterError(f"{path}: no task; add a solution cell and its test cell")
    return tasks
