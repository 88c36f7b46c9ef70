# Each environment is made on first use and again when what it is made of has changed.
PYTHON ?= python3
PIP_INSTALL = bin/python -m pip install --quiet --disable-pip-version-check
SOURCES := $(shell find archc specs -type f -not -name '*.pyc')

.DEFAULT_GOAL := help
.PHONY: help demo test check lint oracle oracle-all bench format clean
.PHONY: servers triton mlserver openvino registry web ray debian-packages bench-serving bench-scoring

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
	.venv-test/bin/archc fmt --check specs examples

oracle: .venv-oracle/installed  ## the zoo against its reference implementations in torch
	.venv-oracle/bin/python -m pytest -m oracle tests

oracle-all: .venv-oracle/installed  ## the same for every variant; takes long
	.venv-oracle/bin/python -m pytest -m oracle tests/zoo --all-variants

servers: triton mlserver openvino registry web ray  ## packages on every real server and runtime

triton: .venv-servers/installed  ## the real Triton on this machine; x86-64 Linux
	.venv-servers/bin/python -m pytest -m triton tests/servers tests/serving tests/deploy tests/examples

mlserver: .venv-mlserver/installed  ## the real MLServer
	.venv-mlserver/bin/python -m pytest -m mlserver tests/servers

openvino: .venv-openvino/installed  ## packages in OpenVINO's runtime
	.venv-openvino/bin/python -m pytest -m openvino tests/servers tests/quantization

registry: .venv-test/installed  ## OCI images in a real registry; needs `make debian-packages`
	.venv-test/bin/python -m pytest -m registry tests/servers

web: .venv-test/installed tests/web/node_modules  ## the page in Chromium; needs `make debian-packages`
	.venv-test/bin/python -m pytest -m web tests/web

ray: .venv-ray/installed  ## scoring by Ray's actors
	.venv-ray/bin/python -m pytest -m ray tests/servers

debian-packages:  ## what `make registry` and `make web` need, on Debian and Ubuntu, as root
	apt-get install --yes --no-install-recommends \
	    busybox-static chromium docker-registry skopeo umoci \
	    $$(command -v npm >/dev/null || echo nodejs npm)

bench: .venv-bench/installed  ## every figure of docs/benchmarks.md, against the peers
	.venv-bench/bin/python -m benchmarks

bench-serving: .venv-bench/installed  ## a load on the real Triton, against bare ONNX Runtime
	.venv-bench/bin/python -m benchmarks.serving

bench-scoring: .venv-bench/installed  ## many pictures scored, against a plain loop
	.venv-bench/bin/python -m benchmarks.scoring

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

.venv-servers/installed: pyproject.toml
	$(PYTHON) -m venv .venv-servers
	.venv-servers/$(PIP_INSTALL) -e '.[test,serve]'
	touch $@

.venv-mlserver/installed: pyproject.toml
	$(PYTHON) -m venv .venv-mlserver
	.venv-mlserver/$(PIP_INSTALL) -e '.[test,serve]' mlserver==1.7.1 'uvloop<0.22'
	touch $@

.venv-openvino/installed: pyproject.toml
	$(PYTHON) -m venv .venv-openvino
	.venv-openvino/$(PIP_INSTALL) -e '.[test,openvino]'
	touch $@

.venv-ray/installed: pyproject.toml
	$(PYTHON) -m venv .venv-ray
	.venv-ray/$(PIP_INSTALL) -e '.[test,ray]'
	touch $@

# onnxruntime-node's install script would fetch a library that only GPUs need.
tests/web/node_modules: tests/web/package.json
	cd tests/web && npm install --ignore-scripts --no-audit --no-fund --no-package-lock --silent
	touch $@

# torch is asked for by its exact version, and torchvision without what it depends on: other
# requests can bring gigabytes of libraries for graphics processors.
.venv-oracle/installed: pyproject.toml
	$(PYTHON) -m venv .venv-oracle
	.venv-oracle/$(PIP_INSTALL) -e '.[test,oracle]'
	.venv-oracle/$(PIP_INSTALL) --no-deps torchvision==0.28.0 timm==1.0.31
	touch $@

.venv-bench/installed: pyproject.toml $(SOURCES)
	$(PYTHON) -m venv .venv-bench
	.venv-bench/$(PIP_INSTALL) '.[bench]'
	.venv-bench/$(PIP_INSTALL) --no-deps torchvision==0.28.0
	touch $@
