"""`autograder release`: build what learners open (`exercises/`) from what authors edit (`solutions/`)."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import nbformat
import yaml
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearHiddenTests,
    ClearOutput,
    ClearSolutions,
    ComputeChecksums,
    LockCells,
)

from autograder.course import Course, CourseError
from autograder.master import Assignment, read_master

# nbgrader's own chain for `generate_assignment`, without the gradebook.
STEPS: list[type[Preprocessor]] = [
    LockCells, ClearSolutions, ClearOutput, CheckCellMetadata, ComputeChecksums, ClearHiddenTests, ComputeChecksums, CheckCellMetadata
]
BUILT_FROM = "built_from"
WHERE_IT_RUNS = (
    "*The notebook imports the course's own code. Where you have that, it runs as it is; where you don't, "
    "get [the course]({repository}) with `git clone`, run `make` in its folder, and work on the notebook there.*"
)


def released(assignment: Assignment) -> NotebookNode:
    """The learner's notebook: answers replaced by stubs, hidden tests gone, nbgrader's checksums in place, and where it runs."""
    notebook = built_master(assignment)
    resources = {"nbgrader": {"assignment": assignment.stem}}
    for step in STEPS:
        notebook, resources = step().preprocess(notebook, resources)
    say_where_it_runs(notebook, assignment.path.parents[2] / "_config.yml")
    return notebook


def say_where_it_runs(notebook: NotebookNode, config: Path) -> None:
    """End the first cell with how to get what the notebook imports, as it may be all that somebody has downloaded."""
    repository = yaml.safe_load(config.read_text()).get("repository", {}).get("url") if config.exists() else None
    if repository and notebook.cells[0].cell_type == "markdown":
        notebook.cells[0].source += "\n\n" + WHERE_IT_RUNS.format(repository=repository)


def built_master(assignment: Assignment) -> NotebookNode:
    """The notebook with answers that nbgrader needs beside the master."""
    notebook = nbformat.from_dict(assignment.notebook)
    notebook.metadata[BUILT_FROM] = _digest(notebook)
    return notebook


def release(course: Course, stem: str) -> list[Path]:
    """Write the notebook with answers (ignored by git) and the released one; return those that changed.

    Raises:
        CourseError: if the notebook with answers was edited by hand, which this would undo.
    """
    assignment = read_master(course.master(stem))
    target = course.built_master(stem)
    if target.exists() and edited_by_hand(target):
        raise CourseError(
            f"{target} was edited by hand; move what you changed to {course.master(stem)}, "
            f"delete {target.name} and run `autograder release {stem}` again"
        )
    return [
        path
        for path, notebook in ((target, built_master(assignment)), (course.release(stem), released(assignment)))
        if write_if_changed(path, text_of(notebook))
    ]


def text_of(notebook: NotebookNode) -> str:
    """A notebook as text, the same bytes for the same content."""
    return nbformat.writes(notebook, version=nbformat.NO_CONVERT) + "\n"


def write_if_changed(path: Path, text: str, *, durable: bool = False) -> bool:
    """Write `text` through a temporary file, so that an interruption leaves the old one whole.

    With `durable` the text, and the name under which it is found, are on the disk when this returns: without that, a power cut
    shortly after could leave the new name with no content, as a file system may write the two in either order.
    """
    content = text.encode()
    if path.exists() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(content)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    temporary.replace(path)
    if durable:
        _sync_folder(path.parent)
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def edited_by_hand(path: Path) -> bool:
    """Whether a built notebook's cells are no longer the ones that were built; running it does not count."""
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception:
        return True
    return notebook.metadata.get(BUILT_FROM) != _digest(notebook)


def _digest(notebook: NotebookNode) -> str:
    text = "\0".join(f"{cell.cell_type}\0{cell.source}" for cell in notebook.cells)
    return hashlib.sha256(text.encode()).hexdigest()
