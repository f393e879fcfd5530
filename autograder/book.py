"""The book: from chapters to a site, every cell executed as it is built."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from autograder.book_process import MODULES
from autograder.course import Course, CourseError
from autograder.executed import modules_to_warm
from autograder.warm_server import possible

STAMP = ".built_from"
REFERENCES = "book/start_here/references.md"
TRACEBACK_LINES = 12
# As nbclient tells of a cell, in the log of the build, whoever executes the chapter; two empty lines or another traceback come after it.
FAILED_CELL = re.compile(
    r"An error occurred while executing the following cell:\n-{18}\n(?P<source>.*?)\n-{18}\n"
    r"(?P<said>.*?)(?=\n\n\n|\nThe above |\nTraceback |\Z)",
    re.DOTALL,
)
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def build_book(course: Course, *, force: bool = False) -> bool:
    """Execute all chapters and build the site; return False where nothing had changed since the last time.

    Raises:
        CourseError: if a chapter fails, or a single warning is printed; the output above says where.
    """
    stamp = course.site / STAMP
    digest = digest_of_inputs(course)
    if not force and stamp.exists() and stamp.read_text() == digest:
        return False
    if not stamp.exists():  # the last build did not end well: what it warned of must be said again, so every page is read again
        shutil.rmtree(course.site.parent / ".doctrees", ignore_errors=True)
    stamp.unlink(missing_ok=True)
    _jupyter_book(course, [chapter.path for chapter in course.chapters], ["-n", "-W", "--keep-going"])
    stamp.write_text(digest)
    return True


def preview(course: Course, stem: str) -> Path:
    """Execute and build one chapter with its assignment, apart from the site; return its page.

    Links to other chapters lead nowhere in it; everything else is as it will be.
    """
    chapter = course.chapter(stem).relative_to(course.root).with_suffix("")
    others = [course.release(stem), course.root / REFERENCES]  # without the list of sources a chapter couldn't cite
    files = [{"file": str(path.relative_to(course.root).with_suffix(""))} for path in others if path.exists()]
    toc = {"format": "jb-book", "root": str(chapter), "chapters": files}
    folder = course.state / "preview" / stem
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc))
    _jupyter_book(course, [course.chapter(stem)], ["--toc", str(folder / "_toc.yml"), "--path-output", str(folder)])
    return folder / "_build" / "html" / chapter.with_suffix(".html")


def _jupyter_book(course: Course, chapters: list[Path], options: list[str]) -> None:
    """Run Jupyter Book on this checkout; a failure is an error that quotes what to mend."""
    jupyter_book = ["-m", "autograder.book_process"] if possible() else ["-c", "from jupyter_book.cli.main import main; main()"]
    command = [sys.executable, *jupyter_book, "build", *options, str(course.root)]
    tools = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "BOOK_BUILD": "1",
        "OMP_NUM_THREADS": "1",
        MODULES: " ".join(modules_to_warm(course.root, chapters) if possible() else ()),
        "PYTHONPATH": os.pathsep.join([str(course.root), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PATH": os.pathsep.join([tools, os.environ.get("PATH", "")]),
    }
    course.state.mkdir(exist_ok=True)
    log = course.state / "book.log"
    with log.open("w") as output:
        done = subprocess.run(command, env=environment, cwd=course.root, stdout=output, stderr=subprocess.STDOUT, check=False)
    built = Path(options[options.index("--path-output") + 1] if "--path-output" in options else course.root) / "_build" / "html"
    if done.returncode or not any(built.glob("*.html")):
        wanted = to_mend(log.read_text(errors="replace"), chapters)
        raise CourseError(f"the book does not build; mend this and run it again:\n{wanted}\n(all of it: {log})")


def to_mend(log: str, chapters: list[Path]) -> str:
    """What the log of a failed build says of its cause: a cell that fails, with its chapter and the error, or else all warnings."""
    plain = COLOUR.sub("", log)
    if cell := FAILED_CELL.search(plain):
        said = [line for line in cell["said"].splitlines() if line.strip()][-TRACEBACK_LINES:]
        return "\n".join([f"{_place(cell['source'], chapters)}: this cell fails:", *_indented(cell["source"].splitlines()), *said])
    lines = [line for line in plain.splitlines() if line.strip()]
    wanted = [line for line in lines if ("WARNING" in line or "ERROR" in line) and "IPKernelApp" not in line]
    return "\n".join((wanted or lines)[-20:])


def _place(source: str, chapters: list[Path]) -> str:
    """Where a cell's source begins, as `path:line`."""
    for path in chapters:
        before, found, _ = path.read_text().partition(f"\n{source}\n")
        if found:
            return f"{path}:{before.count(chr(10)) + 2}"
    return "a chapter"


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def digest_of_inputs(course: Course) -> str:
    """A hash of everything that the site is made of."""
    digest = hashlib.sha256()
    files = [course.root / name for name in ("_config.yml", "_toc.yml", "pyproject.toml")]
    for folder in ("book", "exercises"):
        files += sorted(p for p in (course.root / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    for path in files:
        digest.update(str(path.relative_to(course.root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
