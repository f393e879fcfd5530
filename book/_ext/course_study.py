"""Sphinx extension: the reader's progress page, and the questions that come back in a review."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

from course_gather import gathered
from course_generated import add_piece, raw
from course_plan import Topic, chapters, plan_of
from docutils import nodes
from sphinx.application import Sphinx

FORM = re.compile(r'<form class="quiz-question" data-question="([\w-]+)">.*?</form>', re.DOTALL)
NUMBER = re.compile(r"<legend>\d+\. ")  # of a question in its quiz
REVIEW = "_static/review"


def setup(app: Sphinx) -> dict[str, Any]:
    add_piece("progress", summary)
    add_piece("checklist", checklist)
    add_piece("carry", carry)
    add_piece("review", review)
    app.connect("build-finished", write_questions, priority=900)  # after whatever finishes the pages
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def summary(app: Sphinx, docname: str) -> list[nodes.Node]:
    """The reader's numbers at a glance, filled in by the page's script."""
    written = plan_of(app.env).written
    assignments = [page for page in chapters(app.env).values() if page.assignment in app.env.found_docs]
    questions = sum(len(gathered(app.env, str(topic.docname)).questions) for topic in written)
    facts = [
        ("read", "chapters read", len(written)),
        ("right", "questions right", questions),
        ("passed", "assignments passed", len(assignments)),
    ]
    items = "".join(f'<div><dt>{text}</dt><dd data-count="{name}"><b>0</b> of {count}</dd></div>' for name, text, count in facts)
    due = '<div><dt>due for review</dt><dd data-count="due"><b>0</b></dd></div>'
    return [raw(f'<dl class="progress-summary">{items}{due}</dl><p class="progress-note" role="status"></p>')]


def carry(app: Sphinx, docname: str) -> list[nodes.Node]:
    """Export, import and clear."""
    return [
        raw(
            '<div class="carry"><button type="button" class="card-button carry-export">Export</button> '
            '<label class="card-button">Import <input type="file" class="carry-import" accept=".json,application/json"></label> '
            '<button type="button" class="card-button carry-clear">Clear all</button><p class="carry-status" role="status"></p></div>'
        )
    ]


def checklist(app: Sphinx, docname: str) -> list[nodes.Node]:
    """Every chapter by part, to be filled in from what the reader's browser remembers."""
    plan, pages = plan_of(app.env), chapters(app.env)
    groups = [("Start here", plan.extra), *((f"{part.number} · {part.title}", part.topics) for part in plan.parts)]
    body = ""
    for name, topics in groups:
        if written := [topic for topic in topics if topic.docname]:
            items = "".join(_item(app, docname, topic, pages[topic.stem].assignment) for topic in written)
            body += f"<h3>{html.escape(name)}</h3><ul>{items}</ul>"
    planned = len(plan.topics) - len(plan.written)
    return [raw(f'<div class="checklist">{body}</div><p>{planned} more chapters are planned.</p>')]


def _item(app: Sphinx, docname: str, topic: Topic, assignment: str) -> str:
    questions = len(gathered(app.env, str(topic.docname)).questions)
    link = ""
    if assignment in app.env.found_docs:
        uri = app.builder.get_relative_uri(docname, assignment)
        link = f'<a class="check-assignment" href="{uri}"><span class="check-result">Assignment</span></a>'
    return (
        f'<li data-stem="{topic.stem}"><label><input type="checkbox" disabled> <span class="check-read">read</span></label> '
        f'<a class="check-title" href="{_uri(app, docname, topic)}">{html.escape(topic.title)}</a> '
        f'<span class="check-quiz">{questions} questions</span> {link}</li>'
    )


def review(app: Sphinx, docname: str) -> list[nodes.Node]:
    """Where due questions appear: the page needs only to know which chapter has which."""
    written = [topic for topic in plan_of(app.env).written if gathered(app.env, str(topic.docname)).questions]
    data = {
        topic.stem: {
            "title": topic.title,
            "href": _uri(app, docname, topic),
            "questions": gathered(app.env, str(topic.docname)).questions,
        }
        for topic in written
    }
    script = json.dumps(data, ensure_ascii=False).replace("</", r"<\/")
    bank = "../" * docname.count("/") + REVIEW
    return [
        raw(
            f'<div class="review" data-bank="{bank}"><p class="review-status" role="status">The review needs JavaScript.</p>'
            '<div class="review-card"></div><p class="review-buttons">'
            '<button type="button" class="card-button review-next" hidden>Start</button></p>'
            f'<script type="application/json" class="review-data">{script}</script></div>'
        )
    ]


def write_questions(app: Sphinx, exception: Exception | None) -> None:
    """Put each chapter's questions, as its page shows them, into a script that the review loads when one of them is due.

    A script and not JSON, because a page opened from a folder may load scripts but not data.
    """
    if exception is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir) / REVIEW
    folder.mkdir(parents=True, exist_ok=True)
    wanted = set()
    for page in chapters(app.env).values():
        built = Path(app.outdir) / f"{page.docname}.html"
        forms = {match[1]: NUMBER.sub("<legend>", match[0]) for match in FORM.finditer(built.read_text())} if built.exists() else {}
        if forms:
            wanted.add(f"{page.stem}.js")
            content = f"courseReview.add({json.dumps(page.stem)}, {json.dumps(forms, ensure_ascii=False)});\n"
            (folder / f"{page.stem}.js").write_text(content)
    for old in folder.glob("*.js"):
        if old.name not in wanted:
            old.unlink()


def _uri(app: Sphinx, docname: str, topic: Topic) -> str:
    return str(app.builder.get_relative_uri(docname, str(topic.docname)))
