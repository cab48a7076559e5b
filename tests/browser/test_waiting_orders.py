"""Orders that wait for a price, placed on the page and seen to fire."""

import re

from playwright.async_api import expect

from tests.browser.trading_page import TradingPage
from tests.engine import HAPPY, Engine


async def test_a_limit_order_waits_and_fires_when_the_market_is_moved(
    watching: None, page: TradingPage, engine: Engine
) -> None:
    await expect(page.tab.locator(".market dd").first).to_have_text("150")
    await page.choose("limit")
    await page.tab.get_by_label("Limit price").fill("155")
    assert await page.accessibility_violations() == []
    await page.tab.get_by_role("button", name="Place the limit order").click()
    await expect(page.announcement).to_have_text("The order is accepted.")
    waiting = page.tab.locator(".open-order")
    await expect(waiting).to_contain_text("limit: at 155 USDC or more")
    await expect(waiting).to_contain_text("3.33 % away")
    await expect(page.orders.first).to_have_attribute("data-status", "open")
    assert await page.accessibility_violations() == []

    await page.tab.locator(".market").get_by_role("button", name="+5 %").click()
    await expect(page.orders.first).to_have_attribute("data-status", "confirmed")
    await expect(waiting).to_have_count(0)
    await page.open_details(page.orders.first)
    await page.expect_log(page.orders.first, ["open", *HAPPY])
    fired = re.compile(r"fired: the price was 157\.\d+, and it waited for 155")
    await expect(page.orders.first.locator(".log")).to_contain_text(fired)


async def test_a_stop_and_a_take_profit_fire_and_a_limit_for_now_or_never_expires(
    watching: None, page: TradingPage, engine: Engine
) -> None:
    fired = page.tab.locator(".order.confirmed")
    await page.choose("stop")
    await page.fill(stopPrice="140")
    await page.place_waiting("stop")
    await page.choose("take_profit")
    await page.fill(targetPrice="160")
    await page.place_waiting("take-profit")
    await expect(page.tab.locator(".open-order")).to_have_count(2)
    await page.set_market("139")
    await expect(fired).to_have_count(1)
    await page.set_market("161")
    await expect(fired).to_have_count(2)
    await expect(page.tab.locator(".open-order")).to_have_count(0)
    await page.choose("limit")
    await page.fill(limitPrice="170")
    await page.tab.get_by_label("Good for").select_option("now or never")
    await page.place_waiting("limit")
    await expect(page.orders.first).to_have_attribute("data-status", "expired")
    types = await engine.postgres.fetch("SELECT type FROM orders WHERE status = 'confirmed' ORDER BY updated_at")
    assert [row["type"] for row in types] == ["stop", "take_profit"]


async def test_a_stop_is_placed_with_its_worst_price_and_cancelled(
    watching: None, page: TradingPage, engine: Engine
) -> None:
    await page.choose("stop")
    await page.tab.get_by_label("Stop price").fill("140")
    await page.tab.get_by_label("Worst price").fill("138")
    await page.tab.get_by_label("Good for").select_option("1 day")
    await page.tab.get_by_role("button", name="Place the stop order").click()
    waiting = page.tab.locator(".open-order")
    await expect(waiting).to_contain_text("stop: once the price falls to 140 USDC, for no less than 138")
    await expect(waiting).to_contain_text("until")
    (order_id,) = await page.ids()
    order = await engine.order(order_id)
    assert (order["orderType"], order["limitPrice"], order["timeInForce"]) == ("stop", "138", "gtd")
    await waiting.get_by_role("button", name="Cancel the open order of 1.5 SOL").click()
    await expect(page.orders.first).to_have_attribute("data-status", "cancelled")
    await expect(waiting).to_have_count(0)
    await expect(page.tab.get_by_role("tabpanel", name="Open orders")).to_be_focused()


async def test_open_orders_from_before_are_listed_with_their_distance(
    watching: None, page: TradingPage, engine: Engine
) -> None:
    await engine.place(orderType="take_profit", trigger={"price": "165", "when": "above"})
    await page.tab.reload()
    waiting = page.tab.locator(".open-order")
    await expect(waiting).to_contain_text("take-profit: once the price rises to 165 USDC")
    await expect(waiting).to_contain_text("10 % away")


async def test_what_is_wrong_with_a_price_is_said_before_and_after_it_is_sent(
    watching: None, page: TradingPage, engine: Engine
) -> None:
    await page.choose("take_profit")
    place = page.tab.get_by_role("button", name="Place the take-profit order")
    target, error = page.tab.get_by_label("Target price"), page.tab.locator("#targetPrice-error")
    await expect(error).to_be_hidden()  # nothing was typed yet
    await place.click()
    await expect(error).to_contain_text("Enter a price")
    await expect(target).to_be_focused()
    await target.fill("120")
    await expect(error).to_be_hidden()
    await place.click()
    await expect(error).to_contain_text("met already")
    await expect(target).to_be_focused()
    await expect(page.tab.locator(".order-form .error-box")).to_have_count(0)
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 0


async def test_a_price_far_from_the_market_is_sent_if_it_is_meant(
    watching: None, page: TradingPage, engine: Engine
) -> None:
    await page.choose("limit")
    await page.tab.get_by_label("Limit price").fill("100")
    await page.tab.get_by_role("button", name="Place the limit order").click()
    await expect(page.tab.locator(".order-form .warning-box")).to_contain_text("20 % worse")
    await page.tab.get_by_role("button", name="Place it anyway").click()
    await expect(page.orders.first).to_have_attribute("data-status", "confirmed")


async def test_a_trailing_stop_follows_the_price_up_and_fires_on_the_way_down(
    watching: None, page: TradingPage, engine: Engine
) -> None:
    await page.choose("trailing_stop")
    await page.fill(trail="100", activationPrice="120")
    await page.tab.get_by_role("button", name="Place the trailing stop order").click()
    await expect(page.tab.locator("#trail-error")).to_contain_text("below 100")
    await page.fill(trail="5")
    await page.tab.get_by_role("button", name="Place the trailing stop order").click()
    await expect(page.tab.locator("#activationPrice-error")).to_contain_text("reached already")
    await page.fill(activationPrice="")
    assert await page.accessibility_violations() == []
    await page.place_waiting("trailing stop")
    waiting = page.tab.locator(".open-order")
    await expect(waiting).to_contain_text("trailing stop: 5 % below the highest price of 150, now at 142.5 USDC")
    await expect(waiting).to_contain_text("5 % away")
    await page.set_market("160")
    await expect(waiting).to_contain_text("the highest price of 160, now at 152 USDC")
    assert await page.accessibility_violations() == []

    await page.set_market("151.5")
    await expect(page.orders.first).to_have_attribute("data-status", "confirmed")
    await page.open_details(page.orders.first)
    await expect(page.orders.first.locator(".log")).to_contain_text("fired: the price was 151.5, and it waited for 152")


async def test_a_sniper_buys_a_token_once_it_is_launched(watching: None, page: TradingPage) -> None:
    market, waiting = page.tab.locator(".market"), page.tab.locator(".open-order")
    await market.get_by_text("Launch a token").click()
    await market.get_by_role("button", name="Wait for it with a sniper").click()
    await expect(page.tab.locator("#amount")).to_be_focused()
    await page.fill(amount="0.5", mostPrice="0.002")
    assert await page.accessibility_violations() == []
    await page.place_waiting("sniper")
    await expect(waiting).to_contain_text("sniper: once it is traded, for at most 0.002 SOL each")
    await expect(waiting.locator(".swap")).to_have_text("0.5 SOL → FVuP…7mYF")
    assert await page.accessibility_violations() == []

    await market.get_by_role("button", name="Launch against SOL").click()
    await expect(page.orders.first).to_have_attribute("data-status", "confirmed")
    await expect(page.orders.first.locator(".swap")).to_contain_text("WIF")
    await expect(waiting).to_have_count(0)
