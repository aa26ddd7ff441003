# Two commands are all a newcomer needs:
#   make demo   a pretend hospital with simulated devices, in the browser
#   make test   every check, with every tool it needs
# Each does all of its own set-up. `make PY=/path/to/python demo` chooses the Python (3.11 or newer).

SHELL := /bin/sh
PY ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do \
	if "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo "$$p"; exit; fi; \
	done; echo python3)
BIN := .venv/bin
# Two workers for two cores; `make WORKERS=3 test` where more may wait for pans, printers and browsers at once.
WORKERS ?= 2
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist loadfile
# The tests start the product many times: what Python compiled once is kept, whatever this machine is used to.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-fast tools linted lint bench venv run-set test-set clean

demo: run-set
	$(BIN)/laminar demo $(ARGS)

# On a new machine the programs that the tests drive are installed while the Python packages are.
test: venv
	@$(MAKE) --no-print-directory -j 2 tools linted
	$(PYTEST) $(ARGS)

tools: venv
	@$(BIN)/python scripts/test_tools.py

linted: test-set
	@$(MAKE) --no-print-directory lint

# Everything that this machine has the tools for; `make test` is the one that counts.
test-fast: test-set
	$(MAKE) --no-print-directory lint
	$(PYTEST) -m "$$($(BIN)/python scripts/test_tools.py --markers)" $(ARGS)

lint:
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: test-set
	$(BIN)/python -m tests.benchmarks $(ARGS)

venv:
	@$(PY) scripts/bootstrap.py venv

run-set: venv
	@$(PY) scripts/bootstrap.py run

test-set: venv
	@$(PY) scripts/bootstrap.py test

clean:
	rm -rf .venv build dist *.egg-info
