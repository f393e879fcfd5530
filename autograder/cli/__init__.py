"""The `autograder` command: one verb, one module of this package, found by being here."""

import importlib
import pkgutil

try:
    from autograder.cli.app import main

    for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(_module.name)
except KeyboardInterrupt:  # while it was still being loaded: nothing has begun
    raise SystemExit("Stopped.") from None

__all__ = ["main"]
