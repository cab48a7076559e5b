"""The tabs with the caller's orders: search, dates, CSV, fills, portfolio; keys and notifications."""

import csv
import io
import re
from typing import Any

from playwright.async_api import Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.trading_page import TradingPage
from tests.engine import SELL_SOL, Engine, eventually

# Copies of an order, each a minute older than the one before.
HISTORY = """
INSERT INTO orders
SELECT (jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid(), 'idempotency_key', 'copy ' || n,
        'created_at', o.created_at - n * interval '1 minute', 'updated_at', o.updated_at - n * interval '1 minute'))).*
  FROM orders AS o, generate_series(1, $1) AS n
"""


async def history_of(engine: Engine, orders: int, **order: Any) -> None:
    """So many confirmed orders, of which one was placed."""
    await engine.read_stream((await engine.place(**order))["orderId"])
    await engine.postgres.execute(HISTORY, orders - 1)


async def test_five_thousand_orders_are_searched_filtered_and_exported(engine: Engine, open_page: OpenPage) -> None:
    await history_of(engine, 5_000, clientOrderId="=1+1")
    first = await engine.postgres.fetchrow(
        "SELECT id::text, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') FROM orders ORDER BY created_at LIMIT 1"
    )
    assert first
    oldest, day = first
    async with open_page(engine.base_url, timezone_id="UTC") as page:
        await page.open()
        await page.wait_until_live()
        await expect(page.orders).to_have_count(15)
        search = page.tab.get_by_label("Search your orders")
        await search.fill(oldest)
        await expect(page.orders).to_have_count(1)
        assert await page.ids() == [oldest]
        await search.fill("")
        await page.tab.get_by_label("To", exact=True).fill(day)
        of_that_day = await engine.postgres.fetchval(
            "SELECT count(*) FROM orders WHERE created_at AT TIME ZONE 'UTC' < $1::text::date + 1", day
        )
        async with page.tab.expect_download() as downloading:
            await page.tab.get_by_role("button", name="CSV").click()
        await expect(page.announcement).to_have_text(f"{of_that_day} orders are in the file.")
        await page.tab.get_by_role("button", name="Clear").click()
        async with page.tab.expect_download() as downloading:
            await page.tab.get_by_role("button", name="CSV").click()
        rows = list(csv.DictReader(io.StringIO((await (await downloading.value).path()).read_text())))
        assert len({row["orderId"] for row in rows}) == 5_000
        assert rows[-1]["orderId"] == oldest
        assert rows[0]["clientOrderId"] == "'=1+1"  # a spreadsheet must not run it
        await page.show("Portfolio")
        await expect(page.tab.locator(".portfolio")).to_contain_text("From your 5000 fills")


async def test_fills_and_what_they_add_up_to(page: TradingPage, engine: Engine) -> None:
    await page.place()
    await expect(page.orders).to_have_attribute("data-status", "confirmed")
    (order_id,) = await page.ids()
    order = await engine.order(order_id)
    await page.show("Fills")
    fill = page.tab.locator(".fill")
    await expect(fill.locator(".swap")).to_have_text(f"1.5 SOL → {order['amountOut']} USDC")
    assert await page.accessibility_violations() == []
    await engine.read_stream((await engine.place(tokenIn="USDC", tokenOut="SOL", amount="100"))["orderId"])
    await expect(fill).to_have_count(2)  # it comes by itself
    await page.show("Portfolio")
    await expect(page.tab.locator(".positions tbody th")).to_have_text(["USDC", "SOL"])
    await expect(page.tab.locator(".positions tbody tr").first).to_contain_text("+")
    assert await page.accessibility_violations() == []


async def test_no_fill_is_left_out_when_the_page_lets_old_orders_go(engine: Engine, open_page: OpenPage) -> None:
    async def keep_few(route: Route) -> None:
        answer = await route.fetch()
        text = (await answer.text()).replace("MAX_ORDERS = 2_000", "MAX_ORDERS = 45")
        await route.fulfill(response=answer, body=text.replace("KEPT_ORDERS = 400", "KEPT_ORDERS = 3"))

    async with open_page(engine.base_url) as page:
        await page.tab.route("**/web/order_store.js", keep_few)
        await page.open()
        await page.wait_until_live()
        await page.show("Fills")
        for _ in range(2):
            answer = await engine.http.post("/api/orders/batch", json={"orders": [SELL_SOL] * 30})
            for order in answer.json()["results"]:
                await engine.read_stream(order["orderId"])
        fills = page.tab.locator(".fill")
        await expect(fills).to_have_count(50)
        await page.tab.get_by_role("button", name="Show older fills").click()
        await expect(fills).to_have_count(60)


async def test_profit_is_counted_by_average_cost(page: TradingPage) -> None:
    """Two SOL are bought for 100 and 200 dollars, one and a half are sold at 200: 300 less 225. What was sold without
    having been bought here makes no profit."""
    positions: dict[str, dict[str, float]] = await page.tab.evaluate(
        """async () => {
            const { positionsOf, valued } = await import("/web/activity/profit.js");
            const buy = (amount) => ({ tokenIn: "USDC", tokenOut: "SOL", amount, amountOut: "1", valueUsd: "1" });
            const sell = { tokenIn: "SOL", tokenOut: "USDC", amount: "1.5", amountOut: "300", valueUsd: "1" };
            const prices = new Map([["SOL", 250]]);
            const positions = positionsOf([buy("100"), buy("200"), sell]);
            return Object.fromEntries(positions.map((one) => [one.token, valued(one, prices)]));
        }"""
    )
    sol = positions["SOL"]
    assert (sol["balance"], sol["realised"], sol["cost"], sol["worth"], sol["unrealised"]) == (0.5, 75, 75, 125, 50)
    assert (positions["USDC"]["balance"], positions["USDC"]["realised"]) == (0, 0)


async def test_keys_search_buy_and_move(page: TradingPage, engine: Engine) -> None:
    placed = [(await engine.place())["orderId"] for _ in range(3)][::-1]
    await expect(page.orders).to_have_count(3)
    keyboard = page.tab.keyboard
    await keyboard.press("b")
    await expect(page.tab.get_by_label("You pay")).to_be_focused()
    await keyboard.type("b")  # in a field it is a letter
    await expect(page.tab.get_by_label("You pay")).to_have_value(re.compile("b"))
    await page.tab.locator("h1").click()
    await keyboard.press("/")
    await expect(page.tab.get_by_label("Search your orders")).to_be_focused()
    rows = [page.order(one).locator(".toggle") for one in placed]
    await rows[0].focus()
    await keyboard.press("ArrowDown")
    await expect(rows[1]).to_be_focused()
    await keyboard.press("ArrowUp")
    await keyboard.press("Enter")
    await expect(page.order(placed[0]).locator(".log li")).to_have_count(5)
    await page.tab.get_by_text("Keyboard").click()
    await page.tab.get_by_label("Use the keys").uncheck()
    await keyboard.press("b")
    await expect(page.tab.get_by_label("Use the keys")).to_be_focused()
    await page.tab.get_by_role("tab", name="History").focus()
    await keyboard.press("ArrowRight")
    await expect(page.tab.get_by_role("tab", name="Fills")).to_be_focused()


async def test_a_notification_when_an_order_ends_in_the_background(engine: Engine, open_page: OpenPage) -> None:
    async with open_page(engine.base_url, permissions=["notifications"]) as page:
        await page.tab.add_init_script(
            """window.notified = []; window.background = false;
            class Stub { constructor(title, { body }) { window.notified.push(`${title}: ${body}`); }
                static permission = "granted"; static requestPermission = async () => "granted"; }
            window.Notification = Stub;
            Object.defineProperty(document, "hidden", { get: () => window.background });"""
        )
        await page.open()
        await page.wait_until_live()
        await page.tab.get_by_role("button", name="Notify me").click()
        await expect(page.tab.get_by_role("button", name="Notifications on")).to_be_visible()
        await page.place()
        await expect(page.orders).to_have_attribute("data-status", "confirmed")
        assert await page.tab.evaluate("window.notified") == []  # it was seen
        await page.tab.evaluate("window.background = true")
        placed = (await engine.place())["orderId"]
        await eventually(lambda: notified(page, 1))
        amount = (await engine.order(placed))["amountOut"]
        waiting = await engine.place(orderType="stop", trigger={"price": "100"})
        await expect(page.order(waiting["orderId"])).to_have_attribute("data-status", "open")
        path = f"/api/orders/{waiting['orderId']}"
        amended = await engine.http.patch(path, json={"trigger": {"price": "101"}}, headers={"if-match": "1"})
        assert amended.is_success
        await engine.http.post(f"{path}/cancel")
        await eventually(lambda: notified(page, 2))
        texts = [f"Order filled: 1.5 SOL → {amount} USDC", "Order cancelled: 1.5 SOL →  USDC"]
        assert await page.tab.evaluate("window.notified") == texts


async def notified(page: TradingPage, count: int) -> bool:
    return bool(await page.tab.evaluate("window.notified.length") == count)


async def test_each_event_is_told_once_whatever_is_read_first(page: TradingPage) -> None:
    """An order may have ended before the page has read it, and the answer may have events that the socket brings later.
    What is told needs the amounts, which are in no event."""
    told = await page.tab.evaluate(
        """async () => {
            const { OrderStore } = await import("/web/order_store.js");
            const event = (seq, status) => ({ orderId: "1", seq, status, attempt: 1, at: "2027-01-01T00:00:00Z" });
            const events = ["pending", "routing", "submitted", "confirmed"].map((status, n) => event(n + 1, status));
            const order = { orderId: "1", seq: 4, status: "confirmed", createdAt: "2027-01-01T00:00:00Z", events };
            const api = { get: async () => structuredClone(order) };
            const told = [];
            for (const received of [0, 1, 3, 4]) { // events that came before the order was read
                const store = new OrderStore(api, () => {});
                store.onEvent = ({ seq }, { snapshot }) => told.push(`${seq} of ${snapshot.status}`);
                events.slice(0, received).forEach((one) => store.applyEvent(one));
                await store.loadOrder("1");
                events.forEach((one) => store.applyEvent(one));
                await store.loadOrder("1");
            }
            return told;
        }"""
    )
    assert told == [f"{seq} of confirmed" for seq in (1, 2, 3, 4)] * 4
