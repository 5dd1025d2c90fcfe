# make demo   make test   make check   make docs   make bench
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= auto
DEMO ?= mediacorpus-demo
# Tests of one file share what they make, so one worker runs them all. Each worker has one core,
# and compiled modules are kept for the hundreds of processes that tests start.
PYTEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

.PHONY: demo test test-slow test-all check docs bench clean

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mediacorpus needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

# Each stamp is remade when what is to be installed changes.
$(VENV)/.%: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing mediacorpus with the extra '$*' into $(VENV): up to 2 GB, some minutes."
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on -c constraints.txt -e '.[$*]'
	@touch $@

demo: $(VENV)/.demo
	$(BIN)/mediacorpus demo $(DEMO)
	@echo ""
	@echo "To use the command in this terminal:  source $(BIN)/activate"
	@echo "Then, for what works on this machine:  mediacorpus doctor"

test: $(VENV)/.test
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/.test
	$(PYTEST) -m slow

test-all: $(VENV)/.test
	$(PYTEST)

check: $(VENV)/.check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/check_size.py
	$(BIN)/python tools/check_circles.py
	$(BIN)/python tools/make_reference.py --check

docs: $(VENV)/.check
	$(BIN)/python tools/make_reference.py

bench: $(VENV)/.test
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) $(DEMO) build dist
