# Callboard's commands. A text after two hashes is what `make help` shows.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOOLS := $(VENV)/tools
# Nothing is installed that is not, byte for byte, what `make pins` saw.
PIP := -m pip install --quiet --disable-pip-version-check --require-hashes
PINS := --quiet --system-certs --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-package colorama

# Side by side, a file at a time, each process with servers of its own: one more than the two cores of a small machine, as many tests wait.
ALL_TESTS := --numprocesses 3 --dist loadfile --no-loadscope-reorder

.PHONY: help run test lint format upgrade backup restore audit pins vendor screenshot bench-receive bench-import bench-submit bench-chaos bench-live clean

help: ## show these commands
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'

run: $(VENV)/ready-to-run ## start everything; Ctrl-C stops it
	@$(BIN)/python -m ops.run

test: $(VENV)/ready-to-test ## run all tests; ARGS="tests/core -x" chooses some
	@$(BIN)/python -m ops.test_tools
	@$(BIN)/python -m pytest $(or $(ARGS),$(ALL_TESTS))

lint: $(VENV)/ready-to-test ## check style, formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/ready-to-test ## put the code into its format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

upgrade: $(VENV)/ready-to-run ## bring the database up to date, before a new version starts
	@$(BIN)/python -m ops.prepare

backup: $(VENV)/ready-to-run ## back up database, lists and key while everything runs; FILE=… says where to
	@$(BIN)/python -m ops.backup "$(FILE)"

restore: $(VENV)/ready-to-run ## put the backup FILE=… back; OVERWRITE=1 where a database is already
	@$(BIN)/python -m ops.restore "$(FILE)" "$(OVERWRITE)"

audit: $(VENV)/ready-to-run $(TOOLS)/ready ## look every requirement up in the database of known vulnerabilities
	@$(BIN)/python -m ops.audit $(TOOLS)/bin/pip-audit

pins: $(TOOLS)/ready ## write requirements*.txt anew from requirements*.in; ARGS=--upgrade moves what those need
	@for name in requirements requirements-dev requirements-postgresql requirements-tools; do \
		$(TOOLS)/bin/uv pip compile $(PINS) $(ARGS) --custom-compile-command "make pins" $$name.in -o $$name.txt || exit 1; done

vendor: $(VENV)/ready-to-run ## fetch the pinned front-end packages into static/vendor
	@$(BIN)/python -m ops.vendor

screenshot: $(VENV)/ready-to-test ## make the README's screenshots anew
	@$(BIN)/python -m ops.screenshots

bench-receive: $(VENV)/ready-to-test ## measure received webhooks a second
	@$(BIN)/python -m bench.receive

bench-import: $(VENV)/ready-to-test ## measure rows of a list a second
	@$(BIN)/python -m bench.imports $(ARGS)

bench-submit: $(VENV)/ready-to-test ## measure what a wave costs beside its POST
	@$(BIN)/python -m bench.submit $(ARGS)

bench-chaos: $(VENV)/ready-to-test ## kill everything at random for minutes, then compare each contact
	@$(BIN)/python -m bench.chaos $(ARGS)

bench-live: $(VENV)/ready-to-test ## measure how soon an event is on a thousand screens, and what those cost
	@$(BIN)/python -m bench.live $(ARGS)

clean: ## remove the virtual environment and caches; the data in ./var stays
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis test-results
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Callboard needs Python 3.11 or newer; $(PYTHON) was not found."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Callboard needs Python 3.11 or newer; choose one with: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Installing Callboard's requirements; only the first start does this."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/ready-to-run: requirements.txt | $(BIN)/python
	@$(BIN)/python $(PIP) -r requirements.txt
	@touch $@

$(VENV)/ready-to-test: requirements-dev.txt $(VENV)/ready-to-run
	@$(BIN)/python $(PIP) -r requirements-dev.txt
	@touch $@

$(TOOLS)/ready: requirements-tools.txt | $(BIN)/python
	@$(BIN)/python -m venv $(TOOLS)
	@$(TOOLS)/bin/python $(PIP) -r requirements-tools.txt
	@touch $@
