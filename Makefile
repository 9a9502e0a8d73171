# `make demo` and `make test` do everything on a fresh clone, set-up included. PYTHON names the interpreter.
PYTHON ?= python3.11
ifeq ($(shell command -v $(PYTHON)),)
PYTHON := python3
endif
BIN := .venv/bin
# processes that share the tests, a core each; a test's own threads would only wait for one another
WORKERS ?= logical
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(WORKERS) \
	--dist loadfile --no-loadscope-reorder  # tests/conftest.py orders the files

.PHONY: help demo figures test test-slow test-long test-all lint format types check docs wheel dist clean
.DEFAULT_GOAL := help

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/installed  ## the SZT tanh experiment: train, measure, plot, check (Fig. 5(a) and 6(a)), report
	$(BIN)/ib-run all +exp=szt_tanh
	@echo "A page to explore it, for your browser:" >&2
	@$(BIN)/ib-run report

figures: .venv/installed  ## every figure of the small networks; called again, it goes on
	scripts/reproduce_paper.sh figures

test: .venv/dev  ## the tests on all cores, without the slowest
	$(PYTEST) -m "not slow and not long"

test-slow: .venv/dev  ## the slow tests, which the continuous check runs too
	$(PYTEST) -m "slow and not long"

test-long: .venv/dev  ## the longest tests, which a release runs: killed processes, submitted jobs
	$(PYTEST) -m long

test-all: .venv/dev  ## all tests
	$(PYTEST)

lint: .venv/dev  ## ruff's checks
	$(BIN)/ruff check .

format: .venv/dev  ## format the code
	$(BIN)/ruff format .

types: .venv/dev  ## mypy's checks
	$(BIN)/python -m mypy

check: lint types  ## lint, types, and what `make format` would change
	$(BIN)/ruff format --check .

docs: .venv/docs  ## build the documentation into site/, every warning an error
	$(BIN)/python -m mkdocs build --strict

wheel: .venv/dev  ## build the wheel into dist/
	$(BIN)/python -m build --wheel

dist: .venv/release  ## build sdist and wheel into dist/, and check them as the package index will
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/python -m twine check --strict dist/*

clean:  ## remove what can be made again; outputs/ stays
	rm -rf .venv build dist site *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The pinned versions: by uv where it is there, and by pip where it is not, or where uv finds no
# package (it knows nothing of pip's own settings, an index say).
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
UV := $(shell command -v uv)
ifeq ($(UV),)
install = $(PIP) $(1)
else
install = $(UV) pip install --quiet --python $(BIN)/python -c constraints.txt $(1) || $(PIP) $(1)
endif

# What runs the program; tools and documentation come on top, for the targets that need them.
# The CPU build of torch first: anything that pulls torch by itself may pull gigabytes.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ib-run needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(call install,torch)
	$(call install,-e .)
	@touch $@

.venv/dev .venv/docs .venv/release: .venv/%: .venv/installed
	$(call install,-e '.[$*]')
	@touch $@
