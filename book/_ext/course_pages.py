"""Sphinx extension: what the book knows about its chapters: their card, their assignment, their downloads and labels.

A chapter is a page whose front matter states its hours; its assignment is `exercises/<stem>/<stem>`. Everything else
(titles, order, links) comes from what Sphinx has read, so there is no second list.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, cast
from urllib.parse import quote

import jupytext
import nbformat
import yaml
from docutils import nodes
from pybtex.database import parse_file
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

LEVELS = ("beginner", "intermediate", "advanced")


@dataclass(frozen=True)
class Page:
    """A chapter, by its name in Sphinx, with what its front matter says."""

    docname: str
    hours: float
    level: str
    needs: tuple[str, ...]
    papers: tuple[str, ...]

    @property
    def stem(self) -> str:
        return PurePosixPath(self.docname).name

    @property
    def assignment(self) -> str:
        return assignment_of(self.stem)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("env-updated", register_labels)
    app.connect("doctree-resolved", add_card)
    app.connect("build-finished", write_notebooks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def assignment_of(stem: str) -> str:
    """The Sphinx name of an assignment's page."""
    return f"exercises/{stem}/{stem}"


def chapters(env: BuildEnvironment) -> dict[str, Page]:
    """All chapters that this build has read, by stem."""
    found = {}
    for docname in sorted(env.found_docs):
        path = Path(env.doc2path(docname))
        if docname.startswith("book/") and path.suffix == ".md" and (page := read_page(docname, path)):
            found[page.stem] = page
    return found


def read_page(docname: str, path: Path) -> Page | None:
    """The chapter's front matter; None for a page that states no hours.

    Raises:
        ExtensionError: the front matter is incomplete or has an unknown level.
    """
    text = path.read_text()
    front = yaml.safe_load(text.split("\n---", 1)[0]) if text.startswith("---\n") else {}
    if "hours" not in front:
        return None
    if missing := [key for key in ("level", "needs", "papers") if key not in front]:
        raise ExtensionError(f"{path}: add {', '.join(missing)} to the front matter (see CONTRIBUTING.md, A chapter)")
    if front["level"] not in LEVELS:
        raise ExtensionError(f"{path}: level {front['level']!r} is none of {', '.join(LEVELS)}; mend the front matter")
    return Page(docname, float(front["hours"]), front["level"], tuple(front["needs"] or ()), tuple(front["papers"] or ()))


def register_labels(app: Sphinx, env: BuildEnvironment) -> None:
    """Let `[text](chapter.md#label)` find every `(label)=` of that page, as it finds headings.

    Assignments link so, because the same link then works in JupyterLab and on the code host.
    """
    standard = cast(StandardDomain, env.get_domain("std"))
    for name, (docname, anchor) in standard.anonlabels.items():
        if docname in env.metadata:
            title = standard.labels[name][2] if name in standard.labels else name
            env.metadata[docname].setdefault("myst_slugs", {}).setdefault(name, (None, anchor, title))


def add_card(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the card below the title of a chapter, or of an assignment."""
    if app.builder.format != "html":
        return
    pages = chapters(app.env)
    here = next((page for page in pages.values() if docname in (page.docname, page.assignment)), None)
    section = next(iter(doctree.findall(nodes.section)), None)
    if here is None or section is None:
        return
    markup = _chapter_card(app, here, pages) if docname == here.docname else _assignment_card(app, here)
    section.insert(1, nodes.raw("", markup, format="html"))


def _chapter_card(app: Sphinx, page: Page, pages: dict[str, Page]) -> str:
    facts = [
        ("Time", f"{page.hours:g} hours with the assignment"),
        ("Level", page.level),
        ("Needs", ", ".join(_need(app, page, stem, pages) for stem in page.needs) or "nothing before it"),
        ("Papers", "; ".join(_paper(app, page, key) for key in page.papers)),
    ]
    actions = [_download(app, page.docname, page.docname, f"{page.stem}_chapter.ipynb", "Download this chapter as a notebook")]
    if page.assignment in app.env.found_docs:
        title = html.escape(app.env.titles[page.assignment].astext())
        link = f'<a href="{_uri(app, page.docname, page.assignment)}">{title}</a>'
        facts.append(("Assignment", f"{link}<br>in JupyterLab: <code>jupyter lab {page.assignment}.ipynb</code>"))
        actions += _assignment_actions(app, page, page.docname)
    return _card("About this chapter", facts, actions)


def _assignment_card(app: Sphinx, page: Page) -> str:
    title = html.escape(app.env.titles[page.docname].astext())
    facts = [
        ("Chapter", f'<a href="{_uri(app, page.assignment, page.docname)}">{title}</a>'),
        ("Work on it", f"<code>jupyter lab {page.assignment}.ipynb</code>"),
        ("Grade it", f"<code>autograder check {page.assignment}.ipynb</code>"),
    ]
    return _card("About this assignment", facts, _assignment_actions(app, page, page.assignment))


def _assignment_actions(app: Sphinx, page: Page, docname: str) -> list[str]:
    download = _download(app, docname, page.assignment, f"{page.stem}.ipynb", "Download the assignment")
    return [download, *_binder(app, f"{page.assignment}.ipynb")]


def _card(label: str, facts: list[tuple[str, str]], actions: list[str]) -> str:
    rows = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts if value)
    return f'<aside class="card-facts" aria-label="{label}"><dl>{rows}</dl><p class="card-actions">{" ".join(actions)}</p></aside>'


def _need(app: Sphinx, page: Page, stem: str, pages: dict[str, Page]) -> str:
    """A prerequisite: linked where its chapter exists, else its plain name."""
    if stem not in pages:
        return html.escape(stem.replace("_", " "))
    title = html.escape(app.env.titles[pages[stem].docname].astext())
    return f'<a href="{_uri(app, page.docname, pages[stem].docname)}">{title}</a>'


def _paper(app: Sphinx, page: Page, key: str) -> str:
    """A paper as "Kingma 2014", linked to where it can be read, if references.bib says where."""
    entries = _bibliography(Path(app.srcdir) / "book" / "references.bib")
    if key not in entries:
        raise ExtensionError(f"{page.docname}: papers names {key!r}, which book/references.bib has not; add it there")
    entry = entries[key]
    people = entry.persons.get("author", [])
    name = " ".join(people[0].last_names) if people else key
    name = name.replace("{", "").replace("}", "") + (" et al." if len(people) > 2 else "")
    name = html.escape(f"{name} {entry.fields.get('year', '')}".strip())
    fields = entry.fields
    url = f"https://doi.org/{fields['doi']}" if "doi" in fields else fields.get("url")
    if not url and "eprint" in fields:
        url = f"https://arxiv.org/abs/{fields['eprint']}"
    title = html.escape(fields.get("title", "").replace("{", "").replace("}", ""))
    return f'<a href="{html.escape(url)}" title="{title}">{name}</a>' if url else name


@lru_cache(maxsize=1)
def _bibliography(path: Path) -> Any:
    return parse_file(str(path)).entries


def _download(app: Sphinx, here: str, docname: str, name: str, text: str) -> str:
    up = "../" * here.count("/")
    return f'<a class="card-button" href="{up}_sources/{docname}.ipynb" download="{name}">{text}</a>'


def _binder(app: Sphinx, path: str) -> list[str]:
    """A button that opens a file of the repository on Binder, if the book names both."""
    options = app.config.html_theme_options
    repository, hub = options.get("repository_url", ""), options.get("launch_buttons", {}).get("binderhub_url", "")
    if not hub or "github.com/" not in repository:
        return []
    project, branch = repository.split("github.com/", 1)[1], options.get("repository_branch", "main")
    url = f"{hub.rstrip('/')}/v2/gh/{project}/{branch}?urlpath={quote(f'lab/tree/{path}')}"
    return [f'<a class="card-button" href="{html.escape(url)}">Open the assignment on Binder</a>']


def _uri(app: Sphinx, here: str, there: str) -> str:
    return str(app.builder.get_relative_uri(here, there))


def write_notebooks(app: Sphinx, exception: Exception | None) -> None:
    """Put each chapter's notebook where the download buttons point; assignments are there already, as Sphinx copies sources."""
    if exception is not None or app.builder.format != "html":
        return
    for page in chapters(app.env).values():
        target = Path(app.outdir) / "_sources" / f"{page.docname}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(chapter_notebook(Path(app.env.doc2path(page.docname)).read_text()))


def chapter_notebook(text: str) -> str:
    """A MyST Markdown chapter as an unexecuted notebook, the same bytes for the same text."""
    raw = jupytext.reads(text, fmt="md:myst")
    make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell, "raw": nbformat.v4.new_raw_cell}
    cells = [
        make[cell.cell_type](source=cell.source, metadata=cell.metadata, id=f"cell-{position:03d}")
        for position, cell in enumerate(raw.cells)
    ]
    metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=metadata, nbformat_minor=5)) + "\n"
