"""Trying an attack on the engine: what it scores, and whether all that must hold does."""

from __future__ import annotations

import functools
import json
import tempfile
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from nbformat import NotebookNode
from nbgrader.preprocessors import ClearHiddenTests, ClearOutput, ClearSolutions, LockCells

from autograder.attacks import SECRETS, VICTIM, WRONG, Attack
from autograder.autograded import graded_notebook
from autograder.engine import Engine, Limits
from autograder.engine.intake import CODES
from autograder.master import Assignment, read_master
from autograder.release import built_master, text_of
from autograder.results import Grade
from autograder.submissions import Submission, read_submission

MIB = 1024 * 1024
LIMITS = Limits(cell_seconds=3, test_seconds=3, seconds=30, memory=512 * MIB, processes=24)
LARGEST = 8 * LIMITS.output  # of what one submission may leave in the gradebook's files


@dataclass
class Trial:
    """An attack's outcome; `broken` names what should have held and did not."""

    attack: Attack
    score: float
    seconds: float
    broken: list[str]


@functools.lru_cache(maxsize=1)
def victim() -> Assignment:
    return read_master(VICTIM)


@functools.lru_cache(maxsize=1)
def _released() -> str:
    notebook = built_master(victim())
    resources: dict[str, Any] = {}
    for step in (LockCells, ClearSolutions, ClearOutput, ClearHiddenTests):
        notebook, resources = step().preprocess(notebook, resources)
    return str(nbformat.writes(notebook))


def handed_in(answers: dict[str, str], extra: str = "") -> dict[str, Any]:
    """The released notebook, with these solution cells, as JSON data."""
    notebook: dict[str, Any] = json.loads(_released())
    for cell in notebook["cells"]:
        identity = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if identity in answers:
            cell["source"] = answers[identity]
    if extra:
        cell = {"cell_type": "code", "id": "mine", "source": extra, "metadata": {}, "outputs": [], "execution_count": None}
        notebook["cells"].insert(2, cell)
    return notebook


def honest() -> bytes:
    """A submission that earns every point."""
    return json.dumps(handed_in({task.solution_id: victim().source(task.solution_id) for task in victim().tasks})).encode()


def payload(attack: Attack) -> bytes:
    """The bytes of the notebook that an attacker hands in."""
    answers = WRONG | {name: textwrap.dedent(source) for name, source in attack.answers.items()}
    if attack.code:
        answers["square"] = f"{answers['square']}\n{textwrap.dedent(attack.code)}"
    notebook = handed_in(answers, textwrap.dedent(attack.extra))
    changed = attack.change(notebook) if attack.change else None
    return changed if changed is not None else json.dumps(notebook).encode()


def lay_down(attack: Attack, submitted: Path, student: str) -> Path:
    """Put the attack's folder beside an honest student's; the folder."""
    for name, content in (("honest", honest()), (student, payload(attack))):
        folder = submitted / name / "victim"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "victim.ipynb").write_bytes(content)
    folder = submitted / student / "victim"
    if attack.place:
        attack.place(folder)
    return folder


def attempt(attack: Attack, engine: Engine) -> Trial:
    """Grade the attack, then an honest submission."""
    started = time.perf_counter()
    broken: list[str] = []
    score = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        submission = read_submission(lay_down(attack, Path(scratch, "submitted"), "attacker"), "attacker", "victim")
        if not submission.problem:
            grade = engine.grade(victim(), submission.content)
            score = grade.score
            broken += _kept(submission, grade)
    if score != attack.expected:
        broken.append(f"scored {score:g}, not {attack.expected:g}")
    seconds = time.perf_counter() - started
    if seconds > LIMITS.seconds:
        broken.append(f"took {seconds:.0f} s")
    if engine.grade(victim(), honest()).score != victim().points:
        broken.append("the next submission lost marks")
    return Trial(attack, score, round(seconds, 3), broken)


def _kept(submission: Submission, grade: Grade) -> Iterator[str]:
    """What went wrong besides the score."""
    if grade.infrastructure_error:
        yield "it made the grader fail"
    shown = repr([cell.outputs for cell in grade.cells.values()]) + repr(grade.tasks) + repr(grade.problems) + str(grade.reason)
    yield from (f"{secret!r} was shown" for secret in SECRETS if secret in shown)
    if any(CODES.search(f"{task.message}{task.property}{task.hint}{task.learner_trace}") for task in grade.tasks):
        yield "codes for a terminal in what is said of a task"
    if len(shown) > LARGEST:
        yield f"it left {len(shown):,} characters"
    if grade.gradable:
        notebook = graded_notebook(victim(), submission.content, grade)
        text_of(notebook).encode()
        yield from active_content(notebook)


def active_content(notebook: NotebookNode) -> Iterator[str]:
    """What a browser would run of a graded notebook."""
    own = {cell.source for cell in victim().notebook.cells}
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source not in own:
            page = _Page()
            page.feed(markdown2html_mistune(cell.source))
            yield from page.found
        for output in cell.get("outputs", []):
            if set(output.get("data", {})) - {"text/plain"}:
                yield f"an output of type {sorted(output.data)}"


class _Page(HTMLParser):
    """Collects what runs in a page: scripts, handlers, and links and formulas that lead to one."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.literal = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.literal += tag == "pre"
        if tag in ("script", "iframe", "svg", "object", "embed", "form"):
            self.found.append(f"<{tag}>")
        self.found += [f"{name}={value}" for name, value in attrs if name.startswith("on") or "script:" in (value or "").lower()]

    def handle_endtag(self, tag: str) -> None:
        self.literal -= tag == "pre"

    def handle_data(self, data: str) -> None:
        if not self.literal and "script:" in data.lower():  # MathJax leaves what stands in <pre> alone
            self.found.append(f"the formula or text {data[:60]}")
