# The one front door. Each target is a thin call: the work is in scripts/ and tests/.
# make help tells what there is.
SHELL := /bin/bash
PYTHON := /usr/bin/python3
ONLY ?=
SECONDS_EACH ?= 60
NAME ?=
CONSTRAINTS ?=

.PHONY: help demo check check-quick bench graph lint fuzz wheel docs lock format coverage down clean distclean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## a real cloud on this machine: a migration refused, one accepted, and why (KEEP=1 leaves it up)
	@scripts/bootstrap.sh nova-2026.2 dev
	@cloud=$$($(PYTHON) scripts/environments.py checkout nova-2026.2) && exec $$cloud/bin/python tests/lab/demo.py

check: ## everything that says whether this works (ONLY=stage,stage for a part)
	@scripts/bootstrap.sh packages
	@$(PYTHON) scripts/check.py --only "$(ONLY)"

check-quick: ## the stages that take seconds
	@scripts/bootstrap.sh packages
	@$(PYTHON) scripts/check.py --quick

bench: ## the figures: the machine, rules, the scheduler's filter, a round over real guests, a migration
	@scripts/bootstrap.sh nova-2026.2 dev bench
	@scripts/bench.sh

graph: ## draws the parts and their arrows (build/graph); fails on a forbidden one
	@scripts/graph.py

lint: ## format, shell, Python, types, clang-tidy
	@scripts/lint.sh all

format: ## formats C++ and Python in place
	@scripts/lint.sh fix

fuzz: ## each fuzz target for SECONDS_EACH seconds
	@cmake --preset fuzz && cmake --build --preset fuzz && scripts/fuzz.sh $(SECONDS_EACH)

coverage: ## line coverage of the C++ tests (build/coverage/report/index.html)
	@cmake --preset coverage && cmake --build --preset coverage && ctest --preset coverage && scripts/coverage.sh

wheel: ## the wheel that a compute host installs (build/wheel)
	@$(PYTHON) scripts/environments.py wheel

docs: ## the documentation as HTML (build/docs/html)
	@scripts/docs.sh

lock: ## writes requirements/NAME.txt anew (NAME=dev, CONSTRAINTS=upper-constraints.txt)
	@$(PYTHON) scripts/environments.py lock $(NAME) $(if $(CONSTRAINTS),--constraints $(CONSTRAINTS))

down: ## ends a cloud that KEEP=1 left up
	@cd tests/lab && $(PYTHON) -m cloud down

clean: down ## down, and removes build/
	@rm -rf build

distclean: clean ## clean, and the cached environments too
	@rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/nova-consent"
