"""`autograder bench`: measure the grading engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from autograder.cli.app import console, verb
from autograder.course import Course


@verb("bench")
@click.option("--crash", "kills", type=int, metavar="N", help="Instead: kill the command, its zygote and workers N times while they grade.")
@click.option("--count", default=100, show_default=True, help="Submissions in a class.")
@click.option("--large", default=2000, show_default=True, help="Submissions in the large class, whose memory is measured.")
@click.option("--sample", default=6, show_default=True, help="Submissions of each assignment that nbgrader grades.")
@click.option("--only", type=click.Choice(["small", "mix", "memory", "cluster"]), multiple=True, help="Measure this part only.")
def bench_verb(course: Course, kills: int | None, count: int, large: int, sample: int, only: tuple[str, ...]) -> None:
    """Measure grading beside plain nbgrader: seconds a submission, memory, workers. Takes a quarter of an hour.

    Figures go to book/start_here/_measured/, where the chapter on grading reads them. Ratios are of the same run on the same machine.
    """
    if kills is not None:
        _crash(course, kills)
        return
    from autograder.bench import speed

    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "small": lambda: speed.beside_nbgrader(course, mix=False, count=count, sample=sample, say=_say),
        "mix": lambda: speed.beside_nbgrader(course, mix=True, count=count, sample=sample, say=_say),
        "memory": lambda: speed.memory_of(course, (count, large), say=_say),
        "cluster": lambda: speed.cluster_scaling(course, count, say=_say),
    }
    path = course.measured("bench")
    figures: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for name, measure in parts.items():
        if not only or name in only:
            console.print(f"[bold]{name}[/bold]")
            figures[name] = {"machine": speed.machine(), **measure()}
            _write(path, {part: figures[part] for part in parts if part in figures})
    _show(figures)


def _crash(course: Course, kills: int) -> None:
    import tempfile

    from autograder.bench.classroom import classroom
    from autograder.bench.crash import crash

    with tempfile.TemporaryDirectory(prefix="autograder-crash-") as folder:
        result = crash(classroom(Path(folder) / "course", course), kills, say=_say)
    _write(course.measured("crash"), result.plain())
    console.print(f"{sum(result.kills.values())} kills ({dict(result.kills)}), {len(result.findings)} findings")
    for finding in result.findings:
        console.print(finding, markup=False)
    if result.findings:
        raise SystemExit(1)


def _show(figures: dict[str, Any]) -> None:
    from autograder.bench.speed import TARGETS

    table = Table(title="Targets", title_justify="left")
    for head in ("what", "measured", "target"):
        table.add_column(head)
    for name, what in (("small", "small torch assignment"), ("mix", "all assignments mixed")):
        if name in figures:
            ratio = figures[name]["ratio"]
            table.add_row(f"{what}, times nbgrader", f"{ratio:.0f}×", f"{TARGETS[f'{name}_ratio']:.0f}×")
            target = f"{TARGETS['small_seconds']} s" if name == "small" else ""
            table.add_row(f"{what}, a submission", f"{figures[name]['seconds']:.3f} s", target)
    for count, size in figures.get("memory", {}).get("peak", {}).items():
        table.add_row(f"memory, {count} submissions", f"{size / 2**30:.2f} GiB", f"{TARGETS['memory_bytes'] / 2**30} GiB")
    if "cluster" in figures:
        table.add_row("two Dask workers, times one", f"{figures['cluster']['ratio']:.2f}×", f"{TARGETS['cluster_ratio']}×")
    console.print(table)


def _say(line: str) -> None:
    console.print(f"  {line}", markup=False, highlight=False)


def _write(path: Path, figures: dict[str, Any]) -> None:
    from autograder.release import write_if_changed

    write_if_changed(path, json.dumps(figures, indent=1) + "\n")
    console.print(f"  written: {path}", soft_wrap=True)
