# Needs Python (3.11 or newer), pip and make. Everything else is installed into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Processes that share the tests. Most tests wait for servers, so two processors carry three of them.
WORKERS ?= 3
# Tests and benchmarks must not see the settings of the person who runs them.
CLEAN_ENV := env $(foreach name,$(filter PRODUCTION_% PRODTEST_%,$(shell env | cut -d= -f1)),-u $(name))

.PHONY: install demo test lint format bench bench-quick soak docs pictures lock

install: $(INSTALLED)

$(INSTALLED): requirements.lock requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: install
	@$(BIN)/prodtest demo

test: install
	@$(CLEAN_ENV) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(TESTARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install
	@$(CLEAN_ENV) $(BIN)/python -m benchmarks

bench-quick: install
	@$(CLEAN_ENV) $(BIN)/python -m benchmarks --quick

# The same tests with more kills, more races and more faults; takes a while.
soak: install
	@$(CLEAN_ENV) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --soak -o timeout=7200 $(TESTARGS)

# docs/commands.md and docs/settings.md, from the code.
docs: install
	@$(BIN)/python docs/generate.py

# The pictures of docs/pictures, from a real database; needs Chromium.
pictures: install
	@$(CLEAN_ENV) $(BIN)/python docs/pictures/make.py

lock: install
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-strip-extras --no-annotate --no-header \
		--python-version 3.11 --all-extras --group dev pyproject.toml --output-file requirements.lock
