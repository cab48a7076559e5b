# Needs make, Python 3.11 or newer and the package index; nothing else. Uses uv if it is installed.
# All paths are relative, so the path of the clone may contain spaces.

.DEFAULT_GOAL := help
.PHONY: up dev localnet test test-browser test-postman test-java screenshots video chaos bench check lint fmt coverage audit package migration lock .venv clean help
.PHONY: test-clients test-compose client-types docs

COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --upgrade

up: .venv  ## Run everything: Postgres, Redis, migrations, API, worker and watcher (Ctrl-C stops it all)
	@.venv/bin/engine up

dev: .venv  ## Like `up`, and restart API, worker and watcher when a source file changes
	@.venv/bin/engine up --reload

localnet: .venv  ## Like `up`, on a Solana chain of this machine: real transactions, and money that is worth nothing
	@.venv/bin/engine localnet

# Empty is "off". If it is set, each process of a test run compiles all sources again: about 2 s of CPU each.
test: export PYTHONDONTWRITEBYTECODE =

# Each test process starts its own servers. A configured Redis can serve one process only.
SHARED = $(REDIS_URL)$(REDIS_HOST)
test: .venv  ## Run all tests except the browser tests, against real servers; args="-k word" goes to pytest
	@.venv/bin/python -m pytest $(if $(SHARED),,--numprocesses 6 --dist loadfile --no-loadscope-reorder) $(args)

test-browser: .venv/browser  ## Run the browser tests of the page; needs Chromium
	@.venv/bin/python -m pytest tests/browser $(if $(SHARED),,--numprocesses 2 --dist load) $(args)

screenshots: .venv/browser  ## Take the screenshots in docs/images again; needs Chromium
	@.venv/bin/python -m pytest tests/browser/test_screenshots.py --screenshots

video: .venv/browser  ## Record docs/images/demo.webm again, the demo on the page; needs Chromium and ffmpeg
	@.venv/bin/python -m tests.browser.video

test-postman: .venv  ## Run the Postman collection against a running engine; needs node and npm
	@npm ci --prefix tests/postman --no-audit --no-fund --silent
	@.venv/bin/python -m tests.postman.run

test-java: .venv  ## Run a client in Java against the engine; needs a JDK
	@.venv/bin/python -m pytest tests/java $(args)

test-clients: .venv  ## Build the TypeScript client and test it against the engine; needs node 22 and npm
	@node -e 'process.exit(parseInt(process.versions.node) < 22 ? 1 : 0)' || \
		{ echo 'needs node 22 or newer; npm can bring one: npx --yes --package node@22 make test-clients'; exit 1; }
	@npm ci --prefix clients/typescript --no-audit --no-fund --silent
	@npm run --prefix clients/typescript --silent check
	@.venv/bin/python -m pytest tests/typescript $(args)

# Without docker: see tests/compose/stand_ins.sh.
DOCKER_RUNS = docker version >/dev/null 2>&1 && docker compose version >/dev/null 2>&1
test-compose: .venv  ## Run the compose files and kill their containers; needs docker, or podman on Debian
	@$(DOCKER_RUNS) || with=tests/compose/stand_ins.sh; $$with .venv/bin/python -m pytest tests/compose $(args)

client-types: .venv  ## Make the types of the TypeScript client again after the API has changed; needs node and npm
	@npm ci --prefix clients/typescript --no-audit --no-fund --silent
	@.venv/bin/python -m tests.typescript.documents | npm run --prefix clients/typescript --silent generate

docs: .venv/docs  ## Build the documentation as a site in .site, and test its links
	@NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build
	@.venv/bin/python -m pytest tests/site $(args)

chaos: .venv  ## Run all faults (takes minutes) and write the table in docs/reliability.md
	@.venv/bin/python -m tests.chaos --write $(args)

bench: .venv  ## Measure the engine and two peers, and write the tables in docs/performance.md; needs node and npm
	@npm ci --prefix tests/bench/peer --no-audit --no-fund --silent
	@.venv/bin/python -m tests.bench --install --write $(args)

check: lint  ## Check style, strict types and import rules, and run the unit tests
	@.venv/bin/python -m pytest tests/unit

lint: .venv  ## Check style and strict types
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy

coverage: .venv  ## Measure the coverage of app and worker by the unit and integration tests; report in htmlcov
	@.venv/bin/coverage run -m pytest tests/unit tests/integration $(args)
	@.venv/bin/coverage html --quiet
	@.venv/bin/coverage report

fmt: .venv  ## Sort the imports and format the code
	@.venv/bin/ruff check --quiet --fix --select I .
	@.venv/bin/ruff format --quiet .

audit:  ## Look up known vulnerabilities of the locked packages at pypi.org; needs pipx
	@pipx run pip-audit==2.10.1 --strict --disable-pip --require-hashes -r requirements.lock -r requirements-dev.lock

package: .venv  ## Build the wheel and the source archive in dist, of the engine and of the Python client
	@.venv/bin/python -m hatchling build --directory dist
	@cd clients/python && ../../.venv/bin/python -m hatchling build --directory ../../dist

migration: .venv  ## Write the migration to app/schema.py: make migration m="what changes"
	@.venv/bin/python -m app.local.draft_migration "$${m:?say what changes: make migration m=...}"

lock:  ## Lock the newest allowed versions; needs uv
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) pyproject.toml --extra local --extra solana --extra tracing --group dev --constraints requirements.lock -o requirements-dev.lock
	$(COMPILE) pyproject.toml --extra tracing --constraints requirements-dev.lock -o requirements-tracing.lock
	$(COMPILE) --group build --constraints requirements-dev.lock -o requirements-build.lock
	$(COMPILE) --group browser --constraints requirements-dev.lock -o requirements-browser.lock
	$(COMPILE) --group docs --constraints requirements-dev.lock -o requirements-docs.lock
	$(COMPILE) tests/bench/dbos_peer/requirements.in -o tests/bench/dbos_peer/requirements.lock

# Created again when the lock file changes. When only pyproject.toml changes, only the clone is installed again.
.venv: .venv/made

.venv/made: requirements-dev.lock pyproject.toml
	@deploy/make-venv
	@touch .venv/made

.venv/browser: .venv/made requirements-browser.lock
	@deploy/make-venv requirements-browser.lock
	@touch .venv/browser

.venv/docs: .venv/made requirements-docs.lock
	@deploy/make-venv requirements-docs.lock
	@touch .venv/docs

clean:  ## Remove .venv and the caches; keeps the data in .engine
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage htmlcov

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile
