"""Reading a submission that may be anything: whatever the bytes are, the answer is cells or a reason, never an exception."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

SURROGATES = re.compile("[\ud800-\udfff]")
CODES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
MOST_CELLS = 2_000  # an assignment has some fifty; each is run, kept and shown
MOST_PARTS = 1_000_000  # lists and objects of the file's JSON: fifty bytes of memory for three of the file


def writable(text: str) -> str:
    """The text with marks for lone surrogates, which a learner can send and no file can hold."""
    return SURROGATES.sub("\ufffd", text)


def printable(text: str) -> str:
    """The text with marks for codes too that a terminal obeys: what is said of a task is printed there, and may quote the learner."""
    return CODES.sub("\ufffd", text)


@dataclass(frozen=True)
class SubmittedCell:
    """What is used of a submitted cell."""

    kind: str
    source: str
    grade_id: str | None
    identity: str | None


class NotGradable(Exception):
    """The file is not a submission; the text says why."""


def read_submission(payload: bytes, largest: int) -> list[SubmittedCell]:
    """The cells of a notebook file, or `NotGradable`."""
    if not payload.strip():
        raise NotGradable("the file is empty")
    if len(payload) > largest:
        raise NotGradable(f"the file has {len(payload):,} bytes, more than the {largest:,} allowed; clear the outputs and save again")
    if payload.count(b"[") + payload.count(b"{") > MOST_PARTS:
        raise NotGradable("the file has too many parts to be a notebook of this course; clear the outputs and save again")
    try:
        notebook = json.loads(payload.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise NotGradable("the file is not UTF-8 text, so it is not a notebook") from None
    except RecursionError:
        raise NotGradable("the file is nested too deeply to be a notebook") from None
    except ValueError as error:
        raise NotGradable(f"the file is not valid JSON ({str(error)[:100]}); save the notebook again in JupyterLab") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        old = isinstance(notebook, dict) and "worksheets" in notebook
        raise NotGradable(
            "the notebook has an old format; open and save it in JupyterLab" if old else "the file is JSON but not a notebook"
        )
    if notebook.get("nbformat") != 4:
        raise NotGradable("the notebook is not in format 4; open and save it in JupyterLab")
    count = len(notebook["cells"])
    if count > MOST_CELLS:
        raise NotGradable(f"the notebook has {count:,} cells, more than the {MOST_CELLS:,} allowed; delete those of your own")
    return [cell for cell in map(_cell, notebook["cells"]) if cell is not None]


def _cell(raw: Any) -> SubmittedCell | None:
    if not isinstance(raw, dict):
        return None
    source = raw.get("source", "")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    if not isinstance(source, str):
        return None
    metadata = raw.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    kind, identity = raw.get("cell_type"), raw.get("id")
    return SubmittedCell(
        kind=kind if isinstance(kind, str) else "",
        source=writable(source),
        grade_id=grade_id if isinstance(grade_id, str) else None,
        identity=identity if isinstance(identity, str) else None,
    )
