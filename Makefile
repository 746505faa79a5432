# make run    open the Studio on a bundled photograph (without a display: a report under out/)
# make test   lint, types and the fast tests
# make slow   the slow tests
# make lint   lint and types alone
# make clean  remove the environment and everything generated
#
# Everything happens in .venv, which is made on first use and renewed when the requirements change.

VENV   := .venv
PY     := $(VENV)/bin/python
# The first of these that is 3.11 or newer and can make environments; `make PYTHON=/path/to/python` overrides.
PYTHON ?=
PYTHONS := $(or $(PYTHON),python3.11 python3.12 python3.13 python3)
ARGS   ?= resources/samples/street_768x432.png

.DEFAULT_GOAL := run
.DELETE_ON_ERROR:
.PHONY: run test slow lint clean

run: $(VENV)/.installed
	@$(PY) -m tnc_studio.app $(ARGS)

test: lint
	@$(PY) -m pytest -q -m "not slow"

slow: $(VENV)/.installed-dev
	@$(PY) -m pytest -q -m slow

lint: $(VENV)/.installed-dev
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

clean:
	rm -rf $(VENV) out build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/pip:
	@for python in $(PYTHONS); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  found=$$python; \
	  "$$python" -c 'import venv, ensurepip' 2>/dev/null || continue; \
	  echo "Making $(VENV) with $$("$$python" --version)"; \
	  exec "$$python" -m venv $(VENV); \
	done; \
	if [ -n "$$found" ]; then \
	  echo "$$found cannot make virtual environments; install that part: sudo apt-get install python3-venv" >&2; \
	else \
	  echo "No Python 3.11 or newer; install one: sudo apt-get install python3 python3-venv" >&2; \
	fi; exit 1

# One recipe, two sets: .installed is what the program needs, .installed-dev adds what the tests need.
$(VENV)/.installed: EXTRA :=
$(VENV)/.installed-dev: EXTRA := [dev]
$(VENV)/.installed $(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/pip
	@echo "Installing into $(VENV) (the first time this downloads PyTorch and Qt: a minute or more)"
	@$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".$(EXTRA)"
	@touch $(VENV)/.installed $@
	@echo "Installed."
