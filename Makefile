# make demo   lungs and numbers of synthetic chests       make test   everything that must hold
# make demo-train  train, score and report on them
# make check  style, types and the walls of the house    make bench  the measurements in docs/benchmarks.md
# make soak   faults, kills and fuzzing for hours        make lock   the lock with hashes, anew
# make docs   the documentation as a site                    make model  the shipped network: DATA=folder OUT=folder
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# A lock with hashes, where there is one for this system and Python (empty elsewhere).
SYSTEM := $(shell $(PYTHON) -c "import platform as p, sys; \
  print(sys.platform, p.machine(), p.libc_ver()[0], 'py%d%d' % sys.version_info[:2], sep='-')")
LOCK := $(wildcard lock-$(SYSTEM).txt)

# tests start hundreds of processes, each of which would compile pleura anew
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup lock check test demo demo-train bench soak docs model clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt $(LOCK)
	$(PYTHON) -m venv $(VENV)
ifneq ($(LOCK),)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r $(LOCK)
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-build-isolation -e '.[train,dev]'
else
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train,dev]'
endif
	touch $@

lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --dry-run --ignore-installed --report .venv-lock/report.json \
	  -c constraints.txt '.[train,dev]' editables
	.venv-lock/bin/python tests/testing/lock.py .venv-lock/report.json > lock-$(SYSTEM).txt
	rm -rf .venv-lock

check: setup
	$(BIN)/ruff check src tests bench docs
	$(BIN)/ruff format --check --quiet src tests bench docs
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m pytest -n auto --dist loadfile

demo: setup
	$(BIN)/pleura phantom demo/chests --cases 6 --size 192 --slices 80
	$(BIN)/pleura segment demo/chests/Images demo/lungs --workers 0
	$(BIN)/pleura evaluate demo/lungs demo/chests/Labels demo/scores
	$(BIN)/pleura report demo/scores
	@echo "open demo/lungs/index.html (masks, pictures, numbers) and demo/scores/report.html (scores)"

demo-train: setup
	$(BIN)/pleura phantom demo/train-chests --cases 6 --size 128 --slices 48
	$(BIN)/pleura run demo/train-chests demo/train
	@echo "open demo/train/report.html"

bench: setup
	for script in bench/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

soak: setup
	$(BIN)/python bench/faults.py 0
	$(BIN)/python bench/faults.py 0 --kill
	$(BIN)/python bench/kills.py 400
	$(BIN)/python bench/fuzz.py 200000
	$(BIN)/python bench/fuzz_labels.py 20000
	$(BIN)/python bench/bombs.py

docs: setup
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	for script in docs/make_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build
	@echo "open docs/_build/index.html"

DATA ?= data
OUT ?= model

model: setup
	$(BIN)/python -m pleura.learn.make_model $(DATA) $(OUT)

clean:
	rm -rf demo out dist build
