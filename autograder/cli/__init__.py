"""The `autograder` command: one verb, one module of this package, found by being here."""

import importlib
import pkgutil

from autograder.cli.app import main

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)

__all__ = ["main"]
