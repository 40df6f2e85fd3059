# On a fresh machine with python3 and a C compiler: `make demo` shows the main job, `make test` proves the parts.
# Another Python, beside the first: make test PYTHON=python3.12 VENV=.venv312

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO ?= demo
SOAK_SECONDS ?= 1800
# The only version chosen here and not by `make lock`: nothing in the project needs a newer torch.
TORCH := 2.13.0

.PHONY: demo test lint types unit kernel-check kill-check soak bench docs pages lock clean

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

# kill -9 at every system call of enroll, update and forget that touches the data directory (half an hour; needs strace).
kill-check: $(READY)
	FACEDGE_KILL_EVERY=1 $(BIN)/pytest tests/enrollment/test_killed.py

# `facedge verify --watch` through faults of all kinds: make soak SOAK_SECONDS=1800
soak: $(READY)
	$(BIN)/python tests/soak/soak.py --seconds $(SOAK_SECONDS)

bench: $(READY)
	$(BIN)/python benchmarks/preprocess.py

# The kernel is compiled again whenever its sources change; without a compiler this is an error here, not a fallback.
$(READY): pyproject.toml setup.py constraints.txt .ci/environment.py $(wildcard ext/*)
	@command -v $(PYTHON) >/dev/null || { \
		echo "there is no $(PYTHON): on Debian and Ubuntu run apt install python3 python3-venv python3-dev gcc"; exit 1; }
	@$(PYTHON) .ci/environment.py $(VENV)
	@touch $@

# The documentation as a site, in site/; a warning is an error.
docs: $(READY)
	$(BIN)/python docs/scripts/build_docs.py

# Runs what README.md and docs/ print, and brings today's output and figures into them; then look at the diff.
pages: $(READY)
	$(BIN)/python docs/scripts/pictures.py
	$(BIN)/python docs/scripts/pages.py --write

# The newest versions that pyproject.toml allows, one list for all Pythons from 3.11 on.
lock: $(READY)
	$(BIN)/pip install --quiet uv
	echo "torch==$(TORCH)" | $(BIN)/uv pip compile pyproject.toml --all-extras --constraint - --upgrade \
		--universal --python-version 3.11 --no-annotate --custom-compile-command "make lock" --output-file constraints.txt

clean:
	rm -rf $(VENV) build demo site facedge/_kernel*.so facedge/_kernel.c *.egg-info
