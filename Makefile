# Needs make, a Python of 3.11 or newer and the package index; nothing else. uv is used when it is there.
# All paths are relative: the clone may lie in a path with a space in it.

.DEFAULT_GOAL := help
.PHONY: up dev test test-browser test-postman screenshots chaos bench check coverage audit migration lock .venv clean help

COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --upgrade

up: .venv  ## Run everything: Postgres, Redis, migrations, API and worker (Ctrl-C stops it all)
	@.venv/bin/engine up

dev: .venv  ## As `up`, restarting API and worker when a source file changes
	@.venv/bin/engine up --reload

# Each process of the tests starts servers of its own; a Redis that is given can only serve one.
SHARED = $(REDIS_URL)$(REDIS_HOST)
test: .venv  ## Every test but those of the page, against real servers; args="-k word" is handed to pytest
	@.venv/bin/python -m pytest $(if $(SHARED),,--numprocesses 3 --dist loadfile) $(args)

test-browser: .venv/browser  ## The page at / in a headless Chromium; that, nothing else here needs
	@.venv/bin/python -m pytest tests/browser $(if $(SHARED),,--numprocesses 2 --dist load) $(args)

screenshots: .venv/browser  ## Take the pictures of the page in docs/images anew
	@.venv/bin/python -m pytest tests/browser/test_screenshots.py --screenshots

test-postman: .venv  ## The Postman collection against a running engine; needs node and npm, nothing else here does
	@npm ci --prefix tests/postman --no-audit --no-fund --silent
	@.venv/bin/python -m tests.postman.run

chaos: .venv  ## The whole battery of faults, about 12 minutes; its table goes into docs/reliability.md
	@.venv/bin/python -m tests.chaos --write $(args)

bench: .venv  ## The engine beside a peer, measured; the tables go into docs/performance.md; needs node and npm
	@npm ci --prefix tests/bench/peer --no-audit --no-fund --silent
	@.venv/bin/python -m tests.bench --write $(args)

check: .venv  ## Style, strict types, who may import whom, and the unit tests
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/python -m pytest tests/unit

coverage: .venv  ## Coverage of app and worker in the unit and integration tests; the report goes to htmlcov
	@.venv/bin/coverage run -m pytest tests/unit tests/integration $(args)
	@.venv/bin/coverage html --quiet
	@.venv/bin/coverage report

audit:  ## Known weaknesses of what is locked, as pypi.org knows them (needs pipx)
	@pipx run pip-audit==2.10.1 --strict --disable-pip --require-hashes -r requirements.lock -r requirements-dev.lock

migration: .venv  ## Write the revision that leads to app/schema.py: make migration m="what changes"
	@.venv/bin/python -m app.local.draft_migration "$${m:?say what changes: make migration m=...}"

lock:  ## Pin the newest allowed versions anew (needs uv)
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) pyproject.toml --extra local --group dev --constraints requirements.lock -o requirements-dev.lock
	$(COMPILE) --group build --constraints requirements-dev.lock -o requirements-build.lock
	$(COMPILE) --group browser --constraints requirements-dev.lock -o requirements-browser.lock

# The environment: made anew when the lock changed, told of it when only pyproject.toml did.
.venv: .venv/made

.venv/made: requirements-dev.lock pyproject.toml
	@deploy/make-venv
	@touch .venv/made

.venv/browser: .venv/made requirements-browser.lock
	@deploy/make-venv requirements-browser.lock
	@touch .venv/browser

clean:  ## Remove the environment and the caches; the data in .engine stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis

help:  ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile
