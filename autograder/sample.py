"""A small sample class, made from the references and the wrong solutions, to see the whole way from notebook to grade."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from nbformat import NotebookNode

from autograder.catalogue import read_alternatives, replace_definition
from autograder.course import Course
from autograder.gradebook import save_assignment, set_due
from autograder.master import Assignment, read_master
from autograder.release import released, text_of, write_if_changed

PREFIX = "sample_"
DUE = "2026-01-31 12:00:00 UTC"
IN_TIME = "2026-01-30 18:00:00 UTC"
LATE = "2026-02-02 09:30:00 UTC"

Answers = dict[str, str]


def sample_class(course: Course) -> list[Path]:
    """Write the sample submissions, unless somebody else's are there; return the files that changed.

    The first five assignments are shared out, so that each is handed in by two or three students.
    """
    if real_students(course):
        return []
    assignments = [read_master(course.master(stem)) for stem in course.stems[:5]]
    kinds: list[tuple[str, Callable[[Course, Assignment], Answers]]] = [
        ("ada", lambda _, a: reference(a)),
        ("blaise", lambda _, a: {}),
        ("carl", one_mistake),
        ("dorothy", several_mistakes),
        ("emmy", half_finished),
        ("fatima", one_mistake),
        ("george", other_solutions),
        ("hypatia", half_finished),
        ("isaac", one_mistake),
        ("julia", several_mistakes),
    ]
    changed = []
    for assignment in assignments:
        save_assignment(course, assignment)
        set_due(course, assignment.stem, DUE)
    for number, (name, answers) in enumerate(kinds):
        assignment = assignments[number % len(assignments)]
        path = course.submission(PREFIX + name, assignment.stem)
        text = text_of(filled(assignment, answers(course, assignment)))
        changed += [path] if write_if_changed(path, text) else []
        write_if_changed(path.with_name("timestamp.txt"), (LATE if name == "fatima" else IN_TIME) + "\n")
    broken = course.submission(PREFIX + "kurt", assignments[0].stem)
    write_if_changed(broken.with_name("timestamp.txt"), IN_TIME + "\n")
    changed += [broken] if write_if_changed(broken, '{"cells": [ this is not JSON') else []
    return changed


def real_students(course: Course) -> list[str]:
    """Students in `submitted/` that are not the sample class's."""
    return sorted(
        p.name for p in (course.root / "submitted").glob("*")
        if p.is_dir() and not p.name.startswith((".", PREFIX))
    )


def remove_sample_class(course: Course) -> int:
    """Take the sample class out of the folders; the gradebook forgets it too."""
    from autograder.gradebook import open_gradebook

    folders = [p for base in ("submitted", "autograded", "feedback") for p in (course.root / base).glob(f"{PREFIX}*")]
    for folder in folders:
        shutil.rmtree(folder)
    with open_gradebook(course) as gradebook:
        for student in [s.id for s in gradebook.students if s.id.startswith(PREFIX)]:
            gradebook.remove_student(student)
    return len(folders)


def filled(assignment: Assignment, answers: Answers) -> NotebookNode:
    """The released notebook with these solution cells filled in."""
    notebook = released(assignment)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution") and cell.id in answers:
            cell.source = answers[cell.id]
    return notebook


def reference(assignment: Assignment) -> Answers:
    return {task.solution_id: assignment.source(task.solution_id) for task in assignment.tasks}


def one_mistake(course: Course, assignment: Assignment) -> Answers:
    return _with_mistakes(course, assignment, tasks=1)


def several_mistakes(course: Course, assignment: Assignment) -> Answers:
    return _with_mistakes(course, assignment, tasks=3)


def half_finished(course: Course, assignment: Assignment) -> Answers:
    done = assignment.tasks[: len(assignment.tasks) // 2]
    return {task.solution_id: assignment.source(task.solution_id) for task in done}


def other_solutions(course: Course, assignment: Assignment) -> Answers:
    """Right answers, written another way wherever the author knows one."""
    answers = reference(assignment)
    for alternative in read_alternatives(course.variants(assignment.stem), "variant"):
        task = assignment.task_defining(alternative.target)
        if answers[task.solution_id] == assignment.source(task.solution_id):
            answers[task.solution_id] = replace_definition(answers[task.solution_id], alternative)
    return answers


def _with_mistakes(course: Course, assignment: Assignment, tasks: int) -> Answers:
    answers, spoilt = reference(assignment), set[str]()
    for alternative in read_alternatives(course.wrong(assignment.stem), "wrong"):
        task = assignment.task_defining(alternative.target)
        if len(spoilt) < tasks and task.name not in spoilt:
            spoilt.add(task.name)
            answers[task.solution_id] = replace_definition(answers[task.solution_id], alternative)
    return answers
