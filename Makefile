# make demo       set up .venv and run the quick start
# make test       set up .venv and run every check: lint, types, unit, lit, package
# make test-slow  the suites that take longer; make bench: measure; make clean: remove what was made
# make fuzz       bad input, CASES=n of it from SEED=n, in JOBS=n processes, until a case fails
#
# Nothing needs to be installed beforehand but Python >= 3.11, git and make. JOBS=n sets how many
# processes test.

.NOTPARALLEL:
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_ROOT_USER_ACTION=ignore $(BIN)/python -m pip --disable-pip-version-check -qq
JOBS ?= 2
CASES ?= 100000
SEED ?= 1

# What the environment is made from: a change here installs again.
PACKAGE := pyproject.toml pyflame/version.py

.PHONY: demo test lint imports types unit lit package test-slow fuzz bench clean distclean

demo: $(VENV)/.demo
	@$(BIN)/python examples/quickstart.py

test: lint imports types unit lit package
	@echo "All checks passed."

lint: $(VENV)/.test
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@echo "lint: good"

imports: $(VENV)/.test
	@$(BIN)/lint-imports --no-cache >$(VENV)/imports.txt || { cat $(VENV)/imports.txt; exit 1; }
	@echo "imports: good"

types: $(VENV)/.test
	@$(BIN)/basedpyright --warnings

unit: $(VENV)/.test
	@$(BIN)/python -m pytest -q -n $(JOBS) --ignore tests/repo/test_package.py

lit: $(VENV)/.test
	@$(BIN)/lit -q -j $(JOBS) lit_tests
	@echo "lit: good"

package: $(VENV)/.test
	@$(BIN)/python -m pytest -q tests/repo/test_package.py

test-slow: $(VENV)/.test
	@$(BIN)/python -m pytest -q -n $(JOBS) -m slow

fuzz: $(VENV)/.test
	@$(BIN)/python -m tests.fuzz --cases $(CASES) --jobs $(JOBS) --seed $(SEED)

bench: $(VENV)/.demo
	@set -e; for bench in benchmarks/bench_*.py; do $(BIN)/python "$$bench"; done

# A stamp remembers that an extra is installed, so that a second run starts at once.
$(VENV)/.demo $(VENV)/.test: $(VENV)/.%: $(PACKAGE) | $(BIN)/python
	@echo "Installing PyFlame with its '$*' extra into $(VENV) ..."
	@$(PIP) install --editable '.[$*]'
	@touch $@

# The first Python on the PATH that is new enough; make PYTHON=... chooses another.
PYTHONS := python3 python3.13 python3.12 python3.11 python
$(BIN)/python:
	@for python in $(or $(PYTHON),$(PYTHONS)); do \
	    if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        exec "$$python" -m venv $(VENV); \
	    fi; \
	done; \
	echo "PyFlame needs Python 3.11 or newer; make PYTHON=/path/to/python names one." >&2; exit 1

clean:
	@rm -rf .fuzz dist build out pyflame_csl_output .pytest_cache .ruff_cache .hypothesis
	@rm -rf .import_linter_cache lit_tests/.lit_test_times.txt .lit_test_times.txt
	@find pyflame pyflame_rt tests lit_tests examples benchmarks -depth \
	    \( -name __pycache__ -o -name Output \) -type d -exec rm -rf {} +

distclean: clean
	@rm -rf $(VENV)
