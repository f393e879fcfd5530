"""`autograder release`: build the learners' notebooks."""

from __future__ import annotations

from autograder.cli.app import console, stems_argument, verb
from autograder.course import Course


@verb("release")
@stems_argument
def release_verb(course: Course, stems: tuple[str, ...]) -> None:
    """Build the notebooks learners open (exercises/) from the masters (solutions/).

    Only files whose content changes are written. Without a STEM, all assignments.
    """
    from autograder.release import release

    for stem in course.select(stems):
        changed = release(course, stem)
        state = "unchanged" if not changed else ", ".join(str(p.relative_to(course.root)) for p in changed)
        console.print(f"[bold]{stem}[/bold]  {state}")
