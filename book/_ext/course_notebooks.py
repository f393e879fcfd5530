"""Sphinx extension: each chapter as a notebook that runs by itself, wherever it is saved.

Its first cell says what to install. The first one of code holds the course's own helpers (`book/*.py`), packed: a notebook alone in a
folder unpacks them into a temporary one; inside a checkout, or where the course is installed, the ones there are used.
"""

from __future__ import annotations

import ast
import base64
import io
import posixpath
import re
import sys
import textwrap
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from course_plain import Plain
from course_plan import chapters
from course_sources import sources_of
from sphinx.application import Sphinx

HELPER = re.compile(r"^from book\.(\w+) import", re.MULTILINE)
DATA = ("course.mplstyle", "_static/helpers.css", "_static/quiz.js")  # what the helpers read beside themselves
DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow"}
EPOCH = (1980, 1, 1, 0, 0, 0)
NOTE = """\
> **To run this notebook**, you need Python {python} and these packages:
>
> ```
> pip install {packages}
> ```
>
> The course's own helpers (`book.plotting` and others) come along in the first cell of code: run the cells in order.
> Where the course itself is installed, nothing more is needed."""
PREAMBLE = '''\
# This cell lets the notebook run by itself: it brings the course's helpers (book/*.py, packed below) if they aren't installed.
import base64, importlib.util, io, sys, tempfile, zipfile

needed = {needed}
missing = [package for module, package in needed.items() if importlib.util.find_spec(module) is None]
if missing:
    raise ModuleNotFoundError("this chapter needs more packages; run: pip install " + " ".join(f"'{{name}}'" for name in missing))
packed = """
{packed}
"""
if importlib.util.find_spec("book") is None:
    course_helpers = tempfile.TemporaryDirectory()  # removed when the kernel ends
    zipfile.ZipFile(io.BytesIO(base64.b64decode(packed))).extractall(course_helpers.name)
    sys.path.append(course_helpers.name)
del needed, missing, packed'''


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", write_notebook, priority=900)  # after the theme, which puts the executed chapter there
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def write_notebook(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Put a chapter's notebook where its download button points; assignments are there already, as Sphinx copies sources."""
    if any(page.docname == pagename for page in chapters(app.env).values()):
        target = Path(app.outdir) / "_sources" / f"{pagename}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(chapter_notebook(Path(app.env.doc2path(pagename)).read_text(), Path(app.srcdir), _plain(app, pagename)))


def _plain(app: Sphinx, docname: str) -> Plain:
    """The converter for a chapter's text; its links to other files lead to the repository."""
    options = app.config.html_theme_options
    base = f"{options.get('repository_url', '')}/blob/{options.get('repository_branch', 'main')}"
    folder = docname.rpartition("/")[0]
    number = app.env.toc_secnumbers.get(docname, {}).get("", ())
    return Plain(".".join(map(str, number)), sources_of(app.env), lambda path: f"{base}/{posixpath.normpath(f'{folder}/{path}')}")


def chapter_notebook(text: str, root: Path, plain: Plain | None = None) -> str:
    """A MyST Markdown chapter as an unexecuted notebook that needs nothing else of the course; same text, same bytes.

    Args:
        root: the checkout, for its helpers and for the versions that it asks for.
        plain: turns the chapter's MyST markup into plain Markdown; without it, it stays.
    """
    chapter = jupytext.reads(text, fmt="md:myst")
    make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell, "raw": nbformat.v4.new_raw_cell}
    cells = [
        make[cell.cell_type](source=cell.source, metadata=cell.metadata, id=f"cell-{position:03d}")
        for position, cell in enumerate(chapter.cells)
    ]
    for cell in cells:
        if "hide-input" in cell.metadata.get("tags", []):  # JupyterLab folds a cell by this
            cell.metadata["jupyter"] = {"source_hidden": True}
    prose = [cell for cell in cells if cell.cell_type == "markdown"]
    for cell, source in zip(prose, plain.convert([cell.source for cell in prose]) if plain else [], strict=bool(plain)):
        cell.source = source
    first = next((place for place, cell in enumerate(cells) if cell.cell_type == "code"), len(cells))
    note, source = preamble("\n".join(cell.source for cell in cells if cell.cell_type == "code"), root)
    hidden = {"jupyter": {"source_hidden": True}, "tags": ["hide-input"]}
    cells.insert(first, nbformat.v4.new_code_cell(source=source, metadata=hidden, id="helpers"))
    cells.insert(0, nbformat.v4.new_markdown_cell(source=note, id="how-to-run"))
    metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=metadata, nbformat_minor=5)) + "\n"


def preamble(code: str, root: Path) -> tuple[str, str]:
    """What to install for `code`, as text; and the cell that makes it run without the checkout at `root`."""
    helpers = _helpers(code, root / "book")
    sources = {f"book/{path.name}": path.read_text() for path in helpers}
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    needed = _packages([code, *sources.values()], project["dependencies"])
    packages = " ".join(["jupyterlab", *(f'"{name}"' for name in needed.values())])
    packed = _packed(sources | {f"book/{name}": (root / "book" / name).read_text() for name in DATA})
    return NOTE.format(python=project["requires-python"], packages=packages), PREAMBLE.format(needed=needed, packed=packed)


def _helpers(code: str, folder: Path) -> list[Path]:
    """The modules of `book/` that `code` imports, and those that they import."""
    found: dict[str, Path] = {"__init__": folder / "__init__.py"}
    queue = HELPER.findall(code)
    while queue:
        name = queue.pop()
        if name not in found:
            found[name] = folder / f"{name}.py"
            queue += HELPER.findall(found[name].read_text())
    return [found[name] for name in sorted(found)]


def _packages(sources: Iterable[str], dependencies: Iterable[str]) -> dict[str, str]:
    """The imported modules that Python doesn't bring, each with what pip installs for it, as pyproject.toml asks for it."""
    asked = [re.split(r"\s*#", line)[0] for line in dependencies]
    versions = {re.split(r"[<>=!~ \[;]", requirement)[0].lower(): requirement for requirement in asked}
    modules = set()
    for source in sources:
        for node in ast.walk(ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.split(".")[0])
    names = {module: DISTRIBUTIONS.get(module, module) for module in modules - set(sys.stdlib_module_names) - {"book", "__future__"}}
    return {module: versions.get(name.lower(), name.lower()) for module, name in sorted(names.items())}


def _packed(files: dict[str, str]) -> str:
    """Files as one base64 text of a zip, the same for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, text in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), text, zipfile.ZIP_DEFLATED, 9)
    return "\n".join(textwrap.wrap(base64.b64encode(buffer.getvalue()).decode(), 120))
