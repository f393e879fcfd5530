"""`autograder report`: the class in a table, in CSV for a learning-management system, and in plots."""

from __future__ import annotations

import csv
import html
import io
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from nbgrader.api import SubmittedAssignment
from sqlalchemy.orm import joinedload, undefer

from autograder.course import Course
from autograder.gradebook import open_gradebook
from autograder.kept import earlier_grade, refusal
from autograder.master import read_master
from autograder.release import write_if_changed
from autograder.results import Grade
from autograder.submissions import Submission, digest_of, find_submissions

HELP_BELOW = 0.6
SUMS = ("score", "max_score", "late_submission_penalty", "needs_manual_grade")  # the gradebook makes them out of others, each when asked


@dataclass(frozen=True)
class Row:
    """One submission as the report shows it. `score` is None where it could not be graded, `note` says why."""

    student: str
    stem: str
    score: float | None
    max_score: float
    late_seconds: float
    note: str
    tasks: tuple[tuple[str, str], ...] = ()
    mistakes: tuple[tuple[str, str], ...] = ()

    @property
    def share(self) -> float:
        return (self.score or 0.0) / self.max_score

    @property
    def late(self) -> str:
        if not self.late_seconds:
            return ""
        hours = self.late_seconds / 3600
        return f"{hours:.0f} h late" if hours < 48 else f"{hours / 24:.0f} days late"


def rows(course: Course, stems: list[str]) -> list[Row]:
    """Every submission with the score that the gradebook holds: with marks given by hand, less what being late costs."""
    result = []
    with open_gradebook(course) as gradebook:
        at_once = [joinedload(SubmittedAssignment.student), joinedload(SubmittedAssignment.assignment)]
        at_once += [undefer(getattr(SubmittedAssignment, name)) for name in SUMS]
        known = {(s.student.id, s.assignment.name): s for s in gradebook.db.query(SubmittedAssignment).options(*at_once)}
        for submission in find_submissions(course, stems):
            kept = known.get((submission.student, submission.stem))
            grade = earlier_grade(course, submission.student, submission.stem)
            refused = refusal(course, submission.student, submission.stem)
            if kept is not None and grade is not None:
                score, most, late = max(0.0, kept.score - kept.late_submission_penalty), kept.max_score, kept.total_seconds_late
                note = _note(grade, submission, refused, by_hand=kept.needs_manual_grade)
                tasks = tuple((task.name, task.status) for task in grade.tasks)
                mistakes = tuple((task.name, task.diagnosis) for task in grade.tasks if task.diagnosis)
            else:
                score, most, late = None, read_master(course.master(submission.stem)).points, 0.0
                note, tasks, mistakes = f"not gradable: {refused}" if refused else "not graded yet; run `autograder grade`", (), ()
            result.append(Row(submission.student, submission.stem, score, most, late, note, tasks, mistakes))
    return result


def _note(grade: Grade, submission: Submission, refused: str | None, *, by_hand: bool) -> str:
    """What must be known of a grade before it is passed on."""
    notes = list(grade.problems)
    if refused:
        notes = [f"an earlier submission's grade; the latest is not gradable: {refused}"]
    elif grade.record.get("submission") != digest_of(submission.content):
        notes = ["an earlier submission's grade; the latest is not graded yet, run `autograder grade`"]
    if by_hand:
        notes.append("graded anew since a mark was given by hand, which was kept; look at it in formgrader")
    return "; ".join(notes)


def write_report(course: Course, stems: list[str]) -> list[Path]:
    """Write `reports/index.html` with its plots, `grades.csv` (a line per submission) and `lms.csv` (a line per student)."""
    lines = rows(course, stems)
    course.reports.mkdir(exist_ok=True)
    files = {"grades.csv": _grades_csv(lines), "lms.csv": _lms_csv(lines, stems), "index.html": _page(lines)}
    for name, text in files.items():
        write_if_changed(course.reports / name, text)
    return [course.reports / name for name in files] + _plots(lines, course.reports)


def _grades_csv(lines: list[Row]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["student", "assignment", "score", "max_score", "percent", "hours_late", "note"])
    for row in lines:
        score = "" if row.score is None else f"{row.score:g}"
        percent = "" if row.score is None else f"{100 * row.share:.1f}"
        hours = f"{row.late_seconds / 3600:.1f}"
        writer.writerow([_plain(row.student), row.stem, score, f"{row.max_score:g}", percent, hours, _plain(row.note)])
    return out.getvalue()


def _lms_csv(lines: list[Row], stems: list[str]) -> str:
    table: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in lines:
        table[row.student][row.stem] = row
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["student", *stems])
    for student, by_stem in sorted(table.items()):
        scores = [by_stem.get(stem) for stem in stems]
        writer.writerow([_plain(student), *("" if r is None or r.score is None else f"{r.score:g}" for r in scores)])
    return out.getvalue()


def _plain(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def by_task(lines: list[Row]) -> dict[tuple[str, str], float]:
    """The share of graded submissions that passed each task, hardest first."""
    seen: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for row in lines:
        for name, status in row.tasks:
            seen[row.stem, name].append(status == "passed")
    shares = {key: sum(passed) / len(passed) for key, passed in seen.items()}
    return dict(sorted(shares.items(), key=lambda item: item[1]))


def known_mistakes(lines: list[Row]) -> list[tuple[str, str, str, int]]:
    """Assignment, task, misconception, and how many submissions show it; the most frequent first."""
    counts = Counter((row.stem, task, text) for row in lines for task, text in row.mistakes)
    return [(*key, count) for key, count in counts.most_common()]


def who_needs_help(lines: list[Row]) -> list[Row]:
    """Submissions under 60 %, or not gradable at all: worst first."""
    return sorted((r for r in lines if r.score is None or r.share < HELP_BELOW), key=lambda r: r.share)


def _plots(lines: list[Row], folder: Path) -> list[Path]:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.5))
    axes.hist([100 * row.share for row in lines if row.score is not None], bins=10, range=(0, 100), edgecolor="white")
    axes.set(xlabel="score (%)", ylabel="submissions", title="Distribution of scores")
    scores = folder / "scores.png"
    figure.savefig(scores, dpi=110, bbox_inches="tight")
    plt.close(figure)
    tasks = by_task(lines)
    figure, axes = plt.subplots(figsize=(7, 0.8 + 0.24 * len(tasks)))
    axes.barh([f"{stem}: {name}" for stem, name in tasks], [100 * share for share in tasks.values()])
    axes.set(xlabel="submissions that passed (%)", title="Tasks, hardest first", xlim=(0, 100))
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=7)
    difficulty = folder / "tasks.png"
    figure.savefig(difficulty, dpi=110, bbox_inches="tight")
    plt.close(figure)
    return [scores, difficulty]


def _page(lines: list[Row]) -> str:
    def table(head: list[str], body: list[list[str]]) -> str:
        cells = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in line) + "</tr>" for line in body)
        return "<table><thead><tr>" + "".join(f"<th>{h}</th>" for h in head) + f"</tr></thead><tbody>{cells}</tbody></table>"

    def score(row: Row) -> str:
        return "not graded" if row.score is None else f"{row.score:g} of {row.max_score:g}"

    everything = [[r.student, r.stem, score(r), r.late, r.note] for r in lines]
    tasks = [[stem, name, f"{100 * share:.0f} %"] for (stem, name), share in by_task(lines).items()]
    mistakes = [[stem, task, text, str(count)] for stem, task, text, count in known_mistakes(lines)]
    helped = [[r.student, r.stem, score(r), ", ".join(n for n, s in r.tasks if s != "passed")] for r in who_needs_help(lines)]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Class report</title>
<style>body{{font:16px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}}table{{border-collapse:collapse;margin:1rem 0}}
td,th{{padding:.3rem .7rem;border-bottom:1px solid #ccc;text-align:left}}img{{max-width:100%}}</style></head><body>
<h1>Class report</h1>
<h2>Grades</h2>{table(["Student", "Assignment", "Score", "Late", "Note"], everything)}
<h2>Who needs help</h2><p>Under {100 * HELP_BELOW:.0f} %, or not gradable.</p>
{table(["Student", "Assignment", "Score", "Tasks not passed"], helped)}
<h2>Known mistakes</h2><p>Failed tasks whose code behaves like a wrong solution of the catalogue.</p>
{table(["Assignment", "Task", "Misconception", "Submissions"], mistakes)}
<h2>Scores</h2><img src="scores.png" alt="Histogram of the submissions' scores in percent">
<h2>Tasks</h2><img src="tasks.png" alt="Bar chart of the share of submissions that passed each task, as in the table below">
{table(["Assignment", "Task", "Passed"], tasks)}
</body></html>
"""
