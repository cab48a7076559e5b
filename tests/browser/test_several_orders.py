"""Orders that belong together, placed on the page: OCO, bracket, and slices over time."""

from playwright.async_api import expect

from tests.browser.trading_page import TradingPage
from tests.engine import Engine


async def test_one_order_of_an_oco_is_filled_and_cancels_the_other(
    watching: None, page: TradingPage, engine: Engine
) -> None:
    group, legs = page.tab.locator(".open-group"), page.tab.locator(".open-group .open-order")
    await page.choose("oco")
    await page.fill(targetPrice="165", stopPrice="160", worstStopPrice="130")
    await page.tab.get_by_role("button", name="Place the OCO order").click()
    await expect(page.tab.locator("#stopPrice-error")).to_contain_text("met already")
    await page.fill(stopPrice="140")
    assert await page.accessibility_violations() == []
    await page.place_waiting("OCO", orders=2)
    await expect(legs).to_have_count(2)
    await expect(legs.nth(0)).to_contain_text("take-profit: once the price rises to 165 USDC")
    await expect(legs.nth(0)).to_contain_text("10 % away")
    await expect(legs.nth(1)).to_contain_text("stop: once the price falls to 140 USDC, for no less than 130")
    assert await page.accessibility_violations() == []

    await page.set_market("170")
    await expect(page.tab.locator(".order.confirmed")).to_have_count(1)
    await expect(page.tab.locator(".order.cancelled")).to_have_count(1)
    await expect(group).to_have_count(0)
    details = await page.open_details(page.tab.locator(".order.cancelled"))
    await expect(details).to_contain_text("The other order of its group was filled.")


async def test_a_group_is_cancelled_at_once(watching: None, page: TradingPage) -> None:
    await page.choose("oco")
    await page.fill(targetPrice="165", stopPrice="140")
    await page.place_waiting("OCO", orders=2)
    await page.tab.get_by_role("button", name="Cancel the group").click()
    await expect(page.announcement).to_have_text("2 orders are cancelled.")
    await expect(page.tab.locator(".order.cancelled")).to_have_count(2)
    await expect(page.tab.get_by_role("tabpanel", name="Open orders")).to_be_focused()


async def test_a_bracket_buys_and_then_sells_what_that_brought(
    watching: None, page: TradingPage, engine: Engine
) -> None:
    legs = page.tab.locator(".open-group .open-order")
    await page.choose("bracket")
    await page.choose_token("Token to pay", "USDC")  # turns the swap around
    await expect(page.tab.locator(".fields .hint").first).to_have_text("Prices are USDC for 1 SOL, now 150.")
    await page.fill(amount="1500", entryPrice="142", exitPrice="160", stopLossPrice="145")
    await page.tab.get_by_role("button", name="Place the bracket order").click()
    await expect(page.tab.locator("#stopLossPrice-error")).to_contain_text("must lie between")
    await page.fill(stopLossPrice="120")
    await page.place_waiting("bracket", orders=3)
    await expect(legs).to_have_count(3)
    await expect(legs.nth(0)).to_contain_text("entry: at 142 USDC for 1 SOL, or less")
    await expect(legs.nth(1)).to_contain_text("held until the entry is filled")
    assert await page.accessibility_violations() == []

    await page.set_market("138")
    await expect(page.tab.locator(".order.confirmed")).to_have_count(1)
    await expect(legs).to_have_count(2)
    await expect(legs.filter(has_text="take-profit")).to_contain_text("15.94 % away")
    bought = await engine.postgres.fetchval("SELECT amount_out FROM orders WHERE type = 'limit'")
    await page.set_market("165")
    await expect(page.tab.locator(".order.confirmed")).to_have_count(2)
    await expect(page.tab.locator(".order.cancelled")).to_have_count(1)
    assert await engine.postgres.fetchval("SELECT amount_in FROM orders WHERE type = 'take_profit'") == bought


async def test_slices_are_counted_as_they_are_filled(watching: None, page: TradingPage, engine: Engine) -> None:
    progress, parent = (
        page.tab.locator(".slices-progress"),
        page.tab.locator(".order", has=page.tab.locator(".slices-bar")),
    )
    await page.choose("dca")
    await page.fill(amount="3", slices="3", every="9")
    await page.tab.get_by_label("Unit of the interval").select_option("seconds")
    await expect(page.tab.locator(".order-form")).to_contain_text("3 slices of 1 SOL, over 18.0 s.")
    await page.tab.get_by_text("More options").click()
    await page.fill(bandMax="155")
    await page.tab.get_by_role("button", name="Place the DCA order").click()
    await expect(page.tab.locator("#every-error")).to_contain_text("at least 10 s apart")
    await page.fill(every="1000")
    assert await page.accessibility_violations() == []
    await page.place_waiting("DCA")
    await expect(progress).to_contain_text("1 of 3 slices filled, next at")
    await expect(progress).to_contain_text("1 SOL for")
    await expect(page.tab.locator(".open-order")).to_contain_text(
        "3 slices, one every 1000 seconds, not above 155 USDC"
    )

    await page.set_market("160")
    await engine.postgres.execute("UPDATE plans SET next_at = now()")
    await expect(progress).to_contain_text("1 of 3 slices filled, 1 skipped, next at")
    assert await page.accessibility_violations() == []
    await page.set_market("150")
    await engine.postgres.execute("UPDATE plans SET next_at = now()")
    await expect(parent).to_have_attribute("data-status", "completed")
    await expect(parent).to_contain_text("2 of 3 slices filled, 1 skipped")
    details = await page.open_details(parent)
    await expect(details).to_contain_text("Average price")
    assert await page.accessibility_violations() == []
