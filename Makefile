# Targets people type. Everything installed goes into .venv, with the versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export HF_HUB_OFFLINE = 1
# Two threads spinning on two cores wait for each other; sleeping ones do not.
export OMP_WAIT_POLICY = PASSIVE
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: install quickstart benchmark benchmark-training test-env browser test lint fix typecheck clean

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# torch first and by its exact version: `==` takes the CPU's build (2.13.0+cpu) where an index has it, and keeps it if it is
# there already. On Linux PyPI itself has only the build with CUDA, gigabytes of it; README says how to have the CPU's.
$(VENV)/.installed-%: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) "$$(grep '^torch==' constraints.txt)"
	$(INSTALL) --editable '.[$*]'
	touch $@

install: $(VENV)/.installed-dev

# Always a new training, also after one that was stopped.
quickstart: $(VENV)/.installed-training
	rm -rf runs/quickstart/checkpoints
	$(BIN)/accelerate launch --config_file configs/accelerate/cpu.yaml training/train.py --config configs/quickstart.yaml
	$(BIN)/python -m aqwal.training.export runs/quickstart models/quickstart
	$(BIN)/aqwal render --model models/quickstart docs/demo-article.txt

test-env: $(VENV)/.installed-test .venv-studio/.installed browser

# Label Studio is 1 GB and has its own versions of everything; the tests start it from here.
.venv-studio/.installed: annotations/studio/server-requirements.txt
	$(PYTHON) -m venv .venv-studio
	.venv-studio/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# A real browser for the pages, with Arabic letters. Only the system's package manager has one.
browser:
	@command -v chromium > /dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium fonts-noto-core > /dev/null; } || \
	  echo "NOT INSTALLED: chromium; tests in a browser will be skipped. On Debian: apt-get install chromium fonts-noto-core"

benchmark: $(VENV)/.installed-training
	cd benchmarks && OMP_NUM_THREADS=1 ../$(BIN)/python -m speed

# A GPU if there is one, else one thread of the CPU, for a quarter of an hour or more.
benchmark-training: $(VENV)/.installed-training
	cd benchmarks && OMP_NUM_THREADS=1 ../$(BIN)/python -m training

test: test-env
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup

lint: install typecheck
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

fix: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

typecheck: install build/typed
	$(BIN)/mypy

# mypy does not follow the editable install; it gets a mirror of links.
build/typed:
	mkdir -p build/typed/aqwal
	for folder in annotations serving training; do ln -sfn ../../../$$folder build/typed/aqwal/$$folder; done

# Only what can be made anew: trainings (runs) and Label Studio's database (.studio) stay.
clean:
	rm -rf build dist .venv .venv-studio
