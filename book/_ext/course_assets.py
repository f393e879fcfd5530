"""Sphinx extension: small pages. Frames of `explore` become files, and scripts are loaded only where they are used."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from docutils import nodes
from PIL import Image
from side_by_side import side_by_side
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.builders.html._assets import _JavaScript
from sphinx.config import Config

LINKED = re.compile(r"<a\b[^>]*>\s*$")
IMAGE = re.compile(r'<img(?![^>]*\bloading=)(?P<before>[^>]*?\bsrc="(?P<src>[^"]+)")(?P<after>[^>]*?)\s*/?>')
FRAME = re.compile(r"data:image/webp;base64,([A-Za-z0-9+/=]+)")
# In the order in which a page runs them.
SCRIPTS = {
    "explore.js": ('class="explore"',),
    "quiz.js": ('class="quiz"', 'class="review"'),
    "progress.js": ("",),  # marks the sidebar of every page
    "roadmap.js": ('class="roadmap"', 'class="parts"'),
    "topics.js": ('id="topics-query"',),
    "progress_page.js": ('class="checklist"',),
    "review.js": ('class="review"',),
}
RASTER = {".png", ".jpg", ".jpeg", ".gif", ".webp"}
# What extensions put on every page, and the markup without which a page has no use for it.
ONLY_WITH = {
    "clipboard.min.js": 'class="highlight-',
    "copybutton.js": 'class="highlight-',
    "togglebutton.js": "dropdown",
    "design-tabs.js": "sd-tab-set",
}
ONLY_TO_SEARCH = ("documentation_options.js", "doctools.js", "sphinx_highlight.js")
REPLACED = ("scripts/sphinx-book-theme.js",)  # by site.js


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_config_value("course_extensions", "", "env", str)
    app.connect("config-inited", key_pages_by_extensions)
    app.connect("doctree-resolved", drop_quiz_source)
    app.connect("html-page-context", serve_assets)
    app.connect("html-page-context", lay_out_images)
    app.connect("html-page-context", choose_scripts, priority=900)  # when all extensions have named theirs
    app.connect("write-started", shrink_pictures)
    app.connect("build-finished", refresh_static)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def key_pages_by_extensions(app: Sphinx, config: Config) -> None:
    """Read and write all pages again when what makes them has changed: Sphinx looks only at their own sources."""
    own = Path(app.srcdir, "book")
    static = [path for path in own.joinpath("_static").rglob("*") if path.is_file()]  # a page names a script by its content
    project = Path(app.srcdir, "pyproject.toml")  # a chapter's notebook names the packages that it needs
    parts = sorted([project, *Path(__file__).parent.glob("*.py"), *own.joinpath("_templates").glob("*.html"), *static])
    config.course_extensions = hashlib.sha256(b"\0".join(path.read_bytes() for path in parts)).hexdigest()


def drop_quiz_source(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Take the code of a quiz off the page, where it would give the answers away; the chapter's notebook keeps it."""
    for cell in list(doctree.findall(lambda node: isinstance(node, nodes.container) and "cell" in node["classes"])):
        if any('class="quiz"' in shown.astext() for shown in cell.findall(nodes.raw)):
            cell.children = [part for part in cell.children if "cell_output" in part["classes"]]


def serve_assets(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Write the frames in a page's body to `_images` (named by content), and add the scripts it needs."""
    body = context.get("body", "")
    for script, marks in SCRIPTS.items():
        if any(mark in body for mark in marks):
            app.add_js_file(script, loading_method="defer")
    if "data:image/webp" not in body:
        return
    images = Path(app.outdir) / "_images"
    images.mkdir(parents=True, exist_ok=True)

    def to_file(match: re.Match[str]) -> str:
        data = base64.b64decode(match[1])
        name = f"explore-{hashlib.sha256(data).hexdigest()[:16]}.webp"
        (images / name).write_bytes(data)
        return str(context["pathto"](f"_images/{name}", 1))

    context["body"] = FRAME.sub(to_file, body)


def lay_out_images(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """State each picture's size, so that nothing moves when it arrives, and let those further down wait until they are near."""
    sources = {name: Path(app.srcdir, source) for source, name in app.builder.images.items()}  # a source may be absolute

    def lay_out(match: re.Match[str]) -> str:
        markup = match["before"] + match["after"]
        source = sources.get(unquote(match["src"]).rpartition("/")[2])
        if source is not None and source.suffix in RASTER and " width=" not in markup:
            with Image.open(source) as picture:
                markup += f' width="{picture.width}" height="{picture.height}"'
        picture = f'<img{markup} loading="lazy" decoding="async">'
        if source is None or source.suffix not in RASTER or LINKED.search(match.string, max(0, match.start() - 300), match.start()):
            return picture
        return f'<a class="whole-picture" href="{match["src"]}">{picture}</a>'  # on a phone, where its letters are too small

    if "body" in context:
        context["body"] = IMAGE.sub(lay_out, context["body"])


def choose_scripts(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Keep the scripts that this page uses, none of which may hold up its first paint.

    Sphinx's own search page is left alone: there its scripts need each other in order.
    """
    context["script_files"] = [script for script in context["script_files"] if _name(script) not in REPLACED]
    if pagename == "search":
        return
    body, kept = context.get("body", ""), []
    for script in context["script_files"]:
        name = _name(script)
        needless = name in ONLY_TO_SEARCH or ONLY_WITH.get(name, "") not in body
        if not name:  # inlined: options of Sphinx's search, or of togglebutton
            text = str(script.attributes.get("body", ""))
            needless = "DOCUMENTATION_OPTIONS" in text or ("toggle" in text and "dropdown" not in body)
        if not needless:
            deferred = {**script.attributes, "defer": "defer"} if name else script.attributes
            kept.append(_JavaScript(script.filename, priority=script.priority, **deferred))
    context["script_files"] = kept


def _name(script: Any) -> str:
    """The file of a script in `_static`; empty if it is inlined."""
    return str(script.filename or "").removeprefix("_static/")


def shrink_pictures(app: Sphinx, builder: Builder) -> None:
    """Store Matplotlib's pictures with 256 colours, which halves them without a visible difference: once, before Sphinx copies them."""
    made = Path(app.outdir).parent / "jupyter_execute"  # where MyST-NB puts what cells have drawn
    sources = [path for name in app.env.images if (path := Path(app.srcdir, name)).suffix == ".png" and path.is_relative_to(made)]
    side_by_side(_shrink, sorted(path for path in sources if not _has_few_colours(path)))


def _has_few_colours(path: Path) -> bool:
    with Image.open(path) as picture:
        return bool(picture.mode == "P")


def _shrink(path: Path) -> None:
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    before = path.stat()
    small.save(path, optimize=True)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # Sphinx reads a chapter again if its pictures are newer


def refresh_static(app: Sphinx, exception: Exception | None) -> None:
    """Copy our styles and scripts even when no page is out of date, where Sphinx would stop early."""
    if exception is None and app.builder.format == "html":
        shutil.copytree(Path(app.srcdir) / "book" / "_static", Path(app.outdir) / "_static", dirs_exist_ok=True)
