# Each environment is made on first use and again when what it is made of has changed.
PYTHON ?= python3
PIP_INSTALL = bin/python -m pip install --quiet --disable-pip-version-check
SOURCES := $(shell find archc specs -type f -not -name '*.pyc')

.DEFAULT_GOAL := help
.PHONY: help demo test check lint oracle oracle-all bench format clean

help:  ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

demo: .venv-demo/installed  ## handwritten digits, from a spec and its weights to predictions
	.venv-demo/bin/python examples/digits/demo.py

test: .venv-test/installed  ## the tests; no framework needed
	.venv-test/bin/python -m pytest

check: lint test  ## everything to run before pushing: lint, then the tests

lint: .venv-test/installed  ## format, lint, types, import contracts and spelling
	.venv-test/bin/ruff format --check .
	.venv-test/bin/ruff check .
	.venv-test/bin/mypy
	.venv-test/bin/lint-imports
	.venv-test/bin/codespell

oracle: .venv-oracle/installed  ## the zoo against its reference implementations in torch
	.venv-oracle/bin/python -m pytest -m oracle tests

oracle-all: .venv-oracle/installed  ## the same for every variant; takes long
	.venv-oracle/bin/python -m pytest -m oracle tests/zoo --all-variants

bench: .venv-bench/installed  ## every figure of benchmarks/, against the peers
	.venv-bench/bin/python -m benchmarks

format: .venv-test/installed  ## rewrite the code as the checks want it
	.venv-test/bin/ruff format .
	.venv-test/bin/ruff check --fix .

clean:  ## remove the environments and all that was built
	rm -rf .venv-* build dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -rf .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv-demo/installed: pyproject.toml $(SOURCES)
	$(PYTHON) -m venv .venv-demo
	.venv-demo/$(PIP_INSTALL) .
	touch $@

.venv-test/installed: pyproject.toml
	$(PYTHON) -m venv .venv-test
	.venv-test/$(PIP_INSTALL) -e '.[test]'
	touch $@

# torch is asked for by its exact version, and torchvision without what it depends on: other
# requests can bring gigabytes of libraries for graphics processors.
.venv-oracle/installed: pyproject.toml
	$(PYTHON) -m venv .venv-oracle
	.venv-oracle/$(PIP_INSTALL) -e '.[test,oracle]'
	.venv-oracle/$(PIP_INSTALL) --no-deps torchvision==0.28.0
	touch $@

.venv-bench/installed: pyproject.toml $(SOURCES)
	$(PYTHON) -m venv .venv-bench
	.venv-bench/$(PIP_INSTALL) '.[bench]'
	.venv-bench/$(PIP_INSTALL) --no-deps torchvision==0.28.0
	touch $@
