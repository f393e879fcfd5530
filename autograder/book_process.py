"""The process that builds the book: Jupyter Book's command, while another process already imports what the chapters will want."""

from __future__ import annotations

import gc
import os
import sys

from autograder import warm_server

MODULES = "COURSE_WARM_MODULES"  # what to warm up, as `autograder.executed` sees it


def main() -> None:
    if modules := os.environ.pop(MODULES, "").split():
        warm_server.start(modules)
    gc.set_threshold(100_000, 20, 20)  # Sphinx makes many small objects, most of which stay: looking for garbage less saves 8 %
    # jsonschema compiles 38 grammars on import if it finds this package, for formats that no schema here has.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    from jupyter_book.cli.main import main as jupyter_book  # type: ignore[import-untyped]

    try:
        jupyter_book()
    finally:
        warm_server.close_unused()


if __name__ == "__main__":
    main()
