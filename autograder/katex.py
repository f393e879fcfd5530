"""KaTeX in a JavaScript engine: formulas as markup that needs no script, for the book and for feedback pages."""

from __future__ import annotations

import atexit
import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from py_mini_racer import MiniRacer

KATEX = Path(__file__).parents[1] / "book" / "_ext" / "katex"
# KaTeX numbers these by itself; the book's numbers come from Sphinx, where `{eq}` finds them, and feedback has none.
NUMBERED = re.compile(r"\\(begin|end)\{(equation|align|alignat|gather|CD)\}")
TYPESET_ALL = """
function typesetAll(formulas, output) {
  return formulas.map(([tex, displayMode]) => {
    try { return [katex.renderToString(tex, { displayMode, output, strict: false }), ""]; } catch (error) { return ["", String(error)]; }
  });
}"""


def typeset_all(
    formulas: Sequence[tuple[str, bool]], output: Literal["htmlAndMathml", "mathml"] = "htmlAndMathml"
) -> list[tuple[str, str]]:
    """Each formula (and whether it is displayed) as markup, or as nothing and why. Many at a time are much faster than one by one."""
    plain = [[NUMBERED.sub(r"\\\1{\2*}", tex) if display else tex, display] for tex, display in formulas]
    return [(markup, error) for markup, error in _engine(os.getpid()).call("typesetAll", plain, output)]


@cache
def _engine(process: int) -> MiniRacer:
    """An engine for each process, as its threads don't survive a fork."""
    engine = MiniRacer()
    engine.eval((KATEX / "katex.min.js").read_text())
    engine.eval(TYPESET_ALL)
    atexit.register(engine.close)  # else, one time in three, its thread holds up the end of the process for ever
    return engine
