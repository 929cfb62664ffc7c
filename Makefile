# Everything a developer runs; needs make and Python 3.11 or newer, and sets up .venv by itself.
# For an empty environment.
export PATH ?= /usr/local/bin:/usr/bin:/bin
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lowest lint types live bench lock clean

demo: $(READY) ## the whole job on a sandbox of its own
	@$(BIN)/remote-mailcfg demo

test: $(READY) ## the default suite with coverage
	$(BIN)/pytest -n auto --dist worksteal --cov

# checkdmarc, which only tests use, wants a newer cryptography than the lowest that the package allows.
lowest: $(READY) ## the default suite with the lowest versions that pyproject.toml allows
	$(PIP_INSTALL) uv
	$(PYTHON) -m venv --clear .venv/lowest
	$(BIN)/uv pip install --quiet --python .venv/lowest/bin/python --resolution lowest-direct \
		--group dev -e '.[dask,dns,html,keyring,notify,sandbox]'
	.venv/lowest/bin/pytest -n auto --dist worksteal

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(READY)
	$(BIN)/mypy

live: $(READY) ## the suite that runs against a real Odoo 19, see tests/live/odoo19
	tests/live/run

bench: $(READY) ## what commands take on a sandbox of a thousand instances, and the history of audits of ten thousand
	$(BIN)/python -m tests.benchmarks.fleet 'server list --all' 'check --all'
	$(BIN)/python -m tests.benchmarks.history

$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "needs Python 3.11: make PYTHON=…")'
	$(PYTHON) -m venv .venv
	$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	touch $@

lock: $(READY) ## write requirements-dev.lock anew; versions in it stay where they still fit
	$(PIP_INSTALL) uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-strip-extras --extra dask --extra dns --extra html --extra keyring --extra notify --extra sandbox --group dev pyproject.toml -o requirements-dev.lock

clean:
	rm -rf .venv .coverage* .mypy_cache .pytest_cache .ruff_cache dist
