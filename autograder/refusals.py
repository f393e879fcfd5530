"""The errors that say all there is to know: shown as a line, on every route, never as a traceback.

Light to import, as every command does: a master's is here, as what reads masters takes longer to load than a command to start.
"""

from __future__ import annotations

from autograder.catalogue import CatalogueError
from autograder.course import CourseError
from autograder.engine.host import InfrastructureError
from autograder.engine.sandbox import SandboxTooWeak


class MasterError(ValueError):
    """A master that breaks a rule of CONTRIBUTING; the text names file, cell and mend."""


REFUSALS = (CourseError, MasterError, CatalogueError, SandboxTooWeak, InfrastructureError)
