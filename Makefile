# On a fresh machine with python3 and a C compiler: `make demo` shows the main job, `make test` proves the parts.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO ?= demo

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint types unit kernel-check bench clean

demo: $(READY)
	$(BIN)/facedge demo -o $(DEMO)

test: lint types unit

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

# Two workers, one thread each: the tests are many small jobs, and CI has two cores.
unit: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadgroup

kernel-check: $(READY)
	PYTHON=$(BIN)/python tests/kernel_check/run.sh

bench: $(READY)
	$(BIN)/python benchmarks/preprocess.py

# The kernel is compiled anew whenever its sources change; without a compiler this is an error here, not a fallback.
$(READY): pyproject.toml setup.py constraints.txt $(wildcard ext/*)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "facedge needs Python 3.11 or newer: call make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "python3 cannot make virtual environments: apt install python3-venv python3-dev"; exit 1; }
	FACEDGE_REQUIRE_KERNEL=1 $(BIN)/pip install --quiet --constraint constraints.txt --editable '.[train,detect,dev]'
	touch $@

clean:
	rm -rf $(VENV) build demo facedge/_kernel*.so facedge/_kernel.c *.egg-info
