# `make demo` and `make test` do all their own set-up. Everything lands in .venv and tests/interop/node_modules.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
NODE := tests/interop/node_modules/.package-lock.json
DEBIAN_TEST := chromium tshark jose redis-server nodejs npm mosquitto nats-server prosody strace

.PHONY: demo up test lint install lock clean

demo: install
	@$(BIN)/tiers demo

up: install
	@$(BIN)/tiers up

install: $(READY)

test: install tools lint
	$(BIN)/pytest --quiet -m unit
	$(BIN)/pytest -m 'not unit'

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq python3-venv; } || { \
	  echo 'Install the package python3-venv, then run make again.'; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# The independent tools that some tests check us with. Without root, the tests say which are missing.
# A server that comes with them is not left running: tests start their own.
.PHONY: tools
tools: $(NODE)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  missing=$$(for p in $(DEBIAN_TEST); do dpkg -s $$p >/dev/null 2>&1 || command -v $$p >/dev/null || echo $$p; done); \
	  [ -z "$$missing" ] || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing && \
	    for p in $$missing; do systemctl disable --now $$p || service $$p stop || true; done >/dev/null 2>&1; }; fi

$(NODE): tests/interop/package-lock.json
	@if command -v npm >/dev/null; then cd tests/interop && npm ci --silent --no-audit --no-fund && touch node_modules/.package-lock.json; fi

lock:
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --upgrade --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --quiet --output-file requirements.lock

clean:
	rm -rf .venv tests/interop/node_modules
