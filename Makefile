# Lens: the single door.  `make serve` and `make test` need nothing done first.
PYTHON ?= python3
RUNTIME ?= cpu
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamps

export PORT ?= 3000
export LENS_HOME ?= .lens
# The framework's parent process makes its metrics folder before any of our code runs (docs/decisions/0009).
export BENTOML_HOME ?= $(abspath $(LENS_HOME))/bentoml
export BENTOML_DO_NOT_TRACK := True
export ORT_DISABLE_TELEMETRY := 1

.PHONY: help serve test lint types bench chaos format docs bento bento-test clean
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

$(STAMP)/venv:
	@echo "== making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { echo "Lens needs Python 3.11, 3.12 or 3.13; set PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMP) && touch $@

$(STAMP)/serve-$(RUNTIME): $(STAMP)/venv requirements.txt requirements-$(RUNTIME).txt
	@echo "== installing requirements-$(RUNTIME).txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-$(RUNTIME).txt
	@touch $@

$(STAMP)/dev: $(STAMP)/serve-$(RUNTIME) requirements-dev.txt
	@echo "== installing requirements-dev.txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

## make serve    install what is missing and serve on PORT (3000), the page at /
serve: $(STAMP)/serve-$(RUNTIME)
	@mkdir -p $(BENTOML_HOME)
	@echo "== serving on http://127.0.0.1:$(PORT) (state in $(LENS_HOME))"
	@exec $(BIN)/bentoml serve service:Lens

## make test     install what is missing and run the suite
test: $(STAMP)/dev
	@scripts/install-browser.sh
	@echo "== running the tests"
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

## make lint     ruff and the import rules
lint: $(STAMP)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

## make types    mypy --strict
types: $(STAMP)/dev
	$(BIN)/mypy

## make bench    measure Lens beside its peers and write docs/performance.md (QUICK=1: 10 minutes; PLAN=goals: 25)
bench: $(STAMP)/dev
	$(BIN)/python -m benchmarks $(if $(PLAN),--plan $(PLAN))

## make chaos    beat on the whole service, and write docs/chaos.md (QUICK=1: 2 minutes)
chaos: $(STAMP)/dev
	$(BIN)/python -m chaos $(if $(QUICK),--quick)

## make format   let ruff rewrite
format: $(STAMP)/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

## make docs     write docs/reference.md from the code
docs: $(STAMP)/dev
	$(BIN)/python docs/generate.py

## make bento    build the Bento
bento: $(STAMP)/serve-$(RUNTIME)
	@mkdir -p $(BENTOML_HOME)
	$(BIN)/bentoml build

## make bento-test  build the Bento, serve it, ask it
bento-test: $(STAMP)/dev
	$(BIN)/python -m pytest tests/bento

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
