"""Buying with dollars: prices are those of the token that is bought, in the ticket, the chart and open orders."""

import re
from decimal import Decimal

import pytest
from playwright.async_api import expect

from tests.browser.trading_page import TradingPage
from tests.engine import Engine


@pytest.mark.usefixtures("watching")
async def test_a_limit_order_that_buys_waits_for_a_lower_price_and_is_amended_in_it(
    page: TradingPage, engine: Engine
) -> None:
    tab = page.tab
    await tab.get_by_role("button", name="Reverse the swap").click()
    await page.choose("limit")
    await expect(tab.locator(".mids dd")).to_have_text(["150", "150"])
    await expect(tab.locator(".fields .hint").first).to_contain_text("Prices are USDC for 1 SOL, now 150.")
    await expect(tab.locator(".rate")).to_contain_text("1 SOL = ")
    near = tab.get_by_role("group", name="Near the price now")
    await near.get_by_role("button", name="\N{MINUS SIGN}5 %").click()
    await expect(tab.get_by_label("Limit price")).to_have_value("142.5")
    await page.fill(limitPrice="140")
    await tab.get_by_label("You receive, at least").fill("10")
    await expect(tab.get_by_label("You pay")).to_have_value("1400")
    assert await page.accessibility_violations() == []
    await page.place_waiting("limit")
    waiting = tab.locator(".open-order")
    await expect(waiting).to_contain_text("limit: at 140 USDC for 1 SOL, or less")
    await waiting.get_by_role("button", name="Amend").click()
    price = tab.locator("#amended-limitPrice")
    await expect(price).to_have_value("140")
    await price.fill("145")
    await tab.get_by_role("button", name="Amend the order").click()
    await expect(waiting).to_contain_text("limit: at 145 USDC for 1 SOL, or less")
    await page.set_market("144")
    await expect(page.orders.first).to_have_attribute("data-status", "confirmed")
    (order,) = await engine.postgres.fetch("SELECT limit_price, amount_out FROM orders")
    assert order["limit_price"] == Decimal("0.006896551724137932")  # 1/145, rounded up
    assert order["amount_out"] >= 1400 / 145 * 10**9


async def test_the_limit_price_is_turned_around(page: TradingPage) -> None:
    hint, turn = (
        page.tab.locator(".fields .hint").first,
        page.tab.get_by_role("button", name="Say prices the other way round"),
    )
    await page.set_market("150")
    await page.choose("limit")
    await page.fill(limitPrice="155")
    await turn.click()
    await expect(hint).to_contain_text(re.compile(r"Prices are SOL for 1 USDC, now 0\.00666\d+\."))
    await expect(page.tab.get_by_label("Limit price")).to_have_value("")
    await page.fill(limitPrice="0.005")
    await expect(page.tab.get_by_label("You receive, at least")).to_have_value("300")
    await page.place_waiting("limit")
    await expect(page.tab.locator(".open-order")).to_contain_text("limit: at 200 USDC or more")


@pytest.mark.usefixtures("watching")
async def test_what_stops_take_profits_and_slices_wait_for_is_the_price_of_what_they_buy(
    page: TradingPage, engine: Engine
) -> None:
    waiting, hint = page.tab.locator(".open-order"), page.tab.locator("#type-hint")
    await page.tab.get_by_role("button", name="Reverse the swap").click()
    await page.fill(amount="150")
    await page.choose("stop")
    await expect(hint).to_contain_text("Waits until the price has risen")
    await page.fill(stopPrice="160", worstPrice="170")
    await page.place_waiting("stop")
    await expect(waiting.first).to_contain_text(
        "stop: once the price rises to 160 USDC for 1 SOL, for no more than 170"
    )
    await page.choose("take_profit")
    await expect(hint).to_contain_text("Waits until the price has fallen")
    await page.fill(targetPrice="140")
    await page.place_waiting("take-profit")
    await expect(waiting.first).to_contain_text("take-profit: once the price falls to 140 USDC for 1 SOL")
    await page.choose("dca")
    await page.fill(slices="2")
    await page.tab.get_by_text("More options").click()
    await page.fill(bandMin="100", bandMax="120")
    await page.place_waiting("DCA")
    await expect(waiting.first).to_contain_text("between 100 and 120 USDC for 1 SOL")
    await page.set_market("161")
    await expect(page.tab.locator(".order.confirmed")).to_have_count(1)
    await page.set_market("139")
    await expect(page.tab.locator(".order.confirmed")).to_have_count(2)
    types = await engine.postgres.fetch("SELECT type FROM orders WHERE status = 'confirmed' ORDER BY updated_at")
    assert [row["type"] for row in types] == ["stop", "take_profit"]
    await page.show("Fills")
    await expect(page.tab.locator(".fill").last).to_contain_text(re.compile(r"16\d\.\d+ USDC for 1 SOL"))


async def test_a_price_in_another_unit_is_not_kept_with_another_type(page: TradingPage) -> None:
    await page.tab.get_by_role("button", name="Reverse the swap").click()
    await page.choose("take_profit")
    await page.fill(targetPrice="140")
    await page.choose("oco")
    await expect(page.tab.get_by_label("Target price")).to_have_value("140")
    await page.tab.get_by_role("button", name="Say prices the other way round").click()
    await page.fill(targetPrice="0.007")
    await page.choose("trailing_stop")
    await page.choose("take_profit")
    await expect(page.tab.get_by_label("Target price")).to_have_value("0.007")
    assert await page.accessibility_violations() == []
