"""The errors that say all there is to know: shown as a line, on every route, never as a traceback."""

from __future__ import annotations

from autograder.catalogue import CatalogueError
from autograder.course import CourseError
from autograder.engine.host import InfrastructureError
from autograder.engine.sandbox import SandboxTooWeak
from autograder.master import MasterError

REFUSALS = (CourseError, MasterError, CatalogueError, SandboxTooWeak, InfrastructureError)
