"""Is the built book fast, self-contained and accessible? Every page is visited in a browser, from a server like a web host's."""

from autograder.audit.run import report, scores, visits

__all__ = ["report", "scores", "visits"]
