# `make demo` and `make test` do all their own set-up. Everything lands in .venv and tests/interop/node_modules.
BIN := .venv/bin
RUN := .venv/.run
DEV := .venv/.dev
NODE := tests/interop/node_modules/.package-lock.json
DEBIAN_TEST := chromium tshark jose redis-server nodejs npm mosquitto nats-server postgresql prosody strace \
  exim4-daemon-light dovecot-imapd
# What has a wheel: a fresh machine compiles nothing.
COMPILE = $(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --no-header --no-annotate \
  --no-emit-index-url --only-binary :all: --quiet
# Bytecode is kept, whatever the shell says: else each of some hundred processes compiles our program again.
unexport PYTHONDONTWRITEBYTECODE
# Hashes are checked. What is installed is compiled at once: else eight parties would do it, each for itself.
INSTALL = $$(command -v uv || echo $(BIN)/uv) pip install --quiet --compile-bytecode --python

.PHONY: help demo up install test lint unit unit-other picture lock clean

help:
	@echo 'make demo       from nothing to who can read which message; installs what a run needs'
	@echo 'make up         the classroom, with its page, until Ctrl-C'
	@echo 'make install    all that development needs'
	@echo 'make test       everything that must hold'
	@echo 'make lint       what needs no test: style, types, who may import whom'
	@echo 'make unit       the tests that need no other process'
	@echo 'make picture    take the picture of the page again'
	@echo 'make lock       pin the newest versions of everything'
	@echo 'make clean      remove what was installed here'
	@echo 'PYTHON=python3.12 chooses the interpreter; else the newest that works, from 3.11 on.'

demo: $(RUN)
	@$(BIN)/tiers demo

up: $(RUN)
	@$(BIN)/tiers up

install: $(DEV)

# What needs no other process runs side by side. Some of the rest waits for a disk or a page: a worker more than cores.
test: install tools
	@$(MAKE) --no-print-directory -j lint unit unit-other
	$(BIN)/pytest -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --dist loadfile --no-loadscope-reorder -m 'not unit'

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(RUN): requirements-run.lock pyproject.toml
	@python=$${PYTHON:-$$(.ci/python)} || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && apt-get install -y -qq python3-venv && python=$$(.ci/python); } || { \
	  echo 'Install Python 3.11 or newer (on Debian: python3-venv), then run make again.'; exit 1; }; \
	echo "Installing for $$($$python --version), $$(command -v $$python)"; \
	if command -v uv >/dev/null; then $$python -m venv --without-pip .venv; else $$python -m venv .venv && \
	  sed -n '/^uv==/,/[^\\]$$/p' requirements.lock >.venv/uv.lock && \
	  $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock; fi
	@$(INSTALL) $(BIN)/python --require-hashes -r requirements-run.lock
	@$(INSTALL) $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(RUN) requirements.lock
	@$(INSTALL) $(BIN)/python --require-hashes -r requirements.lock
	@touch $@

unit: install
	$(BIN)/pytest --quiet -n auto -m unit

# The unit tests on the oldest Python too, or on the newest where the oldest is what is installed here.
unit-other: install
	@other=$$($(BIN)/python -c 'import sys; print("3.13" if sys.version_info[:2] == (3, 11) else "3.11")') && \
	python=$$(.ci/python $$other) || { echo "SKIPPED: the unit tests on Python $$other, which does not start here."; exit 0; }; \
	there=.venv/$$other; \
	[ $$there/.dev -nt $(DEV) ] || { $$python -m venv --without-pip $$there && \
	  $(INSTALL) $$there/bin/python --require-hashes -r requirements.lock && \
	  $(INSTALL) $$there/bin/python --no-deps --no-build-isolation --editable . && touch $$there/.dev; } && \
	$$there/bin/python --version && $$there/bin/pytest --quiet -n auto -m unit -p no:cacheprovider

# The independent tools that some tests check us with. Without root, the tests say which are missing.
# A server that comes with them is not left running: tests start their own.
.PHONY: tools
tools: $(NODE)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  missing=$$(for p in $(DEBIAN_TEST); do dpkg -s $$p >/dev/null 2>&1 || command -v $$p >/dev/null || echo $$p; done); \
	  [ -z "$$missing" ] || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing && \
	    for p in $$missing; do for s in $$p $${p%%-*}; do systemctl disable --now $$s || service $$s stop || true; done; done >/dev/null 2>&1; }; fi

$(NODE): tests/interop/package-lock.json
	@if command -v npm >/dev/null; then cd tests/interop && npm ci --silent --no-audit --no-fund && touch node_modules/.package-lock.json; fi

picture: install
	$(BIN)/python docs/picture.py

lock:
	$(COMPILE) --group dev --extra matrix --extra xmpp --upgrade --output-file requirements.lock
	$(COMPILE) --group build --constraint requirements.lock --output-file requirements-run.lock

clean:
	rm -rf .venv tests/interop/node_modules
