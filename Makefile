# Two commands do everything on a fresh machine: `make demo` and `make test`.
# Each builds the virtual environment .venv where there is none.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
EXTRAS := train demo test
OUTPUT ?= demo-output

# numba compiles them where they are first imported, for some seconds: once here, not in each of a job's workers.
COMPILED := miners.near_duplicates.compiled,miners.web.compiled,miners.web.quality.compiled

# The long tests, in parts that each end within 40 minutes on 2 cores; `make slow-pipelines` runs one.
PARTS := hostile pipelines faults miners train
SLOW_MINUTES := 40

# Readers of hostile bytes that `make fuzz` tries, each for so long; a find ends it and is named.
FUZZED := record_reader http_body archive
FUZZ_SECONDS ?= 60

.PHONY: help demo test test-all parts lock $(PARTS:%=slow-%) fuzz lint format clean

help:
	@echo "make demo      mine, dedupe, audit, train and evaluate on real input of this machine"
	@echo "make test      the tests (within 10 minutes on 2 cores)"
	@echo "make test-all  the tests and the long ones, which come in parts: $(PARTS:%=slow-%)"
	@echo "make fuzz      coverage-guided fuzzing of the readers, FUZZ_SECONDS ($(FUZZ_SECONDS)) each"
	@echo "make lint      ruff: rules and format"
	@echo "make lock      requirements.lock anew, from setup.py"

# The stamp carries the names of the files that decide what is installed.
$(VENV)/.installed: setup.py requirements.lock requirements-torch.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --no-deps --require-hashes --requirement requirements.lock
	$(PIP) --requirement requirements-torch.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	$(BIN)/pip check
	$(BIN)/python -c 'import $(COMPILED)'
	touch $@

# What stages a job for Dataflow, in a folder of its own: beside Beam it would slow every import.
$(VENV)/.dataflow: $(VENV)/.installed requirements-dataflow.txt
	$(PIP) --no-deps --require-hashes --upgrade --target $(VENV)/dataflow --requirement requirements-dataflow.txt
	touch $@

# What setup.py asks for, with every version and the hashes of its files; LOCK=--upgrade takes the newest that fit.
lock:
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) uv
	$(BIN)/uv pip compile --quiet setup.py $(EXTRAS:%=--extra %) --universal --python-version 3.11 --generate-hashes \
	  --no-emit-package torch --custom-compile-command 'make lock' --output-file requirements.lock $(LOCK)
	$(BIN)/uv pip compile --quiet requirements-dataflow.in --constraint requirements.lock --universal \
	  --python-version 3.11 --generate-hashes --custom-compile-command 'make lock' \
	  --output-file requirements-dataflow.txt $(LOCK)

demo: $(VENV)/.installed
	$(BIN)/pairmill demo --output $(OUTPUT)

# A process a core, and one thread in each: a file's tests stay together, since they share what its fixtures make, and
# files keep the order that tests/conftest.py gives them.
test: $(VENV)/.dataflow
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder \
	  --durations=25 --durations-min=5

test-all: test $(PARTS:%=slow-%)

$(PARTS:%=slow-%): slow-%: $(VENV)/.dataflow
	timeout $(SLOW_MINUTES)m $(BIN)/python -m pytest -q -m slow tests/$*

# atheris is not in the lock: nothing but this needs it.
fuzz: $(VENV)/.installed
	$(PIP) --no-build-isolation --editable '.[fuzz]'
	for target in $(FUZZED); do $(BIN)/python -m tests.fuzz.run $$target --seconds $(FUZZ_SECONDS) || exit 1; done

parts:
	@echo $(PARTS)

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info $(OUTPUT)
