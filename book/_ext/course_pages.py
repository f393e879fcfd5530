"""Sphinx extension: what a chapter's page says about itself: its card, its assignment, its end, and its labels.

A chapter is a page whose front matter states its hours; its assignment is `exercises/<stem>/<stem>`. Everything else
(titles, order, links) comes from what Sphinx has read, so there is no second list.
"""

from __future__ import annotations

import html
import re
from typing import Any, cast
from urllib.parse import quote

from course_generated import add_card
from course_plan import Page, Plan, chapters, plan_of
from course_roadmap import Links, linked
from course_sources import find_plugins, sources_of
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.std import StandardDomain
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

# At once, so that nothing moves; without scripts the whole card is there.
FOLD = '<script>if (matchMedia("(max-width: 600px)").matches) document.querySelector(".card-work").open = false;</script>'
CODE = re.compile(r'(?<=<span class="pre">)[^<]{12,}(?=</span>)')
BREAK = re.compile(r"(?<=[_.=/(,])(?=\w)")
# Extensions of the course that this one brings along.
COMPANIONS = (
    *("course_generated", "course_gather", "course_notebooks", "course_roadmap", "course_topics", "course_study", "course_ledger"),
    *("course_proofs", "course_grading", "course_follow", "course_markup"),
)


def setup(app: Sphinx) -> dict[str, Any]:
    for name in COMPANIONS:
        app.setup_extension(name)
    find_plugins()
    app.connect("env-updated", register_labels)
    app.connect("doctree-resolved", decorate)
    app.connect("doctree-resolved", drop_repeated_ids)
    app.connect("html-page-context", break_code)
    add_card(card)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def register_labels(app: Sphinx, env: BuildEnvironment) -> None:
    """Let `[text](chapter.md#label)` find every `(label)=` of that page, as it finds headings.

    Assignments link so, because the same link then works in JupyterLab and on the code host.
    """
    standard = cast(StandardDomain, env.get_domain("std"))
    for name, (docname, anchor) in standard.anonlabels.items():
        if docname in env.metadata:
            title = standard.labels[name][2] if name in standard.labels else name
            env.metadata[docname].setdefault("myst_slugs", {}).setdefault(name, (None, anchor, title))


def decorate(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the card below the title of a chapter or of an assignment, and what comes next at a chapter's end."""
    section = next(iter(doctree.findall(nodes.section)), None)
    if app.builder.format != "html" or section is None or not (markup := card(app, docname)):
        return
    section.insert(1, nodes.raw("", markup, format="html"))
    if page := next((page for page in chapters(app.env).values() if page.docname == docname), None):
        section.append(nodes.raw("", _end(app, page), format="html"))


def drop_repeated_ids(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Leave a theorem its label as its only id: sphinx-proof gives the content of all of them one, and all proofs another."""
    for node in doctree.findall(lambda node: isinstance(node, (nodes.section, nodes.admonition))):
        titled = isinstance(node, nodes.section) and any(isinstance(child, nodes.title) for child in node.children)
        if not titled:
            node["ids"] = [name for name in node["ids"] if name not in ("proof-content", "proof")]


def break_code(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Let long code in the text break where its parts meet, as `is_causal=` before `True`: a column of a phone is narrow."""
    context["body"] = CODE.sub(lambda match: BREAK.sub("<wbr>", match[0]), context.get("body", ""))


def card(app: Sphinx, docname: str) -> str:
    """The card of a chapter or of an assignment; the empty string for any other page."""
    pages = chapters(app.env)
    here = next((page for page in pages.values() if docname in (page.docname, page.assignment)), None)
    if here is None:
        return ""
    return _chapter_card(app, here) if docname == here.docname else _assignment_card(app, here)


def _chapter_card(app: Sphinx, page: Page) -> str:
    plan = plan_of(app.env)
    needs = "; ".join(_topic(app, page, plan, stem) for stem in page.needs)
    facts = [
        ("Time", f"{page.hours:g} hours with the assignment"),
        ("Level", page.level),
        ("Needs", needs or "nothing before it"),
        ("Unlocks", "; ".join(_topic(app, page, plan, topic.stem) for topic in plan.unlocks(page.stem))),
        ("Papers", "; ".join(_paper(app, page, key) for key in page.papers)),
    ]
    work = []
    name = f"{page.stem}_chapter.ipynb"
    actions = [_download(page.docname, page.docname, name, "Download this chapter as a notebook")]
    if page.assignment in app.env.found_docs:
        title = html.escape(app.env.titles[page.assignment].astext())
        link = f'<a href="{_uri(app, page.docname, page.assignment)}">{title}</a>'
        work.append(("Assignment", f"{link}<br>in JupyterLab: {_command(f'jupyter lab {page.assignment}.ipynb')}"))
        actions += _assignment_actions(app, page, page.docname)
    work.append(("Run it", f"download it, then {_command(f'jupyter lab {name}')}; its first cell says what to install"))
    return _card("About this chapter", facts, actions, work)


def _end(app: Sphinx, page: Page) -> str:
    """The end of a chapter: mark it as read, and go on. The button appears where scripts run."""
    onward = [("Your progress and review", "book/start_here/progress"), ("The assignment", page.assignment)]
    links = " ".join(
        f'<a href="{_uri(app, page.docname, name)}">{text}</a>' for text, name in reversed(onward) if name in app.env.found_docs
    )
    return (
        f'<aside class="chapter-end" aria-label="End of the chapter" data-stem="{page.stem}">'
        f'<button type="button" class="card-button mark-read" aria-pressed="false">Mark this chapter as read</button> {links}</aside>'
    )


def _assignment_card(app: Sphinx, page: Page) -> str:
    title = html.escape(app.env.titles[page.docname].astext())
    facts = [
        ("Chapter", f'<a href="{_uri(app, page.assignment, page.docname)}">{title}</a>'),
        ("Work on it", _command(f"jupyter lab {page.assignment}.ipynb")),
        ("Grade it", _command(f"autograder check {page.assignment}.ipynb")),
    ]
    return _card("About this assignment", facts, _assignment_actions(app, page, page.assignment))


def _assignment_actions(app: Sphinx, page: Page, docname: str) -> list[str]:
    download = _download(docname, page.assignment, f"{page.stem}.ipynb", "Download the assignment")
    return [download, *_binder(app, f"{page.assignment}.ipynb")]


def _card(label: str, facts: list[tuple[str, str]], actions: list[str], work: list[tuple[str, str]] | None = None) -> str:
    """A card; what `work` says, and the actions, are folded away on a phone, where the text should come soon."""
    end = f'<p class="card-actions">{" ".join(actions)}</p>'
    if work:
        end = f'<details class="card-work" open><summary>Assignment and downloads</summary>{_facts(work)}{end}</details>{FOLD}'
    kind = "" if work else " assignment-card"
    return f'<aside class="card-facts{kind}" aria-label="{label}">{_facts(facts)}{end}</aside>'


def _facts(facts: list[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<div><dt>{name}</dt><dd>{value}</dd></div>' for name, value in facts if value)}</dl>"


def _command(text: str) -> str:
    """A command, which may break after a slash or an underscore."""
    parts = re.sub(r"([/_])", r"\1<wbr>", text)
    return f"<code>{parts}</code>"


def _topic(app: Sphinx, page: Page, plan: Plan, stem: str) -> str:
    """Another topic, linked to its chapter or, where it is planned, to its line in the roadmap."""
    if stem not in plan.topics:  # a chapter that a preview doesn't build
        return html.escape(stem.replace("_", " "))
    return linked(plan.topics[stem], Links(app, page.docname))


def _paper(app: Sphinx, page: Page, key: str) -> str:
    """A paper as "Kingma and Welling 2014", linked to where it can be read, if references.bib says where."""
    if (source := sources_of(app.env).get(key)) is None:
        raise ExtensionError(f"{page.docname}: papers names {key!r}, which book/references.bib has not; add it there")
    name, title = html.escape(source.short), html.escape(source.title)
    return f'<a href="{html.escape(source.url)}" title="{title}">{name}</a>' if source.url else name


def _download(here: str, docname: str, name: str, text: str) -> str:
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
