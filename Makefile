# Every target does its own set-up: `make demo`, `make test`, `make ui`, `make bench`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --constraint deploy/constraints.txt
# Beside the lake, so that each project has a history of its own.
LAKE := $(if $(findstring ://,$(ENGAGEMENT_LAKE)),,$(ENGAGEMENT_LAKE))
export DAGSTER_HOME ?= $(abspath $(dir $(or $(LAKE:%/=%),.engagement/lake))dagster)
export DAGSTER_DISABLE_TELEMETRY := 1

.PHONY: demo test test-slow ui bench fuzz format clean

demo: $(VENV)/installed
	@$(BIN)/engagement demo

ui: $(VENV)/installed
	@mkdir -p $(DAGSTER_HOME) && cp -n engagement_pipeline/orchestration/dagster.yaml $(DAGSTER_HOME)/dagster.yaml || true
	@echo "Dagster UI: http://127.0.0.1:$${PORT:-3000}  (Ctrl-C stops it)"
	@PYTHONWARNINGS='ignore:Function `dev_command` is superseded' $(BIN)/dagster dev --workspace workspace.yaml --host 127.0.0.1 --port $${PORT:-3000}

test: $(VENV)/tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses 2 --dist loadfile -m "not slow" --durations 15

test-slow: $(VENV)/tested
	$(BIN)/pytest --numprocesses 2 --dist loadfile -m slow --durations 15

bench: $(VENV)/tested
	$(BIN)/python -m engagement_pipeline_tests.benchmarks

fuzz: $(VENV)/tested
	$(BIN)/python -m engagement_pipeline_tests.fuzz $(if $(SEED),--seed $(SEED)) $(if $(FILES),--files $(FILES))

format: $(VENV)/tested
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .engagement

$(VENV)/installed: pyproject.toml setup.cfg deploy/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; say which: make PYTHON=python3.12"; exit 1; }
	@echo "Setting up $(VENV) (one or two minutes, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --editable .
	@touch $@

$(VENV)/tested: $(VENV)/installed
	@$(PIP) --editable '.[dev,datasets]'
	@touch $@
