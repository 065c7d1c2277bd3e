# up       run everything: engines and all processes    test   run the tests, ARGS="-k expiry" narrows them
# check    lint, types, layers, the style              bench  measure, QUICK=1 for a short run
# migrate  bring the database to the newest schema
#
# Each verb first makes .venv from requirements.lock, once. Needed beforehand: make and Python 3.11 or newer.

PYTHON ?= python3
BIN := .venv/bin
# -qq: pip's own chatter says nothing a reader of these commands needs; its errors are still printed.
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check

.PHONY: up test check bench migrate
.DEFAULT_GOAL := up

up: .venv/project
	@$(BIN)/millpond up $(ARGS)

# Three workers, each with engines of its own, for much of a test is waiting. Given servers are one worker's, and ARGS=-n0
# asks for one too; ARGS="-m long" for what takes minutes.
test: .venv/project
	@$(BIN)/python -m pytest $(if $(DATABASE_URL)$(REDIS_URL),,-n 3 --dist loadfile) $(ARGS)

check: .venv/project
	@$(BIN)/ruff check --quiet --output-format concise .
	@$(BIN)/ruff format --check --quiet . || { echo "formatting: run .venv/bin/ruff format" >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo > .venv/imports.txt 2>&1 || { cat .venv/imports.txt; exit 1; }
	@$(BIN)/python -m pytest -q --noconftest -p no:hypothesispytest tests/house

bench: .venv/project
	@$(BIN)/python -m loadtests $(if $(QUICK),--quick) $(ARGS)

migrate: .venv/project
	@$(BIN)/millpond migrate $(ARGS)

# A changed lock makes the environment anew: nothing that left the lock stays behind.
.venv/lock: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Python 3.11 or newer is needed, and '$(PYTHON)' is not: try make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "'$(PYTHON)' cannot make virtual environments: on Debian and Ubuntu, apt install python3-venv" >&2; exit 1; }
	@echo "installing into .venv, once" >&2
	@$(PYTHON) -m venv --clear .venv
	@$(PIP) --require-hashes -r requirements.lock
	@touch $@

# Without build isolation: the build backend comes from the lock as well.
.venv/project: .venv/lock pyproject.toml
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@
