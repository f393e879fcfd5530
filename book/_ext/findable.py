"""Sphinx extension: what search engines, link previews and lost readers need.

Each page states its description, its address and a card; each says where it can be edited and a mistake reported. The site has
a sitemap, robots.txt and a page for addresses that lead nowhere. All addresses derive from `repository` in _config.yml.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from docutils import nodes
from social_cards import card
from sphinx.application import Sphinx
from sphinx.config import Config

DESCRIPTION_LENGTH = 160  # what search engines show
LOST = """<section><h1>There is no such page</h1>
<p>The address may have a slip, or the page has moved.
<a href="{home}">Start at the first page</a>, or find it by <a href="{search}">searching the book</a>.</p></section>"""

FRONT_DOOR = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="{title}"><link rel="canonical" href="{canonical}"><meta http-equiv="refresh" content="0; url={home}">
</head><body><main><h1>{title}</h1><p><a href="{home}">Read the book</a></p></main></body></html>
"""


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", derive_address)
    app.connect("html-collect-pages", lost_page)
    app.connect("html-page-context", describe)
    app.connect("build-finished", write_root_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def derive_address(app: Sphinx, config: Config) -> None:
    """Where the book is published: as configured, else where its repository's pages are."""
    if not config.html_baseurl:
        config.html_baseurl = pages_address(_repository(config)[0])


def pages_address(repository: str) -> str:
    """The address of a GitHub repository's pages; empty for another host, which then states `html_baseurl` itself."""
    url = urlsplit(repository)
    owner, _, name = url.path.strip("/").partition("/")
    return f"https://{owner}.github.io/{name}/" if url.netloc == "github.com" and name else ""


def _repository(config: Config) -> tuple[str, str]:
    """Address and branch of the repository."""
    options = config.html_theme_options
    return str(options.get("repository_url", "")).rstrip("/"), str(options.get("repository_branch", "main"))


def describe(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Give the page its head tags, and the links to edit and report it."""
    title = app.env.titles[pagename].astext() if pagename in app.env.titles else html.unescape(str(context.get("title", "")))
    text = (description(doctree) if doctree is not None else "") or f"{title}: {app.config.html_title}"
    address = app.config.html_baseurl
    tags = [
        ("name", "description", text),
        ("property", "og:title", title),
        ("property", "og:description", text),
        ("property", "og:site_name", app.config.html_title),
        ("property", "og:type", "website" if pagename == app.config.root_doc else "article"),
        ("name", "twitter:card", "summary_large_image"),
    ]
    if address:
        picture = card(Path(app.outdir), title, app.config.html_title)
        tags += [
            ("property", "og:url", str(context.get("pageurl") or address)),
            ("property", "og:image", f"{address}_images/{picture}"),
            ("property", "og:image:alt", f"{title}, a page of {app.config.html_title}"),
        ]
    if pagename in ("search", "404"):
        tags.append(("name", "robots", "noindex"))
    context["head_tags"] = "\n".join(f'    <meta {kind}="{name}" content="{html.escape(content)}">' for kind, name, content in tags)
    context["page_actions"] = actions(app, pagename, title) if doctree is not None else []
    context["lost_base"] = (urlsplit(address).path or "/") if pagename == "404" else ""


def description(doctree: nodes.document) -> str:
    """The page's first paragraph, cut at a word."""
    found = next((node for node in doctree.findall(nodes.paragraph) if isinstance(node.parent, (nodes.section, nodes.document))), None)
    words, text = (" ".join(found.astext().split()) if found else "").split(" "), ""
    for word in words:
        if len(text) + 1 + len(word) > DESCRIPTION_LENGTH - 2:
            return f"{text} …"
        text = f"{text} {word}".strip()
    return text


def actions(app: Sphinx, pagename: str, title: str) -> list[dict[str, str]]:
    """Where this page's source can be edited, and a mistake in it reported with the page filled in."""
    repository, branch = _repository(app.config)
    if not repository:
        return []
    source = Path(app.env.doc2path(pagename, base=False)).as_posix()
    if source.startswith("exercises/"):  # generated: its master is what can be edited
        source = source.replace("exercises/", "solutions/", 1).removesuffix(".ipynb") + ".md"
    place = f"{app.config.html_baseurl}{app.builder.get_target_uri(pagename)}"
    body = f"Page: {place}\nSource: {source}\n\nThe sentence, equation or cell:\n\nWhat is wrong with it:\n"
    report = urlencode({"title": f"Mistake in “{title}”", "body": body}, quote_via=quote)
    return [
        {"text": "Report a mistake", "url": f"{repository}/issues/new?{report}"},
        {"text": "Edit this page", "url": f"{repository}/edit/{branch}/{source}"},
        {"text": "Repository", "url": repository},
    ]


def lost_page(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The page that a host shows for an address that leads nowhere."""
    body = LOST.format(home=app.builder.get_target_uri(app.config.root_doc), search=app.builder.get_target_uri("search"))
    yield "404", {"title": "No such page", "body": body}, "page.html"


def write_root_files(app: Sphinx, exception: Exception | None) -> None:
    """Write the front door; and sitemap.xml and robots.txt, if the book knows where it is published."""
    if exception is not None or app.builder.format != "html":
        return
    address, home = app.config.html_baseurl, app.builder.get_target_uri(app.config.root_doc)
    door = FRONT_DOOR.format(title=html.escape(app.config.html_title), home=home, canonical=address + home)
    Path(app.outdir, "index.html").write_text(door)
    if not address:
        return
    places = "".join(
        f"<url><loc>{html.escape(address + app.builder.get_target_uri(name))}</loc></url>\n" for name in sorted(app.env.found_docs)
    )
    head = '<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    Path(app.outdir, "sitemap.xml").write_text(f"{head}{places}</urlset>\n")
    Path(app.outdir, "robots.txt").write_text(f"User-agent: *\nAllow: /\nSitemap: {address}sitemap.xml\n")
