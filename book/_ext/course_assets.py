"""Sphinx extension: small pages. Frames of `explore` become files, and scripts are loaded only where they are used."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

from PIL import Image
from sphinx.application import Sphinx
from sphinx.config import Config

FRAME = re.compile(r"data:image/webp;base64,([A-Za-z0-9+/=]+)")
SCRIPTS = {"explore.js": 'class="explore"', "quiz.js": 'class="quiz"'}


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", key_cache_by_helpers)
    app.connect("html-page-context", serve_assets)
    app.connect("build-finished", shrink_pictures)
    app.connect("build-finished", refresh_static)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def key_cache_by_helpers(app: Sphinx, config: Config) -> None:
    """Keep executed chapters apart by the helpers they ran with, as jupyter-cache looks only at the chapter's own cells."""
    digest = hashlib.sha256()
    helpers = Path(app.srcdir) / "book"
    for path in sorted([*helpers.glob("*.py"), *helpers.glob("*.mplstyle")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    config.nb_execution_cache_path = str(Path(app.outdir).parent / ".jupyter_cache" / digest.hexdigest()[:12])


def serve_assets(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Write the frames in a page's body to `_images` (named by content), and add the scripts it needs."""
    body = context.get("body", "")
    for script, mark in SCRIPTS.items():
        if mark in body:
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


def shrink_pictures(app: Sphinx, exception: Exception | None) -> None:
    """Store Matplotlib's pictures with 256 colours, which halves them without a visible difference."""
    if exception is not None or app.builder.format != "html":
        return
    for path in sorted((Path(app.outdir) / "_images").glob("*.png")):
        with Image.open(path) as picture:
            if picture.mode == "P":
                continue
            small = picture.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        small.save(path, optimize=True)


def refresh_static(app: Sphinx, exception: Exception | None) -> None:
    """Copy our styles and scripts even when no page is out of date, where Sphinx would stop early."""
    if exception is None and app.builder.format == "html":
        shutil.copytree(Path(app.srcdir) / "book" / "_static", Path(app.outdir) / "_static", dirs_exist_ok=True)
