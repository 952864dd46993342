# Lens: the single door.  `make serve` and `make test` need nothing done first.
PYTHON ?= python3
RUNTIME ?= cpu
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamps
# PyTorch stays out of the everyday environment, whose tests show that nothing there needs it.
TRAIN_VENV := .venv-train
# Tools that build, describe and check what ships bring packages that would not fit beside ours.
SHIP_VENV := .venv-ship
# Compiled once, as pip compiles what it installs: whoever may not write here would do it anew at each start, in each process.
SOURCES := service.py preprocessing runners serving

export PORT ?= 3000
export LENS_HOME ?= .lens
# The framework's parent process makes its metrics folder before any of our code runs (docs/decisions/0009).
export BENTOML_HOME ?= $(abspath $(LENS_HOME))/bentoml
export BENTOML_DO_NOT_TRACK := True
export ORT_DISABLE_TELEMETRY := 1

SHELL_SCRIPTS := $(wildcard scripts/*.sh deploy/image/*.sh tests/ship/stand_ins/*.sh) deploy/image/model-store

# make load, make examples
URL ?= http://127.0.0.1:$(PORT)
USERS ?= 16
SECONDS ?= 30

.PHONY: help serve test test-slow screenshots page-report test-train notebook lint types bench chaos format docs bento bento-test lock image ship-test load smoke load-report sbom audit examples clean
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
	@$(BIN)/python -m compileall -q $(SOURCES)
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
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

## make test-slow  run what takes too long for every change: real models through the whole search for INT8
test-slow: $(STAMP)/dev
	@$(BIN)/python -m pytest -m slow tests/optimization

$(TRAIN_VENV)/.ready: requirements-train.txt requirements-cpu.txt requirements.txt
	@echo "== making $(TRAIN_VENV), with requirements-train.txt"
	@$(PYTHON) -m venv $(TRAIN_VENV)
	@$(TRAIN_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-train.txt
	@touch $@

## make test-train  install PyTorch apart; test the training, and run its notebook on a few hundred pictures
test-train: $(TRAIN_VENV)/.ready
	@$(TRAIN_VENV)/bin/python -m pytest tests/training

## make notebook    execute notebooks/train_cifar10.ipynb in place, the whole run: an hour, unless a checkpoint is there
notebook: $(TRAIN_VENV)/.ready
	@LENS_TRAIN=full $(TRAIN_VENV)/bin/jupyter execute --inplace --timeout=-1 notebooks/train_cifar10.ipynb
	@$(TRAIN_VENV)/bin/python -m notebooks.without_pictures notebooks/train_cifar10.ipynb

## make lint     ruff, the import rules, the files of the pipeline and of compose, and shell where shellcheck is there
lint: $(STAMP)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
	@! command -v shellcheck >/dev/null || shellcheck $(SHELL_SCRIPTS)

## make types    mypy --strict
types: $(STAMP)/dev
	$(BIN)/mypy

## make bench    measure Lens beside its peers and write docs/performance.md (QUICK=1: 10 minutes; PLAN=goals: 30)
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

## make screenshots  make the pictures of the page in docs/screenshots
screenshots: $(STAMP)/dev
	@scripts/install-browser.sh
	$(BIN)/python -m tests.page.screenshots

## make page-report  measure the page: what it weighs into docs/page.md, its accessibility into docs/accessibility.md
page-report: $(STAMP)/dev
	@scripts/install-browser.sh
	$(BIN)/python -m tests.page.weight
	$(BIN)/python -m tests.page.accessibility_report

## make bento    build the Bento
bento: $(STAMP)/serve-$(RUNTIME)
	@mkdir -p $(BENTOML_HOME)
	$(BIN)/bentoml build

## make bento-test  build the Bento, serve it, ask it
bento-test: $(STAMP)/dev
	$(BIN)/python -m pytest -m slow tests/bento

$(STAMP)/ship: $(STAMP)/dev requirements-ship.txt
	@echo "== making $(SHIP_VENV), with requirements-ship.txt"
	@$(PYTHON) -m venv $(SHIP_VENV)
	@$(SHIP_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-ship.txt
	@touch $@

## make lock     pin what the Bento and the image install (deploy/image/requirements*.txt)
lock: $(STAMP)/ship
	scripts/lock.sh $(SHIP_VENV)/bin/uv

## make image    build the image lens:latest (ENGINE=docker|podman|buildah, RUNTIME=cpu|gpu)
image: $(STAMP)/serve-cpu
	@RUNTIME=$(RUNTIME) scripts/with-engine.sh scripts/image.sh

## make ship-test  Bento, image and compose for real, into docs/ship-report.md: starts a Docker engine where none answers
ship-test: $(STAMP)/ship
	@LENS_SHIP=1 PATH="$(abspath $(SHIP_VENV))/bin:$$PATH" scripts/with-engine.sh $(BIN)/python -m pytest tests/ship
	@$(BIN)/python -m scripts.ship_report $$(git describe --always --dirty)

## make sbom     what the image installs, as CycloneDX JSON in dist/
sbom: $(STAMP)/ship
	@mkdir -p dist
	$(SHIP_VENV)/bin/cyclonedx-py requirements --output-reproducible --of JSON -o dist/lens.cdx.json deploy/image/requirements.txt

## make audit    look for known vulnerabilities in it: asks PyPI, or whom AUDIT names (--vulnerability-service osv); 69: no answer
audit: $(STAMP)/ship
	@scripts/audit.sh $(SHIP_VENV)/bin/pip-audit $(AUDIT)

## make load     send load to URL for SECONDS from USERS callers; report with charts in dist/load.html
load: $(STAMP)/venv
	@test -x .bench/locust/bin/locust || $(BIN)/python -m benchmarks.environments locust
	@mkdir -p dist
	.bench/locust/bin/locust --locustfile benchmarks/locustfile.py --headless --only-summary --host $(URL) \
		--users $(USERS) --spawn-rate $(USERS) --run-time $(SECONDS)s --html dist/load.html --csv dist/load

## make smoke    the same for ten seconds on a server of its own; fails where a request fails
smoke: $(STAMP)/serve-$(RUNTIME)
	@scripts/smoke.sh

## make load-report  a minute of load on a server of its own, into docs/load-report.md
load-report: $(STAMP)/dev
	@scripts/smoke.sh 60 16
	$(BIN)/python -m scripts.load_report $$(git rev-parse --short HEAD)

## make examples  ask URL the documented questions; requests and answers in dist/examples/
examples: $(STAMP)/dev
	$(BIN)/python -m scripts.examples $(URL) dist/examples

clean:
	rm -rf $(VENV) $(TRAIN_VENV) .mypy_cache .ruff_cache .pytest_cache
