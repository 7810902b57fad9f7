# The portal's commands. `make` alone lists them.
PORT ?= 8000
SANDBOX_PORT ?= 8100
# of `make bench`: recordings in the library, recordings of a first sync, and a PostgreSQL to measure too
ROWS ?= 1000000
SYNCED ?= 50000
BENCH_SERVER ?=
# runs of `make lighthouse`, of whose results the median counts
RUNS ?= 5

.PHONY: help install demo check test lint lock screenshots lighthouse bench

help:
	@echo "make demo      the whole portal against a Vobiz in a box: http://127.0.0.1:$(PORT) (make demo PORT=8001)"
	@echo "make check     in seconds: style, types, and the tests of what was changed (make check CREATE=1: new database)"
	@echo "make test      lint, types and every test on SQLite; with TEST_DATABASE_URL set, what depends on it on PostgreSQL"
	@echo "make install   only the environment, .venv, from the locked requirements"
	@echo "make lint      only style and types"
	@echo "make lock      rewrite the locked requirements from pyproject.toml (make lock UPGRADE=1: newest versions)"
	@echo "make screenshots   the README's pictures anew, from a demo of their own (needs Chromium, two minutes)"
	@echo "make lighthouse    Lighthouse on five pages of a demo, as a phone sees them (needs Node and Chromium, ten minutes)"
	@echo "make bench     how fast it is, against plain baselines (an hour; ROWS=50000 SYNCED=5000: minutes; bench/README.md)"

install:
	@sh scripts/install.sh

# From a clean environment, so that the developer's own settings do not reach the demo.
demo: install
	@. scripts/clean-env.sh; exec .venv/bin/python manage.py demo --port "$(PORT)" --sandbox-port "$(SANDBOX_PORT)"

check: install
	@. scripts/clean-env.sh; CREATE="$(CREATE)" exec .venv/bin/python -m scripts.check

test: install
	@exec sh scripts/test.sh

lint: install
	@exec sh scripts/lint.sh

screenshots: install
	@. scripts/clean-env.sh; exec .venv/bin/python -m scripts.screenshots

lighthouse: install
	@exec sh scripts/lighthouse.sh "$(RUNS)"

bench: install
	@. scripts/clean-env.sh; exec .venv/bin/python -m bench --rows "$(ROWS)" --synced "$(SYNCED)" --server "$(BENCH_SERVER)"

lock:
	@exec sh scripts/lock.sh $(if $(UPGRADE),--upgrade)
