"""Typing the amount to receive: the page finds what to pay for it, and the order brings that much or fails."""

from decimal import Decimal

import pytest
from playwright.async_api import Locator, expect

from tests.browser.conftest import OpenPage
from tests.browser.trading_page import TradingPage
from tests.engine import Engine

IS_SEEN_WHOLE = "one => one.scrollWidth <= one.clientWidth"


def fields(page: TradingPage) -> tuple[Locator, Locator]:
    return page.tab.locator("#amount"), page.tab.locator("#receive")


# A million moves the price by more than a percent: the price alone does not say what to pay.
@pytest.mark.parametrize("wanted", ["100", "1000000"])
async def test_an_order_for_an_amount_to_receive_brings_at_least_that(
    wanted: str, page: TradingPage, engine: Engine
) -> None:
    _, receive = fields(page)
    await expect(page.tab.locator(".comparison caption")).to_contain_text("1.5 SOL")
    await receive.fill(wanted)
    await expect(page.tab.get_by_label("You receive, at least")).to_have_value(wanted)
    await expect(page.tab.locator(".quotes .minimum")).to_have_text(f"at least {int(wanted):,} USDC")
    await expect(page.tab.locator(".token-field").last).to_contain_text("expected now")
    assert await page.accessibility_violations() == []
    # A quote every five seconds may change it: it is read in the turn of the page that sends it.
    paid: str = await page.tab.evaluate(
        """() => {
            document.querySelector(".submit").click();
            return document.getElementById("amount").value;
        }"""
    )
    await expect(page.orders).to_have_attribute("data-status", "confirmed")
    (order,) = await engine.postgres.fetch("SELECT amount_in, min_amount_out, amount_out FROM orders")
    assert order["amount_in"] == Decimal(paid) * 10**9
    assert order["min_amount_out"] == int(wanted) * 10**6
    assert 1 <= order["amount_out"] / order["min_amount_out"] < Decimal("1.02")  # the slippage is the reserve


async def test_the_amount_to_pay_can_be_typed_again_and_a_reversed_swap_pays_what_was_to_be_received(
    page: TradingPage,
) -> None:
    pay, receive = fields(page)
    await receive.fill("300")
    await expect(page.tab.locator(".quotes .minimum")).to_have_text("at least 300 USDC")
    await page.tab.get_by_role("button", name="Reverse the swap").click()
    await expect(pay).to_have_value("300")
    await receive.fill("2")
    await expect(page.tab.locator(".quotes .minimum")).to_have_text("at least 2 SOL")
    await pay.fill("600")
    await expect(page.tab.get_by_label("You receive (estimate)")).not_to_have_value("2")
    await expect(page.tab.locator(".comparison caption")).to_have_text("Quotes for 600 USDC")


async def test_what_is_to_be_received_of_another_token_is_found_too_and_kept_by_a_reload(page: TradingPage) -> None:
    _, receive = fields(page)
    await receive.fill("100")
    await page.choose_token("Token to pay", "BONK")
    await expect(page.tab.locator(".quotes .minimum")).to_have_text("at least 100 USDC")
    await page.tab.reload()
    await expect(page.tab.locator(".quotes .minimum")).to_have_text("at least 100 USDC")
    await expect(receive).to_have_value("100")


async def test_a_limit_order_pays_what_its_price_asks_for(page: TradingPage, engine: Engine) -> None:
    pay, receive = fields(page)
    await page.choose("limit")
    await expect(receive).to_have_count(0)  # without a price there is nothing to find it by
    await page.fill(limitPrice="160")
    await receive.fill("320")
    await expect(pay).to_have_value("2")
    await page.fill(limitPrice="300")
    await expect(pay).to_have_value("1.066666667")  # rounded up
    await page.fill(limitPrice="200")
    await page.place_waiting("limit")
    assert await engine.postgres.fetchval("SELECT amount_in FROM orders") == 1_600_000_000


async def test_what_is_no_amount_or_more_than_any_venue_has_is_not_sent(page: TradingPage, engine: Engine) -> None:
    _, receive = fields(page)
    await receive.fill("0.1234567")
    await page.tab.get_by_role("button", name="Swap SOL for USDC").click()
    await expect(receive).to_be_focused()
    await expect(page.announcement).to_have_text("Enter an amount to receive, with at most 6 decimals.")
    await expect(receive).to_have_accessible_description("Enter an amount to receive, with at most 6 decimals.")
    await receive.fill("900000000")
    await expect(page.tab.get_by_role("button", name="No venue can do this swap")).to_be_disabled()
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 0


async def test_a_long_amount_that_was_found_is_seen_whole_on_a_phone(engine: Engine, open_page: OpenPage) -> None:
    async with open_page(engine.base_url, viewport={"width": 390, "height": 844}, has_touch=True) as page:
        pay, receive = fields(page)
        await page.open()
        await receive.fill("1234567.654321")
        await expect(page.tab.locator(".quotes .minimum")).to_have_text("at least 1,234,567.654321 USDC")
        assert len(await pay.input_value()) > 9  # of 14: zeros at its end, by the price of the moment, are left out
        for field in (pay, receive):
            await page.tab.wait_for_function(IS_SEEN_WHOLE, arg=await field.element_handle())
        assert (
            await page.tab.evaluate("document.querySelector('.submit').getBoundingClientRect().bottom + scrollY") <= 844
        )
        for typed in ("8888.8888888", "8888.88888888", "8888.888888888"):
            await pay.fill(typed)
            await page.tab.wait_for_function(IS_SEEN_WHOLE, arg=await pay.element_handle())
