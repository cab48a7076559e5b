"""Production mode: the page asks for a key, keeps it for the tab, and shows no more than the key allows."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import Request, expect

from app import preflight
from app.access import keys
from tests.acceptance.stack import free_port
from tests.browser.conftest import DELAYS, SitDown
from tests.browser.desk import Desk
from tests.engine import Engine, running_engine


@dataclass
class Guarded:
    engine: Engine
    dsn: str
    user: str
    operator: str

    async def revoke(self, key: str) -> None:
        connection = await asyncpg.connect(self.dsn)
        try:
            assert await keys.revoke(connection, key[: keys.PREFIX_LENGTH])
        finally:
            await connection.close()


async def new_key(dsn: str, owner: str, *, operator: bool = False) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        return await keys.create(connection, owner, operator=operator)
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
async def guarded(
    postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch, primed_queue: None
) -> AsyncIterator[Guarded]:
    monkeypatch.setattr(preflight, "SAMPLE_PASSWORDS", frozenset())  # the servers given to these tests may have it
    user, operator = await new_key(postgres_dsn, "user"), await new_key(postgres_dsn, "op", operator=True)
    async with running_engine(postgres_dsn, redis_dsn, **production_mode(free_port())) as engine:
        await engine.start_worker()
        yield Guarded(engine, postgres_dsn, user, operator)


async def enter(desk: Desk, key: str) -> None:
    await desk.page.get_by_label("Key", exact=True).fill(key)
    await desk.page.get_by_role("button", name="Open").click()


async def test_a_key_opens_the_page_and_an_order_is_placed_with_it(guarded: Guarded, sits_down: SitDown) -> None:
    async with sits_down(guarded.engine.base_url) as desk:
        addresses: list[str] = []
        unkeyed: list[str] = []

        def look(request: Request) -> None:
            addresses.append(request.url)
            if "/api/" in request.url and "authorization" not in request.headers:
                unkeyed.append(request.url)

        await desk.open()
        field = desk.page.get_by_label("Key", exact=True)
        await expect(field).to_have_attribute("autocomplete", "off")
        assert await desk.page.locator(".ticket, .orders, .engine").count() == 0
        desk.page.on("request", look)
        desk.page.on("websocket", lambda socket: addresses.append(socket.url))
        await enter(desk, guarded.user)
        await desk.live()
        await desk.send()
        await expect(desk.orders).to_have_attribute("data-status", "confirmed")
        assert await guarded.engine.postgres.fetchval("SELECT owner FROM orders") == "user"
        assert unkeyed == []
        assert not [url for url in addresses if guarded.user in url]
        assert any("ticket=" in url for url in addresses)
        # For the tab: a reload keeps it, another tab knows nothing.
        await desk.page.reload()
        await desk.live()
        assert await desk.page.evaluate("localStorage.length + document.cookie.length") == 0
        other = await desk.page.context.new_page()
        await other.goto(guarded.engine.base_url)
        await expect(other.get_by_label("Key", exact=True)).to_be_visible()
        await desk.page.get_by_role("button", name="Forget my key").click()
        await expect(field).to_be_visible()
        assert guarded.user not in await desk.page.evaluate("JSON.stringify(sessionStorage)")


async def test_a_wrong_key_and_a_revoked_one_lead_back_to_the_door(guarded: Guarded, sits_down: SitDown) -> None:
    async with sits_down(guarded.engine.base_url) as desk:
        await desk.open()
        await enter(desk, "oe_00000000_nobody")
        await expect(desk.page.locator("#key-error")).to_have_text("This key is wrong, or was revoked.")
        await enter(desk, "zwölf ⚡")
        await expect(desk.page.locator("#key-error")).to_contain_text("That is no key")
        await enter(desk, guarded.user)
        await desk.live()
        await guarded.revoke(guarded.user)
        await expect(desk.page.locator("#key-error")).to_have_text("This key is wrong, or was revoked.")
        await expect(desk.orders).to_have_count(0)
        await enter(desk, guarded.operator)
        await desk.live()


async def test_what_is_for_operators_is_shown_to_operators(guarded: Guarded, sits_down: SitDown) -> None:
    for key, allowed in ((guarded.user, 0), (guarded.operator, 1)):
        async with sits_down(guarded.engine.base_url) as desk:
            await desk.open()
            await enter(desk, key)
            await desk.live()
            await expect(desk.page.locator(".gauge")).to_have_count(3)
            await expect(desk.page.locator(".letters")).to_have_count(allowed)
            await expect(desk.page.get_by_role("button", name="Pause starting")).to_have_count(allowed)


async def test_an_origin_that_may_not_is_told_what_to_change(
    postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch, sits_down: SitDown
) -> None:
    monkeypatch.setattr(preflight, "SAMPLE_PASSWORDS", frozenset())
    key = await new_key(postgres_dsn, "user")
    settings = production_mode(free_port(), origin="https://app.my-domain.net")
    async with running_engine(postgres_dsn, redis_dsn, **settings) as engine, sits_down(engine.base_url) as desk:
        await desk.open()
        await enter(desk, key)
        await expect(desk.page.locator(".banner.off")).to_contain_text(re.compile(r"127\.0\.0\.1.*ALLOWED_ORIGINS"))
        await expect(desk.page.locator(".orders")).to_contain_text("No orders yet")
