# Two commands: `make demo` shows what realm does, `make test` checks all of it.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: setup demo test lint types imports unit wheel docs samples clean

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "realm needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,bench,dev]'
	@touch $@

setup: $(VENV)/.ready

demo: setup
	$(BIN)/realm train sample_data/crowd.parquet --model tiny-t5 --seed 0 --out runs/demo --overwrite
	$(BIN)/realm report runs/demo --annotators --html runs/demo/realm/report.html

test: setup lint types imports unit

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

unit: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

wheel: setup
	$(BIN)/python -m build --wheel

# What scripts write: the tree and the picture of the README (the latter from runs/demo).
docs: setup
	$(BIN)/python docs/make_tree.py
	$(BIN)/python docs/make_formats.py
	$(BIN)/python docs/make_picture.py runs/demo

samples: setup
	$(BIN)/python sample_data/make_items.py
	$(BIN)/realm simulate sample_data/items.jsonl --kind hammer-spammer --share 0.2 \
	  --annotators 40 --labels-per-item 3 --seed 0 --out sample_data/crowd.parquet
	$(BIN)/python sample_data/make_exports.py

clean:
	rm -rf $(VENV) build dist runs
