"""Orders that wait are amended and cancelled on the page, and an order is placed again from the history."""

from datetime import UTC, datetime, timedelta

from playwright.async_api import expect

from tests.browser.trading_page import TradingPage
from tests.engine import Engine


async def test_a_waiting_order_is_amended(watching: None, page: TradingPage, engine: Engine) -> None:
    placed = await engine.place(orderType="limit", limitPrice="155", amount="1.5")
    await page.show("Open orders")
    waiting, form = page.tab.locator(".open-order"), page.tab.locator(".amending")
    amend = waiting.get_by_role("button", name="Amend the open order of 1.5 SOL")
    await amend.click()
    await expect(form.get_by_label("Limit price")).to_be_focused()
    await expect(form.get_by_label("Limit price")).to_have_value("155")
    assert await page.accessibility_violations() == []
    await page.fill(**{"amended-limitPrice": "x"})
    await form.get_by_role("button", name="Amend the order").click()
    await expect(form.locator("#amended-limitPrice-error")).to_contain_text("Enter a price")
    await page.fill(**{"amended-limitPrice": "100"})
    await form.get_by_role("button", name="Amend the order").click()
    await expect(form.locator(".warning-box")).to_contain_text("20 % worse")
    await page.fill(**{"amended-limitPrice": "165"})
    await form.get_by_label("Good for").select_option("1 day")
    await form.get_by_role("button", name="Amend the order").click()
    await expect(page.announcement).to_have_text("The order is amended.")
    await expect(amend).to_be_focused()
    await expect(form).to_have_count(0)
    await expect(waiting).to_contain_text("limit: at 165 USDC or more")
    await expect(waiting).to_contain_text("until")
    order = await engine.order(placed["orderId"])
    assert (order["limitPrice"], order["status"], order["timeInForce"]) == ("165", "open", "gtd")
    left = datetime.fromisoformat(order["expiresAt"]) - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(days=1, seconds=5)

    await amend.click()
    await form.get_by_label("Good for").select_option("until cancelled")
    await form.get_by_role("button", name="Amend the order").click()
    await expect(form).to_have_count(0)
    order = await engine.order(placed["orderId"])
    assert (order["limitPrice"], order["timeInForce"], order["expiresAt"]) == ("165", "gtc", None)


async def test_an_order_that_changed_meanwhile_is_not_overwritten(
    watching: None, page: TradingPage, engine: Engine
) -> None:
    """And what is refused is said beside its field."""
    placed = await engine.place(orderType="stop", trigger={"price": "140"}, limitPrice="130")
    await page.show("Open orders")
    form = page.tab.locator(".amending")
    await page.tab.get_by_role("button", name="Amend the open order").click()
    changed = await engine.http.patch(
        f"/api/orders/{placed['orderId']}", json={"trigger": {"price": "141"}}, headers={"if-match": "1"}
    )
    assert changed.status_code == 200, changed.text
    send = form.get_by_role("button", name="Amend the order")
    await page.fill(**{"amended-stopPrice": "151"})
    await send.click()
    await expect(form.get_by_role("alert")).to_contain_text("The order has changed meanwhile")
    await expect(page.tab.locator(".open-order")).to_contain_text("falls to 141")
    await send.click()
    await expect(form.locator("#amended-stopPrice-error")).to_contain_text("met already")
    await page.fill(**{"amended-stopPrice": "145", "amended-worstPrice": ""})  # from now on a slippage
    await expect(form.get_by_label("Slippage in percent")).to_be_visible()
    await send.click()
    await expect(form).to_have_count(0)
    order = await engine.order(placed["orderId"])
    assert (order["trigger"]["price"], order["limitPrice"], order["slippageBps"]) == ("145", None, 300)
    details = await page.open_details(page.orders.first)
    await expect(details.locator(".log li")).to_have_count(3)
    await expect(details.locator(".log")).not_to_contain_text("fired")  # it waits for another price


async def test_the_entry_of_a_bracket_is_amended_at_the_price_of_what_it_buys(
    watching: None, page: TradingPage, engine: Engine
) -> None:
    swap = {"tokenIn": "USDC", "tokenOut": "SOL", "amount": "1500"}
    entry = {**swap, "orderType": "limit", "limitPrice": "0.00704225352112676"}
    group = {"type": "bracket", "entry": entry, "takeProfit": {"price": "160"}, "stopLoss": {"price": "120"}}
    assert (await engine.http.post("/api/order-groups", json=group)).is_success
    await page.show("Open orders")
    amend = page.tab.get_by_role("button", name="Amend the open order")
    await expect(amend).to_have_count(1)  # the other two are held
    await amend.click()
    await expect(page.tab.locator("#amended-entryPrice")).to_have_value("142")
    await page.fill(**{"amended-entryPrice": "140"})
    await page.tab.get_by_role("button", name="Amend the order").click()
    await expect(page.tab.locator(".open-order").first).to_contain_text("entry: at 140 USDC for 1 SOL, or less")


async def test_all_orders_are_cancelled_after_a_second_click(watching: None, page: TradingPage, engine: Engine) -> None:
    for price in ("160", "170", "180"):
        await engine.place(orderType="limit", limitPrice=price)
    await page.show("Open orders")
    await page.tab.get_by_role("button", name="Cancel all …").click()
    await expect(page.tab.locator(".panel.open")).to_contain_text("market orders that have not started")
    assert await page.accessibility_violations() == []
    await page.tab.get_by_role("button", name="Cancel all orders").click()
    await expect(page.announcement).to_have_text("3 orders are cancelled.")
    await expect(page.tab.locator(".open-order")).to_have_count(0)
    await expect(page.tab.locator(".order.cancelled")).to_have_count(3)


async def test_an_order_of_the_history_fills_in_the_form_again(
    watching: None, page: TradingPage, engine: Engine
) -> None:
    placed = await engine.place(
        orderType="take_profit", tokenIn="RAY", tokenOut="SOL", amount="40", trigger={"price": "0.05"}, slippageBps=250
    )
    await engine.http.post(f"/api/orders/{placed['orderId']}/cancel")
    row = page.order(placed["orderId"])
    await expect(row).to_have_attribute("data-status", "cancelled")
    await page.open_details(row)
    await row.get_by_role("button", name="Place again").click()
    await expect(page.tab.get_by_label("You pay")).to_be_focused()
    await expect(page.tab.get_by_role("button", name="Token to pay: RAY")).to_be_visible()
    await page.place_waiting("take-profit")
    orders = (await engine.http.get("/api/orders")).json()["orders"]
    same = ("orderType", "tokenIn", "tokenOut", "amount", "trigger", "slippageBps", "limitPrice")
    first, second = ({name: order[name] for name in same} for order in orders)
    for order in (first, second):
        del order["trigger"]["distanceBps"]
    assert first == second
