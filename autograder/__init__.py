"""The tool of ML Researcher Foundations: releases, checks, grades and certifies its assignments."""

__version__ = "0.1.0"
