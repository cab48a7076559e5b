"""The ticket: what it shows is what it sends, what it refuses, and choosing tokens."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.trading_page import TradingPage
from tests.engine import Engine


async def test_the_ticket_sends_the_minimum_that_it_shows(page: TradingPage, engine: Engine) -> None:
    minimum = page.tab.locator(".quotes .minimum")
    await page.tab.get_by_label("You pay").fill("2")
    await expect(page.tab.locator(".comparison caption")).to_have_text("Quotes for 2 SOL")
    # A quote every five seconds may change it: both are read in the same turn of the page.
    shown: str = await page.tab.evaluate(
        """() => {
            document.querySelector(".submit").click();
            return document.querySelector(".minimum").textContent;
        }"""
    )
    await expect(page.orders).to_have_attribute("data-status", "confirmed")
    assert await minimum.count() == 1
    units = await engine.postgres.fetchval("SELECT min_amount_out FROM orders")
    assert shown == f"at least {units / 10**6:f}".rstrip("0") + " USDC"


async def test_an_order_that_no_venue_can_fill_cannot_be_sent(page: TradingPage, engine: Engine) -> None:
    await page.tab.get_by_label("You pay").fill("900000000")
    button = page.tab.get_by_role("button", name="No venue can do this swap")
    await expect(button).to_be_disabled()
    await page.tab.get_by_label("You pay").press("Enter")
    await expect(page.announcement).to_have_text("No venue can do this swap")
    await page.tab.get_by_label("You pay").fill("1")
    await page.place()
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 1


async def test_an_order_that_moves_the_price_is_warned_about(page: TradingPage) -> None:
    warning = page.tab.locator(".order-form .warning-box, .order-form .error-box")
    await expect(page.tab.locator(".comparison caption")).to_contain_text("1.5 SOL")
    await expect(warning).to_have_count(0)
    await expect(page.tab.locator(".submit")).to_have_text("Swap SOL for USDC")
    await page.tab.get_by_label("You pay").fill("12000")
    await expect(warning).to_contain_text(re.compile(r"Price impact \d+(\.\d+)? %"))
    await expect(page.tab.locator(".submit")).to_have_text("Swap SOL for USDC anyway")
    assert await page.accessibility_violations() == []


async def test_a_slippage_so_high_that_it_is_nearly_always_a_mistake_is_warned_about(page: TradingPage) -> None:
    warning = page.tab.locator(".fields .warning-box")
    await page.tab.get_by_label("Slippage in percent").fill("5")
    await expect(page.tab.locator(".quotes .minimum")).to_be_visible()
    await expect(warning).to_have_count(0)
    await page.tab.get_by_label("Slippage in percent").fill("50")
    await expect(warning).to_have_text("Slippage 50 %. The swap may bring that much less than it could.")
    assert await page.accessibility_violations() == []


# The keyboards of many phones have no point for decimals.
@pytest.mark.parametrize(
    ("typed", "amount"), [("1,25", "1.25"), (",5", ".5"), ("1,234.5", "1234.5"), ("1,000", "1000")]
)
async def test_a_comma_is_a_point_unless_it_groups_digits(typed: str, amount: str, page: TradingPage) -> None:
    await page.fill(amount=typed)
    await expect(page.tab.get_by_label("You pay")).to_have_value(amount)


async def test_a_comma_can_be_typed_in_every_field_of_a_decimal(page: TradingPage) -> None:
    for name, order_type in (
        ("receive", "market"),
        ("slippage", "market"),
        ("limitPrice", "limit"),
        ("trail", "trailing_stop"),
    ):
        await page.choose(order_type)
        await page.tab.locator(f"#{name}").fill("")
        await page.tab.locator(f"#{name}").press_sequentially("1,5")
        await expect(page.tab.locator(f"#{name}")).to_have_value("1.5")


async def test_the_rate_is_turned_around(page: TradingPage) -> None:
    rate = page.tab.locator(".rate")
    await expect(rate).to_contain_text(re.compile(r"1 SOL = 1\d\d(\.\d+)? USDC"))
    await rate.click()
    await expect(rate).to_contain_text(re.compile(r"1 USDC = 0\.00\d+ SOL"))
    await page.tab.reload()
    await expect(rate).to_contain_text("1 USDC =")


async def test_a_token_is_found_by_name_or_mint_with_the_keyboard(page: TradingPage) -> None:
    keyboard, dialog = page.tab.keyboard, page.tab.locator("#token-dialog")
    options = dialog.get_by_role("option")
    await page.tab.get_by_role("button", name="Token to receive").press("Enter")
    await expect(dialog.get_by_label("Search for a token")).to_be_focused()
    assert await page.accessibility_violations() == []
    await keyboard.type("DezXAZ8z7Pnr")
    await expect(options).to_have_text([re.compile("BONK")])
    await dialog.get_by_label("Search for a token").fill("nothing like it")
    await expect(dialog.get_by_role("status")).to_contain_text("No token here has that name.")
    await dialog.get_by_label("Search for a token").fill("usd")
    await expect(options).to_have_count(2)
    await keyboard.press("ArrowDown")
    await keyboard.press("Enter")
    await expect(page.tab.get_by_role("button", name="Token to receive: USDT")).to_be_focused()
    await keyboard.press("Enter")
    await keyboard.press("Escape")
    await expect(dialog).to_be_hidden()


async def test_what_became_of_the_order_is_said_below_the_button_and_shown_in_the_list(page: TradingPage) -> None:
    """On a phone the list is out of sight."""
    await page.place()
    placed = page.tab.locator(".placed")
    await expect(placed).to_contain_text("confirmed 1.5 SOL")
    assert await page.accessibility_violations() == []
    await page.show("Portfolio")
    await placed.get_by_role("button", name="Show the order").click()
    await expect(page.orders.first.locator(".toggle")).to_be_focused()
    await expect(page.orders.first.locator(".log li")).to_have_count(5)


async def test_a_link_fills_in_the_form_and_a_reload_keeps_what_was_typed_since(page: TradingPage) -> None:
    await page.open(path="/?tokenIn=USDC&tokenOut=BONK&amount=25")
    await expect(page.tab.get_by_role("button", name="Swap USDC for BONK")).to_be_visible()
    await expect(page.tab.get_by_label("You pay")).to_have_value("25")
    await page.fill(amount="30")
    await page.tab.reload()
    await expect(page.tab.get_by_label("You pay")).to_have_value("30")
    await page.open(path="/?tokenIn=NOTHING&amount=1")
    await expect(page.tab.get_by_role("button", name=re.compile("^Swap [A-Z]+ for BONK$"))).to_be_visible()


async def test_a_price_near_the_market_is_one_click(page: TradingPage) -> None:
    await page.set_market("150")
    await page.choose("limit")
    await page.tab.get_by_role("group", name="Near the price now").get_by_role("button", name="+5 %").click()
    await expect(page.tab.get_by_label("Limit price")).to_have_value("157.5")
    await page.choose("stop")
    await page.tab.get_by_role("group", name="Near the price now").get_by_role("button", name="10 %").click()
    await expect(page.tab.get_by_label("Stop price")).to_have_value("135")
    assert await page.accessibility_violations() == []


async def test_names_that_screen_readers_read(page: TradingPage) -> None:
    await expect(page.tab.locator(".comparison caption")).to_contain_text("1.5 SOL")
    tree: str = await page.tab.locator("form").first.aria_snapshot()
    for line in (
        'heading "Swap"',
        'combobox "Order type"',
        'textbox "You pay"',
        'button "Token to pay: SOL"',
        'button "Reverse the swap"',
        'textbox "You receive (estimate)"',
        'group "Slippage"',
        'textbox "Slippage in percent %"',
        'button "Swap SOL for USDC"',
    ):
        assert line in tree, tree
