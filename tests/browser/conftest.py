"""A real engine with a real worker, and its page in a real Chromium."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from app.watcher.main import watcher
from tests.browser.chromium import MISSING, chromium, executable
from tests.browser.trading_page import TradingPage, new_trading_page
from tests.engine import Engine, running_engine

HERE = Path(__file__).parent

# Long enough to see each step, short enough not to slow the tests down.
DELAYS: dict[str, Any] = {"mock_quote_ms": 30, "mock_execution_ms_min": 150, "mock_execution_ms_max": 250}

OpenPage = Callable[..., AbstractAsyncContextManager[TradingPage]]

expect.set_options(timeout=10_000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", action="store_true", help="take the screenshots in docs/images again")


def pytest_configure() -> None:
    if executable() is None:
        raise pytest.UsageError(MISSING)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("screenshots"):
        items[:] = [item for item in items if item.path.name != "test_screenshots.py"]
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session")
async def engine(postgres_dsn: str, redis_dsn: str, primed_queue: None) -> AsyncIterator[Engine]:
    """An engine with one worker."""
    async with running_engine(postgres_dsn, redis_dsn, **DELAYS) as started:
        await started.start_worker()
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests of a process. Each test gets its own profile."""
    async with chromium() as started:
        yield started


@pytest.fixture
def open_page(browser: Browser) -> OpenPage:
    """Opens a tab at any URL, with any browser options. Each test also checks that the page logs no error or warning,
    and sends no request to another host."""

    @asynccontextmanager
    async def open_at(url: str, **options: Any) -> AsyncIterator[TradingPage]:
        context = await browser.new_context(**{"viewport": {"width": 1440, "height": 1000}} | options)
        try:
            page = await new_trading_page(context, url)
            yield page
            assert page.console_errors == []
            assert page.foreign_requests == []
        finally:
            await context.close()

    return open_at


@pytest_asyncio.fixture(loop_scope="session")
async def page(engine: Engine, open_page: OpenPage) -> AsyncIterator[TradingPage]:
    """The page, loaded and connected."""
    async with open_page(engine.base_url) as opened:
        await opened.open()
        await opened.wait_until_live()
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def console(engine: Engine, open_page: OpenPage) -> AsyncIterator[TradingPage]:
    """The operators' page of the same engine."""
    async with open_page(engine.base_url) as opened:
        await opened.open(path="/console")
        await opened.wait_until_live()
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def watching(engine: Engine) -> AsyncIterator[None]:
    """A watcher beside the engine, and a price that stands still."""
    await engine.http.post("/api/simulate/market", json={"tokenIn": "SOL", "tokenOut": "USDC", "price": "150"})
    async with watcher(engine.settings):
        yield
