# `make demo` and `make test` do everything on a fresh clone, set-up included. PYTHON names the interpreter.
PYTHON ?= python3.11
ifeq ($(shell command -v $(PYTHON)),)
PYTHON := python3
endif
BIN := .venv/bin

.PHONY: help demo figures test test-all lint format check wheel clean
.DEFAULT_GOAL := help

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/installed  ## the SZT tanh experiment: train, measure, plot, check (Fig. 5(a) and 6(a))
	$(BIN)/ib-run all +exp=szt_tanh

figures: .venv/installed  ## every figure of the small networks; called again, it goes on
	scripts/reproduce_paper.sh figures

test: .venv/installed  ## the tests, without the slowest
	$(BIN)/pytest -m "not slow"

test-all: .venv/installed  ## all tests
	$(BIN)/pytest

lint: .venv/installed  ## ruff's checks
	$(BIN)/ruff check .

format: .venv/installed  ## format the code
	$(BIN)/ruff format .

check: lint  ## lint, and say what `make format` would change
	$(BIN)/ruff format --check .

wheel: .venv/installed  ## build the wheel into dist/
	$(BIN)/python -m build --wheel

clean:  ## remove what can be made again; outputs/ stays
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# the CPU build of torch first: anything that pulls torch by itself may pull gigabytes
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ib-run needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
