"""Fixtures for every test: a migrated database of its own and an empty Redis, both real.

The servers start with the first test that asks for one, so unit tests pay nothing for them.
"""

import gc
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import settings as examples
from redis.asyncio import Redis

from app.orders.queue.order_queue import OrderQueue
from app.orders.queue.start_limit import StartLimit
from app.redis_scripts import PipelinedPool
from app.settings import Settings
from tests import postgres_template
from tests.engine import Engine, running_engine
from tests.servers import Databases, Servers, flush, running

# `make chaos` uses `--hypothesis-profile=thorough`.
examples.register_profile("quick", max_examples=25, deadline=None, derandomize=True, database=None)
examples.register_profile("thorough", max_examples=300, deadline=None, derandomize=False)
examples.load_profile("quick")

TESTS = Path(__file__).parent

# httpcore tries to import it several times per request: 45 µs each to find that it is not installed.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

# Importing and collecting makes a million objects and hardly any garbage. Until the tests run nothing is scanned.
gc.disable()

# The processes take the files in this order. One that takes long must not be the last, while the other processes idle.
SLOWEST = (
    "acceptance/test_up.py",
    "integration/test_kill_switch.py",
    "integration/test_retries.py",
    "acceptance/test_client.py",
    "acceptance/test_client_commands.py",
    "acceptance/test_documents.py",
    "integration/test_happy_path.py",
    "integration/test_hostile_corpus.py",
    "chaos/test_faults.py",
    "integration/test_metrics.py",
    "integration/test_slices.py",
    "integration/test_grants.py",
    "integration/test_origins.py",
)


def pytest_configure(config: pytest.Config) -> None:
    # A developer's .env must not reach the tests.
    Settings.model_config["env_file"] = None

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # Once per run: the processes of pytest-xdist have a `workerinput` and use the template of the process above them.
    if not hasattr(config, "workerinput"):
        config.add_cleanup(partial(postgres_template.end_run, postgres_template.begin_run()))

    # After SIGTERM a run cleans up as it does after Ctrl-C.
    signal.signal(signal.SIGTERM, interrupt)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    first = {TESTS / file: place for place, file in enumerate(SLOWEST)}
    items.sort(key=lambda item: first.get(item.path, len(first)))


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with running() as started:
        yield started


@pytest.fixture(scope="session")
def databases(servers: Servers) -> Iterator[Databases]:
    made = Databases(servers)
    try:
        made.prepare()
        yield made
    finally:
        made.drop_all()


@pytest.fixture
def postgres_dsn(databases: Databases) -> Iterator[str]:
    """The address of a migrated, empty database that no other test uses meanwhile."""
    address = databases.borrow()
    yield address
    databases.give_back(address)


@pytest.fixture
def new_postgres_dsn(databases: Databases) -> Iterator[str]:
    """The address of a migrated database that no test has used: plans depend on what a table has held."""
    address = databases.create()
    yield address
    databases.drop(address)


@pytest.fixture
def redis_dsn(servers: Servers) -> Iterator[str]:
    """The address of an empty Redis. All tests of a process share one server, one after the other."""
    flush(servers.redis)
    yield servers.redis
    flush(servers.redis)


@pytest.fixture
async def primed_queue(redis_dsn: str) -> AsyncIterator[None]:
    """A Redis whose queue is complete: the first worker does not have to restore it from Postgres."""
    async with Redis.from_pool(PipelinedPool.from_url(redis_dsn)) as redis:
        queue = OrderQueue(redis, StartLimit(100))
        await queue.prime(await queue.loss(), [])
        yield


@pytest.fixture
async def engine(postgres_dsn: str, redis_dsn: str, primed_queue: None) -> AsyncIterator[Engine]:
    """The API of a whole engine, without delays; a test starts the workers it wants."""
    async with running_engine(postgres_dsn, redis_dsn) as started:
        yield started
