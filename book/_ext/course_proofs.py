"""Sphinx extension: the pieces of "How the tests are tested", made from what `certify --write` and `diagnose --write` measured."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from course_generated import add_piece, raw
from course_tables import marked, table
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain

from autograder.certificate import Certificate, TaskRecord, read_measured
from autograder.course import Course
from autograder.mutation_operators import OPERATORS

Make = Callable[[Sphinx, str, list[Certificate]], str]


def setup(app: Sphinx) -> dict[str, Any]:
    for make in (kill_matrix, kill_tasks, kill_operators, misconceptions):
        add_piece(make.__name__.replace("_", "-"), _piece(make))
    add_piece("diagnosis", lambda app, docname: [raw(diagnosis(app, docname))])
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _piece(make: Make) -> Callable[[Sphinx, str], list[nodes.Node]]:
    return lambda app, docname: [raw(make(app, docname, read_measured(Course(Path(app.srcdir)))))]


def kill_matrix(app: Sphinx, docname: str, certificates: list[Certificate]) -> str:
    """One row an assignment, and their sum."""
    head = ["assignment", "tasks", "wrong solutions", "variants", "mutants", "killed", "equivalent", "seeds", "seconds"]
    rows = [[_assignment(app, docname, c.stem), *_counts([c]), f"{c.seeds} + {c.variant_seeds}", f"{c.seconds:.0f}"] for c in certificates]
    total = ["all", *_counts(certificates), "", f"{sum(c.seconds for c in certificates):.0f}"]
    return table("The kill matrix: what was run on each assignment", head, [*rows, total])


def _counts(certificates: list[Certificate]) -> list[str]:
    counts = [str(sum(c.total(name) for c in certificates)) for name in ("wrongs", "variants", "mutants", "killed", "equivalents")]
    if late := sum(c.total("timed_out") for c in certificates):
        counts[3] += f" ({late} by time-out)"
    return [str(sum(len(c.tasks) for c in certificates)), *counts]


def kill_tasks(app: Sphinx, docname: str, certificates: list[Certificate]) -> str:
    """A table of its tasks for each assignment."""
    head = ["task", "wrong", "seen at once", "variants", "mutants", "killed", "equivalent", "right within", "wrong by"]
    parts = []
    for certificate in certificates:
        shown = table(f"Tasks of {certificate.stem}", head, [_task(task) for task in certificate.tasks])
        parts.append(f"<h3>{_assignment(app, docname, certificate.stem)}</h3>{shown}")
    return "".join(parts)


def _task(task: TaskRecord) -> list[str]:
    seen = sum(wrong.visible for wrong in task.wrongs)
    counts = [len(task.wrongs), seen, task.variants, task.mutants, task.killed, task.equivalents]
    return [_name(task.name), *map(str, counts), _ratio(task.legitimate), _ratio(task.mildest)]


def _name(name: str) -> str:
    """A name in code, which may break after an underscore."""
    return f"<code>{html.escape(name).replace('_', '_<wbr>')}</code>"


def _ratio(value: float | None) -> str:
    """An error in tolerances; what is far on either side needs no digits."""
    if value is None:
        return "–"
    return "&lt; 0.001" if 0 < value < 0.001 else "&gt; 1000" if value > 1000 else f"{value:.2g}" if value < 100 else f"{value:.0f}"


def kill_operators(app: Sphinx, docname: str, certificates: list[Certificate]) -> str:
    """One row a mutation operator."""
    made: Counter[str] = sum((c.operators() for c in certificates), Counter())
    alive: Counter[str] = sum((c.operators("survivors") for c in certificates), Counter())
    rows = [
        [name, marked(operator.__doc__ or ""), str(made[name]), str(made[name] - alive[name]), str(alive[name])]
        for name, operator in OPERATORS.items()
        if made[name]
    ]
    return table("Mutation operators", ["operator", "what it does to the reference", "mutants", "killed", "equivalent"], rows)


def misconceptions(app: Sphinx, docname: str, certificates: list[Certificate]) -> str:
    """The named wrong solutions of each assignment, folded."""
    head = ["task", "wrong solution", "misconception", "caught by", "read again"]
    parts = []
    for certificate in certificates:
        rows = [
            [
                _name(task.name),
                html.escape(wrong.name.replace("_", " ")),
                html.escape(wrong.misconception),
                "visible test" if wrong.visible else "hidden test",
                _section(app, docname, wrong.section),
            ]
            for task in certificate.tasks
            for wrong in task.wrongs
        ]
        shown = table(f"Wrong solutions of {certificate.stem}", head, rows)
        title = html.escape(_title(app, certificate.stem))
        parts.append(f"<details><summary>{title}: {len(rows)} wrong solutions</summary>{shown}</details>")
    return "".join(parts)


def diagnosis(app: Sphinx, docname: str) -> str:
    """How often the misconception is named, one row an assignment and their sum."""
    scores: list[dict[str, Any]] = json.loads(Course(Path(app.srcdir)).measured("diagnosis").read_text())
    head = ["assignment", "in the catalogue", "named", "held out", "named all the same", "in other words", "named", "misnamed"]
    head += ["right", "accused"]
    keys: tuple[str, ...] = ("known", "known_named", "known", "held_out_named", "rewritten", "rewritten_named", "rewritten_misnamed")
    keys += ("right", "right_accused")
    rows = [[_assignment(app, docname, score["stem"]), *(str(score[key]) for key in keys)] for score in scores]
    total = ["all", *(str(sum(score[key] for score in scores)) for key in keys)]
    return table("Diagnosis: how often the misconception was named", head, [*rows, total])


def _section(app: Sphinx, docname: str, label: str) -> str:
    """A link to a labelled section, with its title."""
    standard = cast(StandardDomain, app.env.get_domain("std"))
    there, anchor = standard.anonlabels.get(label.lower(), ("", ""))
    if not there:
        return html.escape(label)
    title = standard.labels[label.lower()][2] if label.lower() in standard.labels else label
    return f'<a href="{app.builder.get_relative_uri(docname, there)}#{anchor}">{html.escape(title)}</a>'


def _assignment(app: Sphinx, docname: str, stem: str) -> str:
    page = f"exercises/{stem}/{stem}"
    title = html.escape(_title(app, stem))
    return f'<a href="{app.builder.get_relative_uri(docname, page)}">{title}</a>' if page in app.env.titles else title


def _title(app: Sphinx, stem: str) -> str:
    found = app.env.titles.get(f"exercises/{stem}/{stem}")
    return found.astext().removesuffix(": assignment") if found else stem.replace("_", " ")
