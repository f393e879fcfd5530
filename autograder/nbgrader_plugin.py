"""What nbgrader calls instead of its own parts, as `nbgrader_config.py` says: the engine grades, feedback hides tests.

nbgrader runs its converters in the root of the course, so the working directory is the checkout.
"""

from __future__ import annotations

import atexit
import html
import json
import logging
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode
from nbgrader.converters.base import NbGraderException
from nbgrader.exchange.default import ExchangeCollect
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import ignore_patterns, is_grade

from autograder.autograded import error_output, graded_notebook, sanitised
from autograder.checks import SEED_VARIABLE, CheckFailed
from autograder.course import Course, CourseError
from autograder.feedback_page import task_names
from autograder.kept import MARK, key_of
from autograder.master import Assignment, read_master
from autograder.refusals import REFUSALS
from autograder.release import built_master, say_where_it_runs, text_of, write_if_changed
from autograder.results import Grade
from autograder.submissions import dated, digest_of, printable, read_submission

if TYPE_CHECKING:
    from autograder.engine import Engine

HIDDEN_NOTE = "# Hidden tests ran here."
REMOVED = "(This output repeated part of a hidden test and was removed.)"
SHORTEST_SECRET = 12
PAGE_COLUMNS = 90


class RefusalsInALine(logging.Filter):
    """For nbgrader's log, which shows every error as a traceback: of one that says all there is to know, only that is shown."""

    def filter(self, record: logging.LogRecord) -> bool:
        error, text = sys.exc_info()[1], record.getMessage()
        if isinstance(error, REFUSALS) and text.startswith("Traceback"):
            record.msg, record.args = " ".join(str(error).splitlines()), ()
        elif "see the the above traceback" in text:
            record.msg, record.args = "What was wrong with each is said above; all others are done.", ()
        return not (isinstance(error, NbGraderException) and text.startswith("Traceback"))  # nbgrader has said its own already


REFUSALS_IN_A_LINE = RefusalsInALine()  # a logger takes the same one only once


class RequireFreshMaster(NbGraderPreprocessor):
    """First step of `generate_assignment`: refuse a notebook that is not what its master builds."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        self.log.addFilter(REFUSALS_IN_A_LINE)
        stem = resources["nbgrader"]["assignment"]
        path = Course(Path.cwd()).master(stem)
        if path.exists() and text_of(nb) != text_of(built_master(read_master(path))):
            raise CourseError(f"solutions/{stem}/{stem}.ipynb is not what {path.name} says; run `autograder release {stem}`")
        return nb, resources


class SayWhereItRuns(NbGraderPreprocessor):
    """Last step of `generate_assignment`: the note that `autograder release` puts into the first cell."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        say_where_it_runs(nb, Path.cwd() / "_config.yml")
        return nb, resources


class SubmissionExporter(NotebookExporter):
    """An exporter that leaves it to `GradeWithEngine` to read the submission, which may be anything but a notebook.

    nbgrader makes it before it looks at the first submission, so it also sees to dates that nbgrader can't read.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.log.addFilter(REFUSALS_IN_A_LINE)
        for folder in map(Path, self.parent.assignments):
            student, stem = folder.parent.name, folder.name
            submission = dated(read_submission(folder, student, stem), folder)
            if submission.path and submission.path.stem != stem:
                other = f"rename it, or run `autograder grade {stem} --student {student}`"
                self.log.warning("%s: nbgrader grades %s.ipynb only; %s", printable(str(submission.path)), stem, other)

    def from_filename(self, filename: str, resources: dict[str, Any] | None = None, **kw: Any) -> Any:
        if any(isinstance(step, GradeWithEngine) for step in self._preprocessors):
            return self.from_notebook_node(nbformat.v4.new_notebook(), resources=resources)
        return super().from_filename(filename, resources=resources, **kw)


class GradeWithEngine(NbGraderPreprocessor):
    """Autograde with the course's engine: answers the graded notebook, whose outputs nbgrader turns into marks."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        course, (stem, student) = Course(Path.cwd()), (resources["nbgrader"][k] for k in ("assignment", "student"))
        if not course.master(stem).exists():
            raise CourseError(f"no master {course.master(stem)}; write one, or set AUTOGRADER_EXECUTOR=nbgrader")
        folder = course.submission(student, stem).parent
        submission = dated(read_submission(folder, student, stem), folder)
        where = printable(str((submission.path or folder).relative_to(course.root)))
        again = f"(once that is mended: `nbgrader autograde {stem} --student {student}`)"
        if submission.problem:
            raise CourseError(f"{where}: not gradable: {submission.problem} {again}")
        assignment, seed = read_master(course.master(stem)), int(os.environ.get(SEED_VARIABLE, "0"))
        content = submission.content
        grade = _grade(assignment, content, seed)
        if not grade.gradable:
            raise CourseError(f"{where}: not gradable: {grade.reason} {again}")
        grade.problems[:0] = filter(None, [submission.remark])
        for problem in grade.problems:
            self.log.warning("%s, %s: %s", student, stem, problem)
        grade.record["key"] = key_of(assignment.hash, seed, digest_of(content), submission.timestamp)
        write_if_changed(course.autograded(student, stem).with_name(MARK), json.dumps(asdict(grade), indent=1) + "\n")
        return graded_notebook(assignment, content, grade), resources


class HideTests(NbGraderPreprocessor):
    """Feedback shows the learner's outputs and the property that does not hold, never a hidden test (nbgrader #917)."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        course, (stem, student) = Course(Path.cwd()), (resources["nbgrader"][k] for k in ("assignment", "student"))
        path, by_engine = course.master(stem), course.autograded(student, stem).with_name(MARK).exists()
        original = read_master(path).notebook if path.exists() else nb
        secrets = hidden_lines(original)
        trusted = {cell.source for cell in original.cells} if path.exists() else set()
        resources["nbgrader"]["names"] = task_names(nb, trusted)
        for cell in nb.cells:
            cell.source = split_hidden(cell.source)[0]
            if is_grade(cell) and cell.cell_type == "code":
                errors = [output for output in cell.outputs if output.output_type == "error"]
                cell.outputs = errors if by_engine else [_property(error) for error in errors]
            if cell.cell_type == "code":
                cell.outputs = [_wrapped(_without(secrets, output)) for output in cell.outputs]
        return sanitised(nb, trusted), resources


class CollectFilesOnly(ExchangeCollect):
    """Collect regular files. A link or a device in the inbox would be read with the instructor's rights.

    Where the learner's `timestamp.txt` holds no date, nbgrader could neither list the assignment nor release feedback.
    """

    def do_copy(self, src: str, dest: str, log: Any = None) -> None:
        course = self.coursedir
        unwanted = ignore_patterns(course.ignore, course.include, course.max_file_size, self.log)

        def ignore(folder: str, names: list[str]) -> list[str]:
            odd = [n for n in names if not _plain(Path(folder, n))]
            for name in odd:
                self.log.warning("Not collected, as it is no regular file: %s", Path(folder, name))
            return [*odd, *unwanted(folder, names)]

        if not _plain(Path(src)):
            self.log.error("Not collected, as it is no folder: %s; ask the student to submit again", src)
        elif self.get_size(src) > 1000 * course.max_dir_size:
            self.log.error("Not collected, as it is larger than %d kB: %s", course.max_dir_size, src)
        else:
            shutil.copytree(src, dest, symlinks=True, ignore=ignore)
            _date_by_folder(Path(src), Path(dest))


def hidden_lines(notebook: NotebookNode) -> set[str]:
    """The lines of all hidden tests that are long enough to be told from ordinary text, and stand nowhere else."""
    cells = [split_hidden(cell.source) for cell in notebook.cells]
    shown = "\n".join(source for source, _ in cells)
    lines = {line.strip() for _, hidden in cells for line in hidden}
    return {line for line in lines if len(line) >= SHORTEST_SECRET and line not in shown}


def split_hidden(source: str) -> tuple[str, list[str]]:
    """The source with a note for each hidden part, and the lines of those parts. One that does not end goes on to the end."""
    shown: list[str] = []
    hidden: list[str] = []
    inside = False
    for line in source.split("\n"):
        if not inside and "BEGIN HIDDEN TESTS" in line:
            inside = True
            shown.append(HIDDEN_NOTE)
        elif inside and "END HIDDEN TESTS" in line:
            inside = False
        else:
            (hidden if inside else shown).append(line)
    return "\n".join(shown), hidden


def _grade(assignment: Assignment, content: bytes, seed: int) -> Grade:
    """Grade with one engine for the whole process: formgrader and `nbgrader autograde` grade one student after another."""
    from autograder.engine import Engine

    global _engine
    if _engine is None:
        _engine = Engine().__enter__()
        atexit.register(_close)
    try:
        grade = _engine.grade(assignment, content, seed=seed)
    except BaseException:
        _close()
        raise
    if grade.infrastructure_error:
        _close()
        raise CourseError(f"{grade.tasks[0].message} (not the learner); nothing was written, run the command again")
    return grade


def _close() -> None:
    global _engine
    if _engine is not None:
        engine, _engine = _engine, None
        engine.__exit__(None, None, None)


_engine: Engine | None = None


def _property(output: NotebookNode) -> NotebookNode:
    """What may be seen of a test's error in nbgrader's own executor: a check's text; of any other its kind, as its text may hold data."""
    return error_output(output.ename, output.evalue if output.ename == CheckFailed.__name__ else "")


def _wrapped(output: NotebookNode) -> NotebookNode:
    """An error's lines so broken that they fit the page, which would cut off what explains it; any other output as it is."""
    if output.output_type != "error":
        return output
    lines = [line for text in output.traceback for line in text.splitlines()]
    output.traceback = [part for line in lines for part in textwrap.wrap(line, PAGE_COLUMNS, subsequent_indent="  ") or [""]]
    return output


def _without(secrets: set[str], output: NotebookNode) -> NotebookNode:
    """The output, unless it repeats a line of a hidden test."""
    text = html.unescape(strip_ansi("\n".join(_strings(output))))
    if any(secret in text for secret in secrets):
        return nbformat.v4.new_output("stream", name="stdout", text=REMOVED)
    return output


def _strings(value: Any) -> Iterator[str]:
    """Every string in a nest of dicts and lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)


def _date_by_folder(inbox: Path, collected: Path) -> None:
    """If what was collected has no date, it gets the one by which nbgrader chose it, that in the name of the inbox's folder."""
    submission = read_submission(collected, collected.parent.name, collected.name)
    if dated(submission, collected).timestamp is None:
        with suppress(OSError):  # grading says what is wrong
            (collected / "timestamp.txt").write_text(inbox.name.split("+")[2])


def _plain(path: Path) -> bool:
    """Whether a path is a regular file or a folder itself, not a link to one."""
    return not path.is_symlink() and (path.is_file() or path.is_dir())
