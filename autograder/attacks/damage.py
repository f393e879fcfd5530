"""Damage to a notebook file, drawn at random: what editors, mail programs, merges and cheats can make of it.

Every draw comes from the generator that is passed in, so a case is its number, and a property-based test can shrink it.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

Notebook = dict[str, Any]
DEEP = 3_000
ODD = ["\u0000", "\ud800", "\udfff\ud800", "\u202e", "\u2028", "\ufeff", "e\u0301", "𝒳", "\r", "\x0c", "\x1b[2J", "\\", '"', "\t"]
ODD += ["%%bash\n", "!ls\n"]
MARKS = ["grade_id", "points", "grade", "solution", "locked", "schema_version", "checksum", "task", "cell_type"]
NUMBERS = [0, -1, 1 << 31, -(1 << 63), 1 << 64, 10**4000, 1e308, -0.0, float("nan"), float("inf"), float("-inf"), 0.5]


def damaged(notebook: Notebook, rng: random.Random) -> bytes:
    """The bytes of a damaged copy: one to four changes of its structure, then perhaps one of the file."""
    changed = copy.deepcopy(notebook)
    for _ in range(rng.randint(1, 4)):
        rng.choice(CHANGES)(changed, rng)
    content = json.dumps(changed, ensure_ascii=rng.random() < 0.9).encode("utf-8", "surrogatepass")
    return rng.choice(FILES)(content, rng) if rng.random() < 0.3 else content


def _junk(rng: random.Random) -> Any:
    """A value of any type but what belongs there."""
    simple: list[Any] = [None, True, False, "", "x", "code", [], {}, [[]], {"": {}}, ["a", None, 1], rng.choice(NUMBERS), rng.choice(ODD)]
    return _nest(rng, rng.randint(1, DEEP)) if rng.random() < 0.1 else rng.choice(simple)


def _nest(rng: random.Random, depth: int) -> Any:
    """Lists or dicts in one another; never deeper than the writer of JSON can go."""
    value: Any = "bottom"
    for _ in range(min(depth, 400)):
        value = [value] if rng.random() < 0.5 else {"cells": value}
    return value


def _cells(notebook: Notebook) -> list[Any]:
    """The cells, if there are still any in a list."""
    cells = notebook.get("cells")
    return cells if isinstance(cells, list) else []


def _some_cell(notebook: Notebook, rng: random.Random) -> Notebook:
    """A cell that is still a dict, or an empty one that belongs to nothing."""
    found = [cell for cell in _cells(notebook) if isinstance(cell, dict)]
    return rng.choice(found) if found else {}


def _source(cell: Any) -> str:
    """A cell's source, which nbformat writes as text or as a list of lines; nothing if it is neither any more."""
    source = cell.get("source") if isinstance(cell, dict) else None
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        return "".join(source)
    return source if isinstance(source, str) else ""


def _marks(cell: Notebook) -> Notebook:
    """A cell's nbgrader metadata, if they are still there."""
    metadata = cell.get("metadata")
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return marks if isinstance(marks, dict) else {}


def _another_type(notebook: Notebook, rng: random.Random) -> None:
    """A value somewhere in the tree becomes one of another type."""
    node: Any = notebook
    for _ in range(rng.randint(0, 6)):
        keys = _keys(node)
        if not keys or not _keys(node[key := rng.choice(keys)]):
            break
        node = node[key]
    if keys := _keys(node):
        node[rng.choice(keys)] = _junk(rng)


def _missing_key(notebook: Notebook, rng: random.Random) -> None:
    node = rng.choice([notebook, cell := _some_cell(notebook, rng), _marks(cell)])
    if node:
        del node[rng.choice(sorted(node))]


def _keys(node: Any) -> Sequence[Any]:
    return sorted(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else []


def _no_cell(notebook: Notebook, rng: random.Random) -> None:
    if cells := _cells(notebook):
        del cells[rng.randrange(len(cells))]


def _cell_twice(notebook: Notebook, rng: random.Random) -> None:
    """A copy with the same id and grade_id, anywhere."""
    if cells := _cells(notebook):
        cells.insert(rng.randint(0, len(cells)), copy.deepcopy(rng.choice(cells)))


def _another_order(notebook: Notebook, rng: random.Random) -> None:
    rng.shuffle(_cells(notebook))


def _names_change_places(notebook: Notebook, rng: random.Random) -> None:
    """Two cells swap their grade_ids."""
    one, other = (_marks(_some_cell(notebook, rng)) for _ in range(2))
    if "grade_id" in one and "grade_id" in other:
        one["grade_id"], other["grade_id"] = other["grade_id"], one["grade_id"]


def _marks_of_another_type(notebook: Notebook, rng: random.Random) -> None:
    marks = _marks(_some_cell(notebook, rng))
    if marks:
        marks[rng.choice(MARKS)] = _junk(rng)


def _more_points(notebook: Notebook, rng: random.Random) -> None:
    for cell in _cells(notebook):
        if isinstance(cell, dict) and "points" in _marks(cell):
            _marks(cell)["points"] = rng.choice(NUMBERS)


def _another_kind(notebook: Notebook, rng: random.Random) -> None:
    _some_cell(notebook, rng)["cell_type"] = rng.choice(["markdown", "raw", "code", "heading", "", None, 4, ["code"], {"code": 1}])


def _split(notebook: Notebook, rng: random.Random) -> None:
    """A cell becomes two, as an editor's split does it: the second has the metadata or none."""
    cells, cell = _cells(notebook), _some_cell(notebook, rng)
    if source := _source(cell):
        at = rng.randrange(len(source))
        bare: Notebook = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
        second = copy.deepcopy(cell) if rng.random() < 0.5 else bare
        cell["source"], second["source"] = source[:at], source[at:]
        cells.insert(cells.index(cell) + 1, second)


def _merged(notebook: Notebook, rng: random.Random) -> None:
    """Two cells in a row become one."""
    cells = _cells(notebook)
    if len(cells) > 1:
        at = rng.randrange(len(cells) - 1)
        texts = [_source(cell) for cell in cells[at : at + 2]]
        if all(texts):
            cells[at]["source"] = "\n".join(texts)
            del cells[at + 1]


def _odd_text(notebook: Notebook, rng: random.Random) -> None:
    """Characters that no keyboard has, somewhere in a source."""
    cell = _some_cell(notebook, rng)
    if source := _source(cell):
        at = rng.randint(0, len(source))
        cell["source"] = source[:at] + rng.choice(ODD) + source[at:]


def _odd_lines(notebook: Notebook, rng: random.Random) -> None:
    """The source as a list of lines, one of them no text."""
    cell = _some_cell(notebook, rng)
    if source := _source(cell):
        lines: list[Any] = source.splitlines(keepends=True)
        lines.insert(rng.randint(0, len(lines)), _junk(rng))
        cell["source"] = lines


def _another_format(notebook: Notebook, rng: random.Random) -> None:
    notebook[rng.choice(["nbformat", "nbformat_minor"])] = rng.choice([*NUMBERS, None, "4", 3, 4, 5, 4.0, [4], {}, True])


def _worksheets(notebook: Notebook, rng: random.Random) -> None:
    notebook["worksheets"] = [{"cells": notebook.pop("cells", [])}]


def _outputs(notebook: Notebook, rng: random.Random) -> None:
    """Outputs that say what the learner likes."""
    mimes = {"text/html": "<script>alert(1)</script>", "text/plain": "9.0", "image/png": _junk(rng), "application/javascript": "alert(1)"}
    _some_cell(notebook, rng)["outputs"] = rng.choice([
        _junk(rng), [_junk(rng)], [{"output_type": "execute_result", "data": mimes, "metadata": {}, "execution_count": 1}],
        [{"output_type": "stream", "name": "stderr", "text": rng.choice(ODD)}], [{"output_type": "error", "ename": None}],
    ])  # fmt: skip


CHANGES: list[Callable[[Notebook, random.Random], None]] = [
    _another_type, _missing_key, _no_cell, _cell_twice, _another_order, _names_change_places, _marks_of_another_type, _more_points,
    _another_kind, _split, _merged, _odd_text, _odd_lines, _another_format, _worksheets, _outputs,
]  # fmt: skip


def _flipped(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(len(changed))] = rng.randrange(128, 256)
    return bytes(changed)


FILES: list[Callable[[bytes, random.Random], bytes]] = [
    lambda content, rng: content[: rng.randrange(len(content))],
    lambda content, rng: b"\xef\xbb\xbf" + content,
    lambda content, rng: content.decode("utf-8", "replace").encode("utf-16"),
    _flipped,
    lambda content, rng: rng.randbytes(200),
    lambda content, rng: content + content,
    lambda content, rng: content.replace(b'"nbformat": 4', b'"nbformat": 4, "nbformat": 4, "cells": []'),
    lambda content, rng: content[:-1] + b', "x": ' + b"[" * (depth := rng.randint(1, 50 * DEEP)) + b"]" * depth + b"}",
    lambda content, rng: content[:-1] + b', "x": ' + b"9" * rng.randint(1, 10_000) + b"}",
    lambda content, rng: content.replace(b"\\n", b"\\r\\n"),
    lambda content, rng: b"",
    lambda content, rng: b"\x00" * 100,
]
