"""What `lint` reports: where, what is wrong, and what mends it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

LEFT_OVER = re.compile(r"\bREPLACE\b")


@dataclass(frozen=True)
class Finding:
    """`kind` is "structure" (something is missing or broken) or "content" (it is there, but not yet what it should be)."""

    path: Path
    line: int
    text: str
    mend: str
    kind: str = "structure"

    def show(self, root: Path) -> str:
        return f"{self.path.relative_to(root)}:{self.line}: {self.text}; {self.mend}"


def left_over(path: Path, text: Iterable[str]) -> Iterator[Finding]:
    """One finding where lines of the template are left."""
    numbers = [number for number, line in enumerate(text, start=1) if LEFT_OVER.search(line)]
    if numbers:
        where = ", ".join(map(str, numbers[:12])) + (", …" if len(numbers) > 12 else "")
        yield Finding(path, numbers[0], f"text of the template is left in {len(numbers)} lines ({where})", "write your own", kind="content")
