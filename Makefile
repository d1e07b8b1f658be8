# gitopsd: everything that a person or CI does here. Needs Python 3.11+, make and git; Go comes from PATH or the lock.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PYTHON := $(BIN)/python
# The folders that lint and types are held in.
CODE := $(wildcard gitopsd plugins tests tools demo benchmarks)
# More for pytest: make test PYTEST_ARGS='-k waves -x'
PYTEST_ARGS ?=
# How many files of tests run side by side: most of their time is waiting. 0 for one after the other, with a debugger.
PYTEST_JOBS ?= 2
# Set to 1 to end the demo by itself, with the exit code of `gitopsd run --once`.
ONCE ?=
# Some tables only: make bench BENCH_ARGS='--tables monorepo renders memory'
BENCH_ARGS ?=
# How long `make fuzz` tries each check.
SECONDS ?= 600

# Some points only: make crash CRASH_ARGS='--scenario hooks --only journal'
CRASH_ARGS ?=

# How long the storm of `make soak` lasts, and which it is.
MINUTES ?= 30
SEED ?= 1

# How many times as many scenarios as in `make test` `make model` tries.
TIMES ?= 20

# Set to 1 to share not even Go's cache between the two builds of `make reproducible`.
COLD ?=

# How many objects of each kind `make truth` makes.
OBJECTS ?= 100

.PHONY: help
help: ## Show what there is to do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: venv
venv: ## Install the locked Python environment into .venv
	@for python in python3.13 python3.12 python3.11 python3.14 python3; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then exec "$$python" tools/venv.py; fi; \
	done; \
	echo "setup: Python 3.11 or later is needed; install it from your system" >&2; exit 1

.PHONY: setup
setup: venv ## Make everything ready: Python environment, render engine, SOPS, local cluster
	@$(PYTHON) -m tools.gobuild engine sops localcluster

.PHONY: originals
originals: venv ## Build the official helm, kustomize, kubectl and jsonnet, which tests compare with
	@nice $(PYTHON) -m tools.gobuild originals || { test -z "$${CI:-}"; echo "tests that compare with them are skipped" >&2; }

.PHONY: differential
differential: setup originals ## Compare the whole corpus with the official programs; print a table
	@$(PYTHON) -m tests.differential

.PHONY: demo
demo: setup ## Run seven sample applications on a local cluster (ONCE=1: until all are as expected, then end)
	@$(PYTHON) demo/run.py $(if $(ONCE),--once)

.PHONY: dev
dev: setup ## Run the demo's cluster with gitopsd in front, started anew whenever its code changes
	@$(PYTHON) demo/dev.py

.PHONY: test
test: setup originals ## Run every test: Go, then Python up to the real API server
	@$(PYTHON) -m tools.gocheck test
	@$(PYTHON) -m pytest --numprocesses=$(PYTEST_JOBS) --dist=loadfile --no-loadscope-reorder $(PYTEST_ARGS)

.PHONY: check
check: venv ## Check format, lint, types, import contracts and Go; all of them, whatever fails
	@failed=(); \
	$(BIN)/ruff format --check $(CODE) packaging || failed+=(format); \
	$(BIN)/ruff check $(CODE) packaging || failed+=(lint); \
	$(BIN)/mypy $(CODE) || failed+=(types); \
	$(BIN)/lint-imports --no-logo || failed+=(contracts); \
	$(PYTHON) -m tools.gocheck vet || failed+=(go); \
	if (($${#failed[@]})); then echo "check: failed: $${failed[*]}" >&2; exit 1; fi

.PHONY: format
format: venv ## Format the code and mend what lint can mend
	@$(BIN)/ruff format $(CODE) packaging
	@$(BIN)/ruff check --fix --quiet $(CODE) packaging
	@gofmt -w engine sops localcluster packaging/launcher

.PHONY: fuzz
fuzz: setup ## Try to break the decoder, the protocol and the path checks (SECONDS=600 each)
	@$(PYTHON) -m tools.fuzz $(SECONDS)

.PHONY: truth
truth: setup ## Change objects of 27 kinds in every way, and hold compare to what dry-runs say (OBJECTS=100 of each)
	@GITOPSD_TRUTH_ROUNDS=$(OBJECTS) nice $(PYTHON) -m pytest -s -o timeout=0 tests/kube/test_truth.py $(PYTEST_ARGS)

.PHONY: crash
crash: setup ## Kill the daemon at every request and journal entry of a sync with hooks; print a table
	@nice $(PYTHON) -m tests.crash $(CRASH_ARGS)

.PHONY: soak
soak: setup ## Put 50 applications into a storm of commits, drifts, kills and faults (MINUTES=30 SEED=1)
	@nice $(PYTHON) -m tests.soak --minutes $(MINUTES) --seed $(SEED)

.PHONY: model
model: setup ## Try many more syncs, kills and terminations against a small model (TIMES=20 as many as `make test`)
	@GITOPSD_MODEL_TIMES=$(TIMES) nice $(PYTHON) -m pytest -q --timeout=0 tests/model

.PHONY: bench
bench: setup originals ## Measure speed and size, each figure beside its floor
	@$(PYTHON) -m benchmarks $(BENCH_ARGS)

.PHONY: binary
binary: venv ## Make gitopsd with Python inside: a folder for packages and images, the one file dist/gitopsd, its SBOM
	@nice $(PYTHON) -m tools.sbom

.PHONY: image
image: venv ## Make the container image dist/image and dist/gitopsd-image.tar, without a container engine
	@nice $(PYTHON) -m tools.image

.PHONY: wheel
wheel: venv ## Make a wheel for this platform, and the source distribution that it can be built from, in dist/
	@$(PYTHON) -m tools.wheel

.PHONY: reproducible
reproducible: venv ## Build all of it in two folders and compare it byte for byte (COLD=1: also Go, from nothing)
	@nice $(PYTHON) -m tools.reproducible $(if $(COLD),--cold)

.PHONY: deb
deb: venv ## Make the Debian package in dist/, with everything inside
	@nice $(PYTHON) -m tools.deb

.PHONY: docs
docs: venv ## Write the pages anew that are made from the code: configuration, commands, metrics
	@$(PYTHON) -m tools.docs

.PHONY: lock
lock: venv ## Write requirements.lock anew from pyproject.toml's ranges
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --no-annotate --all-extras pyproject.toml --output-file requirements.lock >/dev/null

.PHONY: clean
clean: ## Remove what was built here (the build cache outside of the tree stays)
	@rm -rf .venv .build .demo dist gitopsd/bin .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find gitopsd plugins tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
