"""The list of orders on the page: filters and pages."""

from typing import Any

import pytest
from playwright.async_api import expect

from app.orders.store import reads
from tests.browser.conftest import OpenPage
from tests.browser.trading_page import TradingPage
from tests.engine import Engine


async def test_the_order_list_is_filtered_and_paged_without_a_gap(
    page: TradingPage, engine: Engine, open_page: OpenPage
) -> None:
    placed = []
    for n in range(60):
        pair: dict[str, Any] = {"tokenIn": "USDC", "tokenOut": "SOL", "amount": 10} if n % 2 == 0 else {}
        placed.append((await engine.place(**pair))["orderId"])
    async with open_page(engine.base_url) as fresh:
        await fresh.open()
        await expect(fresh.orders).to_have_count(15)
        for shown in (30, 45, 60):
            await fresh.tab.get_by_role("button", name="Show older orders").click()
            await expect(fresh.orders).to_have_count(shown)
        await expect(fresh.tab.get_by_role("button", name="Show older orders")).to_have_count(0)
        assert await fresh.ids() == placed[::-1]
        await fresh.tab.get_by_label("Token paid").select_option("USDC")
        await fresh.tab.get_by_role("button", name="Show older orders").click()
        await expect(fresh.orders).to_have_count(30)
        assert await fresh.ids() == placed[::2][::-1]
        await engine.place()
        newest = await engine.place(tokenIn="USDC", tokenOut="SOL", amount=20)
        await expect(fresh.orders.first).to_contain_text("20 USDC")
        assert (await fresh.ids())[0] == newest["orderId"]
        await fresh.tab.get_by_label("Status").select_option("failed")
        await expect(fresh.tab.locator(".orders")).to_contain_text("No matching orders")
        await fresh.tab.get_by_role("button", name="Clear").click()
        await expect(fresh.orders).to_have_count(15)
    async with open_page(engine.base_url) as fresh:
        # Older orders that a filter has loaded stay hidden until the unfiltered list has reached them.
        await fresh.open()
        await fresh.tab.get_by_label("Token paid").select_option("USDC")
        await fresh.tab.get_by_role("button", name="Show older orders").click()
        await expect(fresh.orders).to_have_count(30)
        await fresh.tab.get_by_role("button", name="Clear").click()
        for shown in (30, 45):
            await fresh.tab.get_by_role("button", name="Show older orders").click()
            await expect(fresh.orders).to_have_count(shown)
        assert (await fresh.ids())[2:] == placed[::-1][:43]


async def test_a_filter_finds_a_rare_order_behind_empty_pages(
    page: TradingPage, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "SCAN_ROWS", 5)
    rare = await engine.place(tokenIn="RAY", tokenOut="USDC")
    for _ in range(16):
        await engine.place()
    await page.tab.reload()
    await expect(page.orders).to_have_count(15)
    await page.tab.get_by_label("Token paid").select_option("RAY")
    await expect(page.orders).to_have_count(1)
    assert await page.ids() == [rare["orderId"]]
