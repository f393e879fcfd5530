"""What `lint` reports: where, what is wrong, and what mends it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

LEFT_OVER = re.compile(r"\bREPLACE\b")


@dataclass(frozen=True)
class Finding:
    """What is wrong, where, and what mends it.

    `kind` is "structure" (something is missing or broken), "content" (it is there, but not yet what it should be) or "note" (nothing
    is wrong, but something is not known yet).
    """

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
        text = f"text of the template is left (in {listed(numbers)})"
        yield Finding(path, numbers[0], text, "write your own in place of each line that says REPLACE", kind="content")


def listed(numbers: Collection[int]) -> str:
    """Line numbers in words: the first twelve of them."""
    shown = ", ".join(str(number) for number in list(numbers)[:12])
    return f"line {shown}" if len(numbers) == 1 else f"{len(numbers)} lines: {shown}" + ", …" * (len(numbers) > 12)
