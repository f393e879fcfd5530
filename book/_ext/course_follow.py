"""Sphinx extension: pages follow what other pages say, and the order in which pages were read makes no difference.

Sphinx writes a page again when its own source has changed. But a page also shows the titles of others (in the side column, in
links), their numbers and what they cite. If any of that has changed, all pages are written again, which takes a second or two.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

PICTURE = re.compile(r"\b_images/([^\s\"')&<>#?]+)")


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("env-updated", put_in_order, priority=100)  # before citations get their labels
    app.connect("env-get-updated", outdated, priority=900)  # when pages have their numbers
    app.connect("build-finished", remove_leftovers, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def put_in_order(app: Sphinx, env: BuildEnvironment) -> None:
    """Bring what the pages have listed into the pages' order: a page that was read again has its entries last."""
    bibliographies = env.get_domain("cite").bibliographies
    for key in sorted(bibliographies, key=lambda key: key.docname):
        bibliographies[key] = bibliographies.pop(key)
    proofs: dict[str, Any] = getattr(env, "proof_list", {})
    for label in sorted(proofs, key=lambda label: str(proofs[label]["docname"])):
        proofs[label] = proofs.pop(label)


def outdated(app: Sphinx, env: BuildEnvironment) -> Iterable[str]:
    """All pages, if one says something new to the others."""
    now = hashlib.sha256(repr(_plain(_shared(env))).encode()).hexdigest()
    seen, env.course_shared = getattr(env, "course_shared", ""), now
    return sorted(env.found_docs) if now != seen else ()


def _shared(env: BuildEnvironment) -> list[Any]:
    """What a page can show of another: titles, order and numbers, and whatever can be referred to."""
    standard, equations = env.get_domain("std"), env.get_domain("math")
    citations = [
        (cited.bibliography_key.docname, cited.citation_id, cited.key, cited.formatted_entry.label, cited.formatted_entry.text)
        for cited in env.get_domain("cite").citations
    ]
    slugs = {docname: says.get("myst_slugs") for docname, says in env.metadata.items()}
    order = [env.toctree_includes, env.toc_secnumbers, env.toc_fignumbers]
    return [env.titles, order, standard.labels, standard.anonlabels, equations.equations, getattr(env, "proof_list", {}), citations, slugs]


def _plain(value: Any) -> Any:
    """The same for the same content, whatever the order of a mapping or a set."""
    if isinstance(value, nodes.Node):
        return value.pformat()
    if isinstance(value, Mapping):
        return sorted((str(key), _plain(item)) for key, item in value.items())
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value)


def remove_leftovers(app: Sphinx, exception: Exception | None) -> None:
    """Take away the pages and sources of chapters that the book no longer has, and pictures that no page shows."""
    if exception is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    for top in {name.split("/")[0] for name in app.env.found_docs}:
        for folder in (site, site / "_sources"):
            for path in (folder / top).rglob("*.*"):
                if path.relative_to(folder).with_suffix("").as_posix() not in app.env.found_docs:
                    path.unlink()
    shown = {name for path in site.rglob("*.html") if "_static" not in path.parts for name in PICTURE.findall(path.read_text())}
    for path in (site / "_images").glob("*"):
        if path.name not in shown:
            path.unlink()
