"""`autograder diagnose`: how often a failed task is told the right misconception, measured on the catalogue itself."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from autograder.catalogue import CatalogueError, read_alternatives, replace_definition
from autograder.course import Course
from autograder.engine import Engine
from autograder.engine.diagnosis import Observation, best_match
from autograder.engine.misconceptions import catalogue
from autograder.master import Assignment, Task, read_master
from autograder.release import write_if_changed

MEASURED = Path("book/start_here/_measured/diagnosis.json")


@dataclass
class Score:
    """What diagnosis said of one assignment's solutions.

    A solution of the catalogue is `known` when the whole catalogue is there, and `held_out` when all but itself is: then any name
    is a wrong one. `rewritten` are the same mistakes in other words, `right` the variants, of which none may be named.
    """

    stem: str
    known: int = 0
    known_named: int = 0
    held_out_named: int = 0
    rewritten: int = 0
    rewritten_named: int = 0
    rewritten_misnamed: int = 0
    right: int = 0
    right_accused: int = 0
    failures: list[str] = field(default_factory=list)


def diagnose(course: Course, engine: Engine, stem: str, workers: int = 2) -> Score:
    """Measure diagnosis on one assignment's wrong solutions, their rewritten forms and its variants."""
    assignment = read_master(course.master(stem))
    score = Score(stem)
    with ThreadPoolExecutor(workers) as pool:
        for part in pool.map(lambda task: _task(course, engine, assignment, task), assignment.tasks):
            for name, value in asdict(part).items():
                if name != "stem":
                    setattr(score, name, getattr(score, name) + value)
    return score


def _task(course: Course, engine: Engine, assignment: Assignment, task: Task) -> Score:
    score, entries = Score(assignment.stem), catalogue(assignment, task)
    known = engine.misconceptions.known(assignment, task, 0, entries)
    for name, behaviour in known.wrong.items():
        score.known += 1
        score.known_named += _named(behaviour, known.reference, known.wrong) == name
        others = {other: seen for other, seen in known.wrong.items() if other != name}
        held_out = _named(behaviour, known.reference, others)
        score.held_out_named += held_out is not None
        score.failures += [f"{name}, held out, is called {held_out}"] if held_out else []
    reference = {t.solution_id: assignment.source(t.solution_id) for t in assignment.tasks}
    for entry in filter(lambda e: task.has(e.target), read_alternatives(course.rewritten(assignment.stem), "rewritten")):
        if entry.of not in known.wrong:
            raise CatalogueError(f"{entry.path}:{entry.line}: there is no wrong solution {entry.of!r} of {task.name}; name one of wrong.py")
        sources = reference | {task.solution_id: replace_definition(reference[task.solution_id], entry)}
        said = engine.grade_sources(assignment, sources, tasks=[task.name]).tasks[0].misconception  # as a learner would be told
        score.rewritten += 1
        score.rewritten_named += said == entry.of
        score.rewritten_misnamed += said not in (None, entry.of)
        score.failures += [f"{entry.name}, a form of {entry.of}, is called {said}"] if said != entry.of else []
    for entry in filter(lambda e: task.has(e.target), read_alternatives(course.variants(assignment.stem), "variant")):
        source = {task.solution_id: replace_definition(reference[task.solution_id], entry)}
        behaviour = engine.observe(assignment, source, task, 0)
        said = _named(behaviour, known.reference, known.wrong)
        score.right += 1
        score.right_accused += said is not None
        score.failures += [f"{entry.name}, which is right, is called {said}"] if said else []
    return score


def _named(behaviour: Observation, reference: Observation, wrong: dict[str, Observation]) -> str | None:
    match = best_match(behaviour, reference, wrong)
    return match.name if match else None


def write_scores(course: Course, scores: list[Score]) -> Path:
    """Keep the figures where the page `how_tests_are_tested` reads them; those of other assignments stay."""
    path = course.root / MEASURED
    known = {score["stem"]: score for score in json.loads(path.read_text())} if path.is_file() else {}
    known |= {score.stem: asdict(score) for score in scores}
    kept = [known[stem] for stem in course.stems if stem in known]
    write_if_changed(path, json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    return path
