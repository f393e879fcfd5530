"""Sphinx extension: an index for search as one types, in which every section of every page is a result of its own.

Pagefind makes the index; `search.js` asks it. Formulas are found by the names of their letters and operators and by letters with
an index (`d_k`), code by its symbols, each for itself and as a whole: `torch.no_grad` by `no_grad`. Sources are results too, and
each section is found by those that it cites. `words.txt`, the words of the book, helps those who mistype one.
"""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_sources import Source, sources_of
from docutils import nodes
from formula_text import formula_text
from mathematics import MathematicsError, prepare, typeset
from pagefind.service import get_executable
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.environment import BuildEnvironment
from sphinx.environment.collectors import EnvironmentCollector
from sphinx.errors import ExtensionError

FOLDER = "_static/pagefind"
BROWSER_PARTS = ("pagefind.js", "pagefind-worker.js", "pagefind-entry.json")  # the rest of Pagefind is a user interface of its own
LETTERS = re.compile(
    r"\\(alpha|beta|gamma|delta|epsilon|varepsilon|zeta|eta|theta|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|phi|varphi|chi|psi|omega|"
    r"Gamma|Delta|Theta|Lambda|Sigma|Phi|Psi|Omega|nabla|log|exp|max|min|argmax|argmin|softmax|det|Pr)\b"
)
NAMES = re.compile(r"\\(?:mathrm|operatorname\*?|text|mathcal|mathbb)\s*\{([^{}]*)\}")
SUBSCRIPT = re.compile(r"\\?([A-Za-z]+)_(?:\{?\\(?:text|mathrm)\s*\{(\w+)\}|\{(\w+)\}|\{?\\([a-z]+)|(\w))")
ROOT = re.compile(r"\\sqrt\s*(?:\{\s*(\w+)\s*\}|(\w))?")
REFERENCES = "book/start_here/references"  # the page that lists every source
REFERENCE_DOMAINS = {"math", "prf"}  # their references still hold labels, which nobody reads
COMMAND = re.compile(r"\\(?:begin|end)\{\w+\*?\}|\\(?:left|right|qquad|quad|displaystyle|overset)\b|\\[^A-Za-z]|&")
FOLDED = {"tag_hide-input", "tag_hide-cell", "tag_remove-input", "tag_remove-cell"}  # not shown, as a quiz with its answers
SYMBOL = re.compile(r"[A-Za-z_]\w*")
WORD = re.compile(r"[a-z]{4,}")


@dataclass(frozen=True)
class Section:
    """A section as search shows it: its address from the book's root, and HTML in which the important words stand out."""

    url: str
    markup: str


class Collector(EnvironmentCollector):
    """Keeps the sections of each page as soon as it is read, so that an edit to one page leaves the others alone."""

    def clear_doc(self, app: Sphinx, env: BuildEnvironment, docname: str) -> None:
        _store(env).pop(docname, None)

    def merge_other(self, app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment) -> None:
        _store(env).update({name: found for name, found in _store(other).items() if name in docnames})

    def process_doc(self, app: Sphinx, doctree: nodes.document) -> None:
        prepare((node.astext(), False) for node in doctree.findall(_is_formula))
        _store(app.env)[app.env.docname] = list(sections(app, app.env.docname, doctree))


class Indexing:
    """Pagefind at work beside Sphinx, from when all pages are read until the site is written."""

    def __init__(self) -> None:
        self.pages: tempfile.TemporaryDirectory[str] | None = None
        self.process: subprocess.Popen[str] | None = None
        self.words = ""

    def start(self, app: Sphinx, builder: Builder) -> None:
        """Lay every section down as a page of its own, named as its address is, and let Pagefind index them."""
        if builder.format != "html":
            return
        self.pages = tempfile.TemporaryDirectory(prefix="sections-")
        known: Counter[str] = Counter()
        for section in [*(section for name in sorted(app.env.found_docs) for section in _store(app.env)[name]), *cited(app)]:
            path = Path(self.pages.name, section.url)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(section.markup)
            known.update(words(section.markup))
        self.words = " ".join(word for word, _ in known.most_common())
        index = Path(app.outdir) / FOLDER
        shutil.rmtree(index, ignore_errors=True)
        command = [str(get_executable()), "--site", self.pages.name, "--glob", "**/*.html*", "--output-path", str(index)]
        command += ["--include-characters", "_√", "--force-language", "en"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def finish(self, app: Sphinx, exception: Exception | None) -> None:
        """Wait for the index, and take away what no page of ours loads."""
        if self.process is None or self.pages is None:
            return
        said, _ = self.process.communicate()
        self.pages.cleanup()
        if self.process.returncode:
            raise ExtensionError(f"Pagefind, which makes the index for search, failed:\n{said}")
        for path in (Path(app.outdir) / FOLDER).glob("*"):
            if path.suffix in (".js", ".css", ".json") and path.name not in BROWSER_PARTS:
                path.unlink()
        Path(app.outdir, FOLDER, "words.txt").write_text(self.words)


def setup(app: Sphinx) -> dict[str, Any]:
    indexing = Indexing()
    app.add_env_collector(Collector)
    app.connect("write-started", indexing.start)
    app.connect("build-finished", indexing.finish)
    return {"version": "1", "env_version": 2, "parallel_read_safe": True, "parallel_write_safe": True}


def _store(env: BuildEnvironment) -> dict[str, list[Section]]:
    if not hasattr(env, "course_sections"):
        env.course_sections = {}
    return env.course_sections


def sections(app: Sphinx, docname: str, doctree: nodes.document) -> Iterator[Section]:
    """The sections of a page, each without those below it."""
    page = app.env.titles[docname].astext() if docname in app.env.titles else docname
    address = app.builder.get_target_uri(docname)
    sources = sources_of(app.env)
    for position, node in enumerate(doctree.findall(_is_section)):
        title = next(readable(child, sources) for child in node.children if isinstance(child, nodes.title)).strip()
        if not isinstance(node, nodes.section):  # sphinx-proof writes "(Jensen's inequality)"
            title = f"{title.removeprefix('(').removesuffix(')')} ({node['type']})"
        own = [child for child in node.children if not _is_section(child)]
        formulas = " ".join(spoken(formula.astext()) for child in own for formula in child.findall(_is_formula))
        body = "".join(_markup(child, sources) for child in own if not isinstance(child, nodes.title))
        body += f"<p>{html.escape(' '.join(dict.fromkeys(formulas.split())))}</p>"
        yield _section(address + (f"#{node['ids'][0]}" if position else ""), title, page if position else "", body)


def _section(url: str, title: str, page: str, body: str) -> Section:
    head = f'<h1 data-pagefind-meta="title">{html.escape(title)}</h1><p data-pagefind-meta="page">{html.escape(page)}</p>'
    return Section(url, f'<html lang="en"><body>{head}{body}</body></html>')


def cited(app: Sphinx) -> Iterator[Section]:
    """Every source on the page of references, which leads on to the places that cite it."""
    for citation in app.env.get_domain("cite").citations if REFERENCES in app.env.found_docs else ():
        if citation.bibliography_key.docname == REFERENCES:
            url = f"{app.builder.get_target_uri(REFERENCES)}#{citation.citation_id}"
            entry = citation.formatted_entry
            text = html.escape(entry.text.render_as("plaintext"))
            yield _section(url, entry.label, app.env.titles[REFERENCES].astext(), f"<p>{text}</p>")


def words(markup: str) -> list[str]:
    """The plain words of four letters or more, without accents."""
    text = unicodedata.normalize("NFKD", html.unescape(re.sub(r"<[^>]+>", " ", markup)))
    return WORD.findall("".join(letter for letter in text if not unicodedata.combining(letter)).lower())


def _is_section(node: nodes.Node) -> bool:
    """A section, or a theorem with a name; what sphinx-proof puts inside a theorem is a section without a title."""
    if not isinstance(node, nodes.Element) or not any(isinstance(child, nodes.title) and child.astext().strip() for child in node.children):
        return False
    return isinstance(node, nodes.section) or (isinstance(node, nodes.Admonition) and "label" in node.attributes)


def _markup(node: nodes.Node, sources: Mapping[str, Source]) -> str:
    """A part of a page as HTML for the index: no folded code and no results of cells, but their captions."""
    if isinstance(node, nodes.literal_block):
        return f"<pre>{html.escape(symbols(node.astext()))}</pre>"
    if isinstance(node, nodes.Element) and "cell_output" in node.get("classes", ()):
        return "".join(f"<p>{html.escape(readable(caption, sources))}</p>" for caption in node.findall(nodes.caption))
    if isinstance(node, nodes.Element) and "cell_input" in node.get("classes", ()) and FOLDED & set(node.parent["classes"]):
        return ""
    if isinstance(node, nodes.TextElement):
        tag = "h3" if isinstance(node, nodes.title) else "p"  # the title of a theorem counts for more
        return f"<{tag}>{html.escape(readable(node, sources))}</{tag}>"
    if isinstance(node, (nodes.raw, nodes.Invisible)) or not isinstance(node, nodes.Element):
        return ""
    return "".join(_markup(child, sources) for child in node.children if not _is_section(child))


def readable(node: nodes.Node, sources: Mapping[str, Source]) -> str:
    """A paragraph's text, with formulas as their characters, code as it stands and sources by their names."""
    if _is_formula(node):
        return characters(node.astext())
    if isinstance(node, nodes.Text):
        return str(node)
    if isinstance(node, nodes.Element) and node.get("refdomain") == "cite":
        keys = [key.strip() for key in node["reftarget"].split(",")]
        return "; ".join(sources[key].short for key in keys if key in sources)
    if isinstance(node, nodes.Element) and node.get("refdomain") in REFERENCE_DOMAINS:
        return ""
    if isinstance(node, nodes.literal):
        return symbols(node.astext())
    return "".join(readable(child, sources) for child in node.children)


def _is_formula(node: nodes.Node) -> bool:
    return isinstance(node, (nodes.math, nodes.math_block))


def characters(tex: str) -> str:
    """A formula as a line of characters; where that can't be made, its TeX without commands."""
    try:
        return formula_text(typeset(tex))
    except MathematicsError:
        return " ".join(COMMAND.sub(" ", tex).translate({ord(sign): " " for sign in "{}\\"}).split())


def spoken(tex: str) -> str:
    """The words that somebody would type to find a formula: its letters' names, also with their index, its operators and roots."""
    names = [word for text in NAMES.findall(tex) for word in SYMBOL.findall(text) if len(word) > 1]
    indexed = [f"{letter}_{''.join(index)}" for letter, *index in SUBSCRIPT.findall(tex)]
    roots = [word for root in ROOT.findall(tex) for word in ("sqrt", f"√{''.join(root)}")]
    return " ".join(dict.fromkeys([*LETTERS.findall(tex), *names, *indexed, *roots]))


def symbols(code: str) -> str:
    """Code in which each symbol is a word: dots, brackets and signs stand apart."""
    return re.sub(r"[^\w\s]+", lambda match: f" {match[0]} ", code)
