"""Production mode: the page asks for an API key, keeps it in the tab, and shows only what the key allows."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import Request, expect

from app.access import keys
from tests.acceptance.stack import free_port
from tests.browser.conftest import DELAYS, OpenPage
from tests.browser.trading_page import TradingPage
from tests.engine import Engine, running_engine
from tests.integration.test_access import new_key, trust_test_servers


@dataclass
class ProductionEngine:
    engine: Engine
    dsn: str
    user_key: str
    operator_key: str

    async def revoke(self, key: str) -> None:
        connection = await asyncpg.connect(self.dsn)
        try:
            assert await keys.revoke(connection, key[: keys.PREFIX_LENGTH])
        finally:
            await connection.close()


def production_mode(port: int, *, origin: str | None = None) -> dict[str, Any]:
    return {
        "port": port,
        "engine_mode": "production",
        "engine_secret": "9f2c61e07ab84d35c0d7e5b3486a1f92",
        "allowed_origins": origin or f"http://127.0.0.1:{port}",
        **DELAYS,
    }


@pytest_asyncio.fixture(loop_scope="session")
async def production(
    postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch, primed_queue: None
) -> AsyncIterator[ProductionEngine]:
    trust_test_servers(monkeypatch)
    user, operator = await new_key(postgres_dsn, "user"), await new_key(postgres_dsn, "op", operator=True)
    async with running_engine(postgres_dsn, redis_dsn, **production_mode(free_port())) as engine:
        await engine.start_worker()
        yield ProductionEngine(engine, postgres_dsn, user, operator)


async def sign_in(page: TradingPage, key: str) -> None:
    await page.tab.get_by_label("API key").fill(key)
    await page.tab.get_by_role("button", name="Sign in").click()


async def test_a_key_gives_access_and_places_an_order(production: ProductionEngine, open_page: OpenPage) -> None:
    async with open_page(production.engine.base_url) as page:
        urls: list[str] = []
        without_key: list[str] = []

        def on_request(request: Request) -> None:
            urls.append(request.url)
            if "/api/" in request.url and "authorization" not in request.headers:
                without_key.append(request.url)

        await page.open()
        field = page.tab.get_by_label("API key")
        await expect(field).to_have_attribute("autocomplete", "off")
        assert await page.tab.locator(".order-form, .orders, .engine").count() == 0
        page.tab.on("request", on_request)
        page.tab.on("websocket", lambda socket: urls.append(socket.url))
        await sign_in(page, production.user_key)
        await page.wait_until_live()
        await page.place()
        await expect(page.orders).to_have_attribute("data-status", "confirmed")
        assert await production.engine.postgres.fetchval("SELECT owner FROM orders") == "user"
        assert without_key == []
        assert not [url for url in urls if production.user_key in url]
        assert any("ticket=" in url for url in urls)
        # The key belongs to the tab: a reload keeps it, another tab does not have it.
        await page.tab.reload()
        await page.wait_until_live()
        assert await page.tab.evaluate("localStorage.length + document.cookie.length") == 0
        other_tab = await page.tab.context.new_page()
        await other_tab.goto(production.engine.base_url)
        await expect(other_tab.get_by_label("API key")).to_be_visible()
        await page.tab.get_by_role("button", name="Sign out").click()
        await expect(field).to_be_visible()
        assert production.user_key not in await page.tab.evaluate("JSON.stringify(sessionStorage)")


async def test_a_wrong_key_and_a_revoked_key_lead_back_to_the_sign_in_form(
    production: ProductionEngine, open_page: OpenPage
) -> None:
    async with open_page(production.engine.base_url) as page:
        await page.open()
        await sign_in(page, "oe_00000000_nobody")
        await expect(page.tab.locator("#key-error")).to_have_text("This key is wrong, was revoked, or has expired.")
        await sign_in(page, "zwölf ⚡")
        await expect(page.tab.locator("#key-error")).to_contain_text("This is not an API key")
        await sign_in(page, production.user_key)
        await page.wait_until_live()
        await production.revoke(production.user_key)
        await expect(page.tab.locator("#key-error")).to_have_text("This key is wrong, was revoked, or has expired.")
        await expect(page.orders).to_have_count(0)
        await sign_in(page, production.operator_key)
        await page.wait_until_live()


async def test_the_console_opens_to_an_operators_key_only(production: ProductionEngine, open_page: OpenPage) -> None:
    async with open_page(production.engine.base_url) as page:
        forbidden: list[str] = []
        page.tab.on("response", lambda answer: forbidden.append(answer.url) if answer.status == 403 else None)
        await page.open(path="/console")
        await sign_in(page, production.user_key)
        await expect(page.tab.locator(".sign-in")).to_contain_text("For operators only")
        assert await page.tab.locator(".engine, .dead-letters, .kill-switch, .audit").count() == 0
        assert await page.accessibility_violations() == []
        await page.tab.get_by_role("button", name="Sign out").click()
        await sign_in(page, production.operator_key)
        await expect(page.tab.locator(".gauge")).to_have_count(3)
        await expect(page.tab.get_by_role("button", name="Halt trading")).to_be_visible()
        assert forbidden == []  # a trader who looks at it leaves no refusals in the audit log
        await expect(page.tab.locator(".demo")).to_have_count(0)
        await page.tab.get_by_role("link", name="Trade").click()
        await page.wait_until_live()
        await expect(page.tab.locator("main")).not_to_contain_text("no money moves")


async def test_a_refused_origin_sees_which_setting_to_change(
    postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch, open_page: OpenPage
) -> None:
    trust_test_servers(monkeypatch)
    key = await new_key(postgres_dsn, "user")
    settings = production_mode(free_port(), origin="https://app.my-domain.net")
    async with running_engine(postgres_dsn, redis_dsn, **settings) as engine, open_page(engine.base_url) as page:
        await page.open()
        await sign_in(page, key)
        await expect(page.tab.locator(".banner.offline")).to_contain_text(re.compile(r"127\.0\.0\.1.*ALLOWED_ORIGINS"))
        await expect(page.tab.locator(".orders")).to_contain_text("No orders yet")
