"""A real engine with a real worker, and somebody at its page in a real Chromium."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.chromium import MISSING, chromium, executable
from tests.browser.desk import Desk, sit_down
from tests.engine import Engine, running_engine

HERE = Path(__file__).parent

# Long enough to be seen, short enough to be waited for.
DELAYS: dict[str, Any] = {"mock_quote_ms": 30, "mock_execution_ms_min": 150, "mock_execution_ms_max": 250}

SitDown = Callable[..., AbstractAsyncContextManager[Desk]]

expect.set_options(timeout=10_000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", action="store_true", help="write docs/images anew")


def pytest_configure() -> None:
    if executable() is None:
        raise pytest.UsageError(MISSING)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("screenshots"):
        items[:] = [item for item in items if item.path.name != "test_pictures.py"]
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session")
async def engine(postgres_dsn: str, redis_dsn: str, primed_queue: None) -> AsyncIterator[Engine]:
    """A whole engine, with its worker."""
    async with running_engine(postgres_dsn, redis_dsn, **DELAYS) as started:
        await started.start_worker()
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One for all tests of a process; each of them has a profile of its own."""
    async with chromium() as started:
        yield started


@pytest.fixture
def sits_down(browser: Browser) -> SitDown:
    """At any engine, with any eyes. Whatever a test is about: nothing goes wrong unseen, and nobody else is asked."""

    @asynccontextmanager
    async def at(url: str, **eyes: Any) -> AsyncIterator[Desk]:
        context = await browser.new_context(**{"viewport": {"width": 1440, "height": 1000}} | eyes)
        try:
            desk = await sit_down(context, url)
            yield desk
            assert desk.said == []
            assert desk.elsewhere == []
        finally:
            await context.close()

    return at


@pytest_asyncio.fixture(loop_scope="session")
async def desk(engine: Engine, sits_down: SitDown) -> AsyncIterator[Desk]:
    """The page, open and live."""
    async with sits_down(engine.base_url) as somebody:
        await somebody.open()
        await somebody.live()
        yield somebody
