"""Sphinx extension: the pieces of "How grading works", made from what `bench` and `attacks` measured."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course_generated import add_piece, raw
from course_tables import table
from docutils import nodes
from sphinx.application import Sphinx

from autograder.attacks.measure import totals
from autograder.bench.speed import TARGETS
from autograder.course import Course, CourseError

GIB = 2**30


def setup(app: Sphinx) -> dict[str, Any]:
    add_piece("grading-boundary", lambda app, docname: [raw(BOUNDARY)])
    for make in (grading_speed, grading_attacks, grading_damage):
        add_piece(make.__name__.replace("_", "-"), _piece(make))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _piece(make: Callable[[Course], str]) -> Callable[[Sphinx, str], list[nodes.Node]]:
    return lambda app, docname: [raw(make(Course(Path(app.srcdir))))]


def _measured(course: Course, name: str, command: str) -> dict[str, Any]:
    path = course.measured(name)
    if not path.exists():
        raise CourseError(f"{path.relative_to(course.root)} is missing; write it with: {command}")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def grading_speed(course: Course) -> str:
    """What was measured, beside the target."""
    found = _measured(course, "bench", "autograder bench")
    rows = []
    for name, what in (("small", "a small torch assignment"), ("mix", "all assignments mixed")):
        part = found[name]
        rows += [
            [f"{what}: nbgrader's executor", f"{part['nbgrader_seconds']:.2f} s", ""],
            [f"{what}: this engine", f"{part['seconds']:.3f} s", f"at most {TARGETS['small_seconds']:g} s" if name == "small" else ""],
            [f"{what}: times as fast", f"{part['ratio']:.0f}", f"{TARGETS[f'{name}_ratio']:.0f}"],
            [f"{what}: learning how known mistakes behave, once a version", f"{part['learning_seconds']:.0f} s in all", ""],
        ]
    for count, size in found["memory"]["peak"].items():
        rows.append([f"memory at its highest, {count} submissions", f"{size / GIB:.2f} GiB", f"{TARGETS['memory_bytes'] / GIB:g} GiB"])
    ratio = found["cluster"]["ratio"]
    rows.append(["two Dask workers: times as fast as one", f"{ratio:.2f}", f"{TARGETS['cluster_ratio']:g}"])
    return table("Speed and memory", ["a submission, gradebook written", "measured", "target"], rows)


def grading_attacks(course: Course) -> str:
    """A row a family, and their sum; each family's attacks below, folded."""
    found = _measured(course, "attacks", "autograder attacks --nbgrader")
    head = ["family", "attacks", "fooled nbgrader", "fooled this engine", "not tried on nbgrader"]
    families = totals(found["attacks"])
    total = ("all", *(sum(column) for column in list(zip(*families, strict=True))[1:]))
    parts = [table("Attacks", head, [list(map(str, row)) for row in [*families, total]])]
    for family, count, *_ in families:
        rows = [_attack(row) for row in found["attacks"] if row["family"] == family]
        shown = table(f"Attacks: {family}", ["attack", "earned", "nbgrader", "this engine"], rows)
        parts.append(f"<details><summary>{html.escape(family)}: {count} attacks</summary>{shown}</details>")
    return "".join(parts)


def _attack(row: dict[str, Any]) -> list[str]:
    if row["not_run"]:
        theirs = f"not tried: {html.escape(row['not_run'])}"
    else:
        mark = "no mark" if row["nbgrader"] is None else f"{row['nbgrader']:g}"
        theirs = "; ".join([mark, *map(html.escape, row["effects"])])
    ours = "; ".join([f"{row['ours']:g}", *map(html.escape, row["broken"])])
    return [html.escape(row["name"]), f"{row['expected']:g}", theirs, ours]


def grading_damage(course: Course) -> str:
    """What became of killed runs and damaged notebooks."""
    crash = _measured(course, "crash", "autograder bench --crash 50")
    fuzz = _measured(course, "fuzz", "autograder attacks --fuzz 1000")
    kills, outcomes = Counter(crash["kills"]), Counter(fuzz["outcomes"])
    what = ", ".join(f"{count} × the {html.escape(name)}" for name, count in sorted(kills.items()))
    became = ", ".join(f"{count} {html.escape(name)}" for name, count in outcomes.most_common())
    rows = [
        ["killed while grading", str(sum(kills.values())), what, str(len(crash["findings"]))],
        ["damaged notebooks", str(fuzz["cases"]), became, str(len(fuzz["failures"]))],
    ]
    return table("Kills and damage", ["trial", "cases", "of which", "grades lost, doubled or unearned"], rows)


BOUNDARY = """
<figure class="boundary">
<svg viewBox="0 0 420 480" role="img" aria-labelledby="boundary-title boundary-text">
<title id="boundary-title">The trust boundary</title>
<desc id="boundary-text">The grader holds masters, submissions and the gradebook. It starts a sandbox, in which one process runs the
hidden tests and another, behind walls of its own, runs the learner's code. Between these two only data cross: calls, and numbers as
answers. The tests' process alone tells the grader a verdict.</desc>
<g fill="none" stroke="currentColor" stroke-width="1.5">
<rect x="10" y="10" width="400" height="110" rx="8"/>
<rect x="10" y="175" width="400" height="295" rx="8" stroke-dasharray="7 5"/>
<rect x="30" y="200" width="165" height="105" rx="8"/>
<rect x="225" y="200" width="165" height="215" rx="8" stroke-width="3"/>
</g>
<g stroke="currentColor" stroke-width="1.5" fill="currentColor">
<path d="M85 197V125" fill="none"/><path d="m85 121-5 10h10z"/>
<path d="M140 121v72" fill="none"/><path d="m140 198-5-10h10z"/>
<path d="M310 121v72" fill="none"/><path d="m310 198-5-10h10z"/>
<path d="M198 240h21" fill="none"/><path d="m224 240-9-4.500v9z"/>
<path d="M222 275h-21" fill="none"/><path d="m196 275 9-4.500v9z"/>
</g>
<g fill="currentColor" font-size="14" font-family="inherit">
<text x="25" y="35" font-weight="600">The grader</text>
<text x="25" y="58">masters with hidden tests, submissions,</text>
<text x="25" y="77">gradebook; plans what runs, keeps the clock,</text>
<text x="25" y="96">writes each grade with its record</text>
<text x="20" y="152">verdict</text><text x="150" y="152">tests</text><text x="300" y="152" text-anchor="end">learner's cells</text>
<text x="210" y="455" font-weight="600" text-anchor="middle">The sandbox: no network, no masters</text>
<text x="45" y="225" font-weight="600">Tests</text>
<text x="45" y="247">run hidden tests;</text>
<text x="45" y="266">never run code of</text>
<text x="45" y="285">the learner's</text>
<text x="238" y="225" font-weight="600">Learner's code</text>
<text x="238" y="247">own namespaces,</text>
<text x="238" y="266">memory, time and</text>
<text x="238" y="285">process limits;</text>
<text x="238" y="304">no capabilities;</text>
<text x="238" y="323">filtered system</text>
<text x="238" y="342">calls; fresh /tmp;</text>
<text x="238" y="361">ends with its</text>
<text x="238" y="380">submission</text>
<text x="45" y="337">calls go right,</text>
<text x="45" y="356">plain data come</text>
<text x="45" y="375">back: numbers,</text>
<text x="45" y="394">arrays, text.</text>
<text x="45" y="413">No pickles.</text>
</g>
</svg>
</figure>
"""
