# SPDX-License-Identifier: Apache-2.0
# Everything a fresh machine needs is done by the first target you ask for: it builds .venv from constraints.txt, once.

PYTHON ?= $(firstword $(foreach version,3 3.14 3.13 3.12 3.11,$(shell \
  python$(version) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo python$(version))))
BIN := .venv/bin
STAMP := .venv/.installed
DEMO_OUT ?= demo
DEMO_FLAGS ?=

.PHONY: help install test fast lint demo demo-short clean

help:
	@echo 'make demo     train a small model, evaluate it, predict; leaves $(DEMO_OUT)/report.html'
	@echo 'make test     lint, types, import layers and all tests'
	@echo 'make fast     the tests without the slow ones'
	@echo 'make install  only build .venv'
	@echo 'make clean    remove .venv and caches'

install: $(STAMP)

# The stamp is written last: an install that broke off is done again.
$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo 'make: expected Python 3.11 or newer; found none; install it, or say make PYTHON=/path/to/python3' >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; echo 'make: expected the venv module; on Debian and Ubuntu: apt install python3-venv' >&2; exit 2; }
	@echo 'Installing Leadline and its pinned dependencies into .venv (gigabytes on Linux, some minutes) ...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,lint]'
	@touch $(STAMP)

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest -n auto --dist worksteal

fast: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist worksteal -m 'not slow'

demo: $(STAMP)
	$(BIN)/leadline demo --out $(DEMO_OUT) $(DEMO_FLAGS)

# One epoch in a folder of its own: does everything run, not how well does it learn.
demo-short: $(STAMP)
	@out=$$(mktemp -d) && trap 'rm -rf "$$out"' EXIT && $(BIN)/leadline demo --out "$$out/demo" --epochs 1

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache src/*.egg-info
