# Everything that is done with this repository. It needs make and a Python from 3.11 to 3.14 with venv, nothing else.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help run test check bench chaos lock revision migrate

FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))
PYTHONS := python3.14 python3.13 python3.12 python3.11 python3
first_that_runs = $(shell for each in $(PYTHONS); do $$each -c '$(1)' 2>/dev/null && echo $$each && break; done)
PYTHON ?= $(call first_that_runs,import ensurepip; $(FITS))

BIN := .venv/bin
INSTALLED := .venv/requirements.lock
ARGS ?=

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(INSTALLED) ## Everything on one machine, with a demo company the first time
	$(BIN)/mitra up $(ARGS)

PYTEST := $(BIN)/python -m pytest
ELSEWHERE := --ignore=tests/architecture --ignore=tests/kit/test_migrations.py

# First what shares the machine (in the order of the folders: the few long tests of journeys would else come last, with a core idle), then
# what measures time on it alone. pytest ends with 5 where a part has none of what ARGS= asks for, and with 2 where it was interrupted.
test: $(INSTALLED) ## All tests but those of `make check`, on two cores; ARGS= goes to pytest
	$(PYTEST) $(ELSEWHERE) -m "not alone" -n 2 --dist loadfile --no-loadscope-reorder $(ARGS); shared=$$?; \
	if [ $$shared -eq 2 ]; then exit 1; fi; \
	$(PYTEST) $(ELSEWHERE) -m alone $(or $(ARGS),tests/chaos) -n 0; alone=$$?; \
	case $$shared,$$alone in 0,0 | 0,5 | 5,0) ;; *) exit 1 ;; esac

check: $(INSTALLED) ## Style, types, imports, architecture, and tables as their migrations make them
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/architecture tests/kit/test_migrations.py $(ARGS)

bench: $(INSTALLED) ## Measure, each figure beside its raw baseline; ARGS= goes to the bench
	$(BIN)/python -m bench $(ARGS)

chaos: $(INSTALLED) ## Kill processes at named points under load; ARGS= goes to the run
	$(BIN)/python -m tests.chaos $(ARGS)

lock: $(INSTALLED) ## Resolve pyproject.toml into requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev \
		--quiet pyproject.toml -o requirements.lock $(ARGS)

revision: $(INSTALLED) ## A new migration: SERVICE=pipeline_svc MESSAGE="add quotes"
	$(if $(and $(SERVICE),$(MESSAGE)),,$(error Say which and why: make revision SERVICE=pipeline_svc MESSAGE="add quotes"))
	$(BIN)/mitra revision $(SERVICE) "$(MESSAGE)"

migrate: $(INSTALLED) ## Bring the databases of all services to the newest schema
	$(BIN)/mitra migrate $(ARGS)

# The copy of the lock in .venv tells what is installed; an environment that was broken off, or whose Python is gone, is made anew.
$(INSTALLED): requirements.lock pyproject.toml
	$(if $(wildcard $(BIN)/pip),,$(if $(PYTHON),,$(error $(missing))))
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { rm -rf .venv && $(PYTHON) -m venv .venv; }
	@cmp -s requirements.lock $@ || $(BIN)/python -m pip install --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@cp requirements.lock $@

without_venv = $(call first_that_runs,$(FITS))
missing = $(if $(without_venv),$(without_venv) lacks venv: install it (Debian, Ubuntu: apt-get install $(without_venv)-venv),no Python\
	from 3.11 to 3.14 found: install one (Debian, Ubuntu: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python)
