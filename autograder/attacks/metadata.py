"""Metadata, tags, order, duplication, deletion and cell types."""

import json
from typing import Any

from autograder.attacks import Attack

Notebook = dict[str, Any]


def _cells(notebook: Notebook) -> dict[str, Any]:
    return {cell["metadata"].get("nbgrader", {}).get("grade_id", ""): cell for cell in notebook["cells"]}


def _points(notebook: Notebook) -> None:
    for cell in notebook["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"] |= {"points": 100}


def _tests_emptied(notebook: Notebook) -> None:
    for name, cell in _cells(notebook).items():
        if name.startswith("test_"):
            cell["source"] = "pass"
            cell["metadata"]["nbgrader"]["checksum"] = "0"


def _tests_are_solutions(notebook: Notebook) -> None:
    for name, cell in _cells(notebook).items():
        if name.startswith("test_"):
            cell["source"] = "pass"
            cell["metadata"]["nbgrader"] |= {"solution": True, "locked": False}


def _tests_in_markdown(notebook: Notebook) -> None:
    for name, cell in _cells(notebook).items():
        if name.startswith("test_"):
            cell["cell_type"] = "markdown"
            cell["metadata"]["nbgrader"]["cell_type"] = "markdown"
            cell.pop("outputs", None)
            cell.pop("execution_count", None)


def _tests_deleted(notebook: Notebook) -> None:
    notebook["cells"] = [c for c in notebook["cells"] if not c["metadata"].get("nbgrader", {}).get("grade_id", "").startswith("test_")]


def _cells_deleted(notebook: Notebook) -> None:
    notebook["cells"] = []


def _tests_twice(notebook: Notebook) -> None:
    cell = _cells(notebook)["test_square"]
    notebook["cells"].append(json.loads(json.dumps(cell)) | {"source": "pass", "id": "again"})


def _answer_is_a_test(notebook: Notebook) -> None:
    _cells(notebook)["square"]["metadata"]["nbgrader"]["grade_id"] = "test_square"


def _swapped_ids(notebook: Notebook) -> None:
    cells = _cells(notebook)
    cells["test_square"]["metadata"]["nbgrader"]["grade_id"] = "test_honest"
    cells["test_honest"]["metadata"]["nbgrader"]["grade_id"] = "test_square"


def _reversed(notebook: Notebook) -> None:
    notebook["cells"].reverse()


def _skip_tags(notebook: Notebook) -> None:
    for cell in notebook["cells"]:
        cell["metadata"]["tags"] = ["skip-execution", "raises-exception", "hide", "remove_cell"]


def _other_kernel(notebook: Notebook) -> None:
    notebook["metadata"]["kernelspec"] = {"name": "bash", "display_name": "x", "language": "bash"}


def _manual(notebook: Notebook) -> None:
    for name, cell in _cells(notebook).items():
        if name.startswith("test_"):
            cell["metadata"]["nbgrader"] |= {"task": True, "solution": True, "grade": True, "schema_version": 1}


def _magic(notebook: Notebook) -> None:
    for name, cell in _cells(notebook).items():
        if name == "square":
            cell["source"] = "%%capture\n" + cell["source"]
        if name.startswith("test_"):
            cell["source"] = "%%script true\n" + "".join(cell["source"])


def _forged_outputs(notebook: Notebook) -> None:
    for name, cell in _cells(notebook).items():
        if name.startswith("test_"):
            cell["outputs"] = [{"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/plain": "3.0"}}]


def _given_changed(notebook: Notebook) -> None:
    _cells(notebook)["setup"]["source"] = (
        "import numpy as np\ncheck = check_close = print\nfresh_rng = np.random.default_rng\nnp.testing.assert_allclose = print"
    )


def _two_formats(notebook: Notebook) -> None:
    notebook["nbformat_minor"] = 9999
    notebook["metadata"]["nbgrader"] = {"score": 9}


def _twice_in_json(notebook: Notebook) -> bytes:
    text = json.dumps(notebook)
    return (text[:-1] + ', "cells": ' + json.dumps(notebook["cells"]) + "}").encode()


ATTACKS = [
    Attack("points of a hundred", change=_points),
    Attack("test cells emptied", change=_tests_emptied),
    Attack("test cells turned into solutions", change=_tests_are_solutions),
    Attack("test cells turned into Markdown", change=_tests_in_markdown),
    Attack("test cells deleted", change=_tests_deleted),
    Attack("all cells deleted", change=_cells_deleted, expected=0.0),
    Attack("a test cell twice, the second empty", change=_tests_twice),
    Attack("an answer that calls itself a test", change=_answer_is_a_test),
    Attack("names of two test cells swapped", change=_swapped_ids),
    Attack("cells in reverse order", change=_reversed),
    Attack("tags that skip a cell", change=_skip_tags),
    Attack("another kernel", change=_other_kernel),
    Attack("tests marked for grading by hand", change=_manual),
    Attack("cell magics before the tests", change=_magic),
    Attack("outputs with a score", change=_forged_outputs),
    Attack("the given cell changed", change=_given_changed),
    Attack("a minor format from the future", change=_two_formats),
    Attack("the same key twice", change=_twice_in_json),
]
