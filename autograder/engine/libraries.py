"""Which libraries a zygote has imported before it is forked.

Every mapped library makes each fork dearer (a third more, with SciPy, scikit-learn and Matplotlib all there), and not having one
that is used costs half a second in the fork. So there is a zygote with what all use, and, forked from it when they are first needed,
one for each set of further modules that an assignment uses. Some hide: torch's optimizers load its
compiler when they are made, and `backward` loads SymPy when it is given gradients.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from autograder.engine.parsing import parse

ALWAYS = [
    *("numpy", "numpy.testing", "numpy.linalg", "torch", "torch.nn.functional", "torch.optim", "torch.utils.data"),
    *("dataclasses", "enum", "typing", "collections", "itertools", "functools", "math", "copy", "time", "warnings"),
    *("IPython.core.inputtransformer2", "autograder.checks"),
]
HEAVY = frozenset({"scipy", "sklearn", "matplotlib"})
OPTIMIZERS = "torch._dynamo"  # what `torch.optim` needs, as its name alone says in no import
GRADIENTS = "torch.fx.experimental.symbolic_shapes"  # what `backward` needs when it is given gradients
HIDDEN = {OPTIMIZERS, GRADIENTS}
ALL_HEAVY = frozenset(
    {
        *("scipy.special", "scipy.stats", "scipy.optimize"),
        *("sklearn.datasets", "sklearn.linear_model", "sklearn.metrics"),
        "matplotlib.pyplot",
        *HIDDEN,
    }
)
MENTIONED = re.compile(rf"\b(?:{'|'.join(sorted(HEAVY))}|optim)\b")


def imported(sources: Iterable[str]) -> frozenset[str]:
    """The heavy modules, and those of the course itself, that a master's cells import anywhere."""
    names: set[str] = set()
    for source in sources:
        if "optim" in MENTIONED.findall(source):
            names.add(OPTIMIZERS)
        for node in ast.walk(parse(source)):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "backward" and node.args:
                names.add(GRADIENTS)
    return frozenset(name for name in names if name in HIDDEN or name.partition(".")[0] in HEAVY | {"book"})


def wanted(by_master: frozenset[str], submitted: Iterable[str]) -> frozenset[str]:
    """The modules for one submission. If it mentions a library that the master does without, then all: there are few sets that way."""
    known = {"optim" if name == OPTIMIZERS else name.partition(".")[0] for name in by_master}
    mentioned = {name for source in submitted for name in MENTIONED.findall(source)}
    return by_master if mentioned <= known else by_master | ALL_HEAVY
