"""The `autograder` command: one verb, one module of this package, found by being here."""

import atexit
import gc
import importlib
import pkgutil
import sys

# Modules, syntax trees and recorded behaviour are many small objects that stay: looking through them for garbage, as often as Python
# does by itself, takes a sixth of a command's own time.
gc.set_threshold(100_000, 20, 100)
atexit.register(gc.freeze)  # nor is it worth the time at the end

# jsonschema, which reads notebooks for nbformat, builds a parser for internationalised addresses if it finds this package: half of
# the time that any command takes to start, for a check that no notebook's schema asks for.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

try:
    from autograder.cli.app import main

    for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(_module.name)
except KeyboardInterrupt:  # while it was still being loaded: nothing has begun
    raise SystemExit("Stopped.") from None

__all__ = ["main"]
