# make demo   the whole journey on synthetic chests      make test   everything that must hold
# make check  style, types and the walls of the house    make bench  the measurements in docs/benchmarks.md
# make docs   the documentation as a site
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup check test demo bench docs clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train,dev]'
	touch $@

check: setup
	$(BIN)/ruff check src tests bench docs
	$(BIN)/ruff format --check --quiet src tests bench docs
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m pytest -n auto

demo: setup
	$(BIN)/pleura phantom demo/chests --cases 6 --size 128 --slices 48
	$(BIN)/pleura run demo/chests demo/out
	@echo "open demo/out/report.html"

bench: setup
	for script in bench/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

docs: setup
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	for script in docs/make_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build
	@echo "open docs/_build/index.html"

clean:
	rm -rf demo out dist build
