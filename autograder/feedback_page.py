"""The exporter of feedback pages: nbgrader's page with tasks by their names, and with formulas that need nothing from another host."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

import nbgrader
from jinja2 import pass_context
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution, is_task
from traitlets.config import Config

from autograder.katex import typeset_all

TEMPLATES = Path(__file__).with_name("templates")
THEIRS = Path(nbgrader.__file__).with_name("server_extensions") / "formgrader"
HEADING = re.compile(r"^#{2,6}[ \t]+(.+?)[ \t#]*$", re.MULTILINE)


class FeedbackExporter(HTMLExporter):
    """What `GenerateFeedback` writes pages with. `HideTests` must have run: it says what the tasks are called."""

    @property
    def default_config(self) -> Config:
        config = Config(super().default_config)
        config.FeedbackExporter.template_name = "course_feedback"  # said for this class, as nbgrader sets its own for every HTMLExporter
        config.FeedbackExporter.extra_template_basedirs = [str(TEMPLATES), str(THEIRS / "templates")]
        style = THEIRS / "static" / "node_modules" / "bootstrap" / "dist" / "css"
        config.FeedbackExporter.extra_template_paths = [str(TEMPLATES / "course_feedback"), str(THEIRS / "templates"), str(style)]
        return config

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        return str(MarkdownWithMath(renderer=_Renderer(escape=False)).render(source))


class _Renderer(IPythonRenderer):
    """Markdown with formulas as MathML, which every browser shows by itself."""

    def inline_math(self, body: str) -> str:
        return _formula(body, False)

    def block_math(self, body: str) -> str:
        return _formula(body, True)

    def latex_environment(self, name: str, body: str) -> str:
        return _formula(rf"\begin{{{name}}}{body}\end{{{name}}}", True)


@cache
def _formula(tex: str, display: bool) -> str:
    """A formula as MathML, or as it was typed if KaTeX does not know it."""
    ((markup, error),) = typeset_all([(tex, display)], "mathml")
    return f"<code>{html.escape(tex)}</code>" if error else markup


def task_names(notebook: NotebookNode, trusted: Collection[str]) -> dict[str, str]:
    """What each answer and each test is called, by grade_id: the heading above it, which is Markdown.

    Only the course's own headings count (`trusted` sources). If several tests have the same, the cell's id stands behind it; a cell
    without a heading is called by its id in words.
    """
    above, heading = dict[str, str](), ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.source in trusted:
            heading = (HEADING.findall(cell.source) or [heading])[-1]
        if is_grade(cell) or is_solution(cell) or is_task(cell):
            above[cell.metadata.nbgrader.grade_id] = heading
    graded = Counter(above[cell.metadata.nbgrader.grade_id] for cell in notebook.cells if is_grade(cell) or is_task(cell))
    return {identity: _name(identity, heading, graded[heading] > 1) for identity, heading in above.items()}


def _name(identity: str, heading: str, shared: bool) -> str:
    words = identity.removeprefix("test_").replace("_", " ")
    return f"{heading}: {words}" if heading and shared else heading or words
