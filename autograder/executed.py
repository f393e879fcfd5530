"""Which chapters have outputs already: executed code is kept by its content and that of the helpers it ran with.

Light to import, so that a build knows what to warm up before it loads anything else.
"""

from __future__ import annotations

import ast
import hashlib
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

CACHES = 3  # of the last so many states of the helpers
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(?P<options>(?::[^\n]*\n|---\n.*?^---\n)*)(?P<code>.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)


def cache_of(root: Path) -> Path:
    """Where the chapters executed with the present helpers are kept, as jupyter-cache looks only at a chapter's own cells.

    The site and all previews share it.
    """
    digest = hashlib.sha256()
    helpers = root / "book"
    for path in sorted([*helpers.glob("*.py"), *helpers.glob("*.mplstyle")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    cache = root / ".autograder" / "executed" / digest.hexdigest()[:12]
    cache.mkdir(parents=True, exist_ok=True)
    cache.touch()
    for old in sorted(cache.parent.iterdir(), key=lambda folder: folder.stat().st_mtime)[:-CACHES]:
        shutil.rmtree(old)
    return cache


def cells_of(text: str) -> list[str]:
    """The code cells of a chapter."""
    return [match["code"] for match in CELL.finditer(text)]


def note_executed(cache: Path, text: str) -> None:
    """Remember that the cache holds the outputs of this chapter."""
    _mark(cache, text).touch()


def modules_to_warm(root: Path, chapters: Iterable[Path]) -> list[str]:
    """What the chapters import whose code is new since it was last executed; a guess, which costs nothing but time if it is wrong."""
    cache = cache_of(root)
    texts = [path.read_text() for path in chapters if path.exists()]
    return imported_modules(cell for text in texts if not _mark(cache, text).exists() for cell in cells_of(text))


def imported_modules(cells: Iterable[str]) -> list[str]:
    """The modules that the code cells import, in the order of their first use; `torch.optim` too where they use it."""
    found: dict[str, None] = {}
    for cell in cells:
        try:
            tree = ast.parse(cell)
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= dict.fromkeys(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found[node.module] = None
            elif isinstance(node, ast.Attribute) and ast.unparse(node) == "torch.optim":
                found["torch.optim"] = None
    return list(found)


def _mark(cache: Path, text: str) -> Path:
    return cache / f"has-{hashlib.sha256(chr(0).join(cells_of(text)).encode()).hexdigest()[:16]}"
