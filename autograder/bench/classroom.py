"""The classes that are measured: courses in a temporary folder, submissions made of references, wrong solutions and variants."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from autograder.catalogue import Alternative, read_alternatives, replace_definition
from autograder.course import Course
from autograder.gradebook import save_assignment
from autograder.master import Assignment, read_master
from autograder.release import release, text_of, write_if_changed
from autograder.sample import Answers, filled, reference

SMALL = "small_torch"
HANDED_IN = "2026-01-30 18:00:00.000000 UTC"


def classroom(root: Path, checkout: Course) -> Course:
    """A course with the small assignment and all of the checkout's own, released, with an empty gradebook."""
    for folder in [Path(__file__).parent / SMALL, *(checkout.master(stem).parent for stem in checkout.stems)]:
        shutil.copytree(folder, root / "solutions" / folder.name, ignore=shutil.ignore_patterns("*.ipynb", "__pycache__"))
    shutil.copy(checkout.root / "nbgrader_config.py", root)
    shutil.copytree(checkout.root / "book", root / "book", ignore=shutil.ignore_patterns("*.md", "__pycache__"))
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/welcome\n")
    course = Course(root)
    for stem in course.stems:
        release(course, stem)
        save_assignment(course, read_master(course.master(stem)))
    return course


def hand_in(course: Course, stems: list[str], count: int, prefix: str = "student", seed: int = 0) -> None:
    """Write `count` submissions, shared out over the assignments; no two are the same bytes, and the same call writes the same."""
    makers = {stem: _answers(course, read_master(course.master(stem)), random.Random(f"{seed}{prefix}{stem}")) for stem in stems}
    for number in range(count):
        stem, student = stems[number % len(stems)], f"{prefix}{number:04d}"
        assignment, answers = next(makers[stem])
        first = assignment.tasks[0].solution_id
        answers[first] += f"\n# {student}"
        path = course.submission(student, stem)
        write_if_changed(path, text_of(filled(assignment, answers)))
        path.with_name("timestamp.txt").write_text(HANDED_IN)


def _answers(course: Course, assignment: Assignment, rng: random.Random) -> Iterator[tuple[Assignment, Answers]]:
    """Endless submissions: each task is answered by the reference (half of them), a wrong solution, a variant, or not at all."""
    choices: dict[str, list[Alternative]] = {task.name: [] for task in assignment.tasks}
    for path, kind in ((course.wrong(assignment.stem), "wrong"), (course.variants(assignment.stem), "variant")):
        for alternative in read_alternatives(path, kind):
            choices[assignment.task_defining(alternative.target).name].append(alternative)
    while True:
        answers = reference(assignment)
        for task in assignment.tasks[1:]:
            draw = rng.random()
            if draw < 0.05:
                del answers[task.solution_id]
            elif draw < 0.5 and choices[task.name]:
                answers[task.solution_id] = replace_definition(answers[task.solution_id], rng.choice(choices[task.name]))
        yield assignment, answers
