PYTHON ?= python3
BIN = .venv/bin

.PHONY: course test lab clean-sample

course: .venv/ready         ## set up, build the exercises and the book, grade a sample class
	$(BIN)/autograder build

test: .venv/ready           ## everything that must hold before a change is merged
	$(BIN)/ruff check autograder book solutions
	$(BIN)/mypy autograder book/*.py book/_ext/*.py
	$(BIN)/autograder certify
	$(BIN)/python -m pytest

lab: .venv/ready            ## JupyterLab on this checkout
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/jupyter lab

clean-sample: .venv/ready   ## take the sample class away
	$(BIN)/autograder sample --remove

.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@
