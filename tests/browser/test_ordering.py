"""Placing orders on the page, and watching what becomes of them."""

import asyncio
import re
from typing import Any

from playwright.async_api import Route, expect

from tests.browser.conftest import SitDown
from tests.browser.desk import Desk
from tests.engine import HAPPY, Engine, eventually


async def test_an_order_is_watched_from_the_ticket_to_its_confirmation(desk: Desk, engine: Engine) -> None:
    await expect(desk.page.locator(".orders")).to_contain_text("No orders yet")
    await desk.send()
    (order_id,) = await desk.ids()
    row = desk.order(order_id)
    await expect(row).to_have_attribute("data-status", "confirmed")
    order = await engine.order(order_id)
    venue = order["dex"].capitalize()
    await expect(row).to_contain_text(f"1.5 SOL → {order['amountOut']} USDC")
    await expect(row).to_contain_text(f"on {venue}")

    opened = await desk.unfold(row)
    await desk.has_log(row, HAPPY)
    await expect(opened).to_contain_text(order["txHash"])
    await expect(opened).to_contain_text(f"{order['executedPrice']} USDC for 1 SOL")
    (loser,) = (quote for quote in order["events"][2]["quotes"] if not quote["won"])
    await expect(opened.locator(".why")).to_contain_text(f"{venue} won with the best net outcome: ")
    await expect(opened.locator(".why")).to_contain_text(f"({loser['reason']})")
    await expect(opened.locator(".comparison")).to_contain_text(loser["amountOut"])
    assert await opened.locator(".chart tbody th").all_inner_texts() == HAPPY[:-1]


async def test_every_step_is_shown_as_it_happens(desk: Desk, engine: Engine) -> None:
    """The row goes through the very statuses, in the very order, of the order's log."""
    await desk.page.evaluate(
        """() => { window.seen = []; new MutationObserver(() => {
            const status = document.querySelector('.order')?.dataset.status;
            if (status && window.seen.at(-1) !== status) window.seen.push(status);
        }).observe(document.body, {subtree: true, childList: true, attributes: true}); }"""
    )
    await desk.send()
    await expect(desk.orders).to_have_attribute("data-status", "confirmed")
    seen: list[str] = await desk.page.evaluate("window.seen")
    # A step of a millisecond passes between two frames; those that take time are seen.
    assert [status for status in HAPPY if status in seen] == seen
    assert {"routing", "submitted", "confirmed"} <= set(seen)


async def test_five_at_once(desk: Desk, engine: Engine) -> None:
    await desk.send(5)
    await expect(desk.orders).to_have_count(5)
    for row in await desk.orders.all():
        await expect(row).to_have_attribute("data-status", "confirmed")
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 5
    assert (
        len({row["idempotency_key"] for row in await engine.postgres.fetch("SELECT idempotency_key FROM orders")}) == 5
    )


async def test_an_order_placed_elsewhere_appears_by_itself(desk: Desk, engine: Engine) -> None:
    placed = [(await engine.place(clientOrderId=f"n{n}"))["orderId"] for n in range(8)]
    await expect(desk.orders).to_have_count(8)
    assert await desk.ids() == placed[::-1]
    await expect(desk.page.locator(".order.confirmed")).to_have_count(8)


async def test_an_order_whose_answer_was_lost_is_not_made_twice(desk: Desk, engine: Engine) -> None:
    lost = 0

    async def lose_the_first(route: Route) -> None:
        nonlocal lost
        if lost == 0:
            lost += 1
            await route.fetch()  # the engine takes it, and nobody hears
            await route.abort()
        else:
            await route.continue_()

    await desk.page.route("**/api/orders/execute", lose_the_first)
    await desk.send()
    assert lost == 1
    await expect(desk.orders).to_have_count(1)
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 1


async def test_the_comparison_follows_what_is_typed(desk: Desk) -> None:
    market = desk.page.locator(".market")
    await expect(market).to_contain_text(re.compile("Now best: (Raydium|Meteora)"))
    asked: list[str] = []
    desk.page.on("request", lambda request: asked.append(request.url) if "api/quotes" in request.url else None)
    await desk.page.get_by_label("You give").fill("")
    await desk.page.get_by_label("You give").press_sequentially("2000", delay=10)
    await expect(market.locator(".comparison caption")).to_have_text("What the venues would give for 2000 SOL")
    await expect(market.locator(".why")).to_contain_text(
        re.compile("(Raydium|Meteora) wins with the best net outcome: (Meteora|Raydium) offers .+ less")
    )
    await expect(market).to_contain_text("quoted")
    assert len(asked) == 1  # and not one for each key


async def test_an_answer_to_an_older_question_is_dropped(desk: Desk) -> None:
    released = asyncio.Event()

    async def hold_back(route: Route) -> None:
        answer = await route.fetch()
        await released.wait()
        await route.fulfill(response=answer)

    caption = desk.page.locator(".comparison caption")
    await expect(caption).to_contain_text("1.5 SOL")
    await desk.page.route("**/api/quotes?*amount=7&*", hold_back)
    await desk.page.route("**/api/quotes?*amount=7", hold_back)
    async with desk.page.expect_request("**/api/quotes?*amount=7*"):
        await desk.page.get_by_label("You give").fill("7")
    await desk.page.get_by_label("You give").fill("8")
    await expect(caption).to_contain_text("8 SOL")
    await desk.page.evaluate(
        """() => { window.shown = []; new MutationObserver(() => {
            const caption = document.querySelector('.comparison caption')?.textContent;
            if (caption && window.shown.at(-1) !== caption) window.shown.push(caption);
        }).observe(document.body, {subtree: true, childList: true, characterData: true}); }"""
    )
    released.set()
    await desk.page.unroute_all(behavior="wait")
    await desk.page.get_by_label("You give").fill("9")
    await expect(caption).to_contain_text("9 SOL")
    shown: list[str] = await desk.page.evaluate("window.shown")
    assert not [text for text in shown if " 7 SOL" in text]


async def test_what_cannot_be_ordered_is_explained_where_it_stands(desk: Desk) -> None:
    give, wrong = desk.page.get_by_label("You give"), desk.page.locator("#amount-error")
    for amount, said in (
        ("abc", "The amount must be a plain decimal number: up to 20 digits, and up to 18 after a point."),
        ("1.0000000001", "The amount is finer than the token, which has 9 decimals."),
        ("", "Say how much to swap."),
    ):
        await give.fill(amount)
        await expect(wrong).to_have_text(said)
        await expect(give).to_have_attribute("aria-invalid", "true")
    await desk.page.get_by_role("button", name="Swap SOL for USDC").click()
    await expect(give).to_be_focused()
    await give.fill("1")
    await expect(wrong).to_be_hidden()
    await desk.page.locator("#slippage").fill("101")
    await expect(desk.page.locator("#slippage-error")).to_contain_text("from 0 to 100 per cent")
    await give.fill("900000000")
    await expect(desk.page.locator(".market")).to_contain_text("No venue can do this swap")
    await expect(desk.page.locator(".market")).to_contain_text("The pool does not hold enough for this amount.")


async def test_amounts_are_exact_whatever_their_size(desk: Desk, engine: Engine) -> None:
    """18,446,744,073.709551615 has more digits than a float: each is sent and shown as it is."""
    huge = "18446744073.709551615"
    placed = await engine.place(amount=huge, clientOrderId="huge")
    row = desk.order(placed["orderId"])
    await expect(row).to_contain_text("18,446,744,073.709551615 SOL")
    sent: list[Any] = []
    desk.page.on("request", lambda one: sent.append(one.post_data_json) if one.url.endswith("/execute") else None)
    await desk.page.get_by_label("You give").fill(huge)
    await desk.send()
    assert [body["amount"] for body in sent] == [huge]


async def test_an_order_can_be_cancelled_before_it_is_sent(desk: Desk, engine: Engine) -> None:
    await desk.page.get_by_role("button", name="Pause starting").click()
    await expect(desk.page.locator(".banner")).to_contain_text("Starting is paused")
    await desk.send()
    await expect(desk.orders.first).to_contain_text("starting is paused")
    await desk.page.get_by_role("button", name="Cancel the order").click()
    await expect(desk.orders.first).to_have_attribute("data-status", "cancelled")
    await expect(desk.page.get_by_role("button", name="Cancel the order")).to_have_count(0)
    await desk.page.get_by_role("button", name="Start orders again").click()
    await desk.send()
    await expect(desk.page.locator(".order.confirmed")).to_have_count(1)


async def test_a_failing_order_shows_its_tries_its_waits_and_what_to_do(desk: Desk, engine: Engine) -> None:
    await engine.http.post("/test/dlq")
    row = desk.orders.first
    await expect(row).to_contain_text(re.compile("venue unavailable; again in|venue unavailable; in line again"))
    await expect(row).to_have_attribute("data-status", "failed")
    await expect(row).to_contain_text("venue unavailable, after 3 tries")
    opened = await desk.unfold(row)
    await expect(opened).to_contain_text("Place it again when one is back.")
    assert await opened.locator(".chart tbody th").all_inner_texts() == [
        *("pending", "routing", "waiting to try again", "routing try 2", "waiting to try again", "routing try 3"),
    ]


async def test_the_history_is_filtered_and_paged_without_a_gap(desk: Desk, engine: Engine, sits_down: SitDown) -> None:
    placed = []
    for n in range(60):
        pair: dict[str, Any] = {"tokenIn": "USDC", "tokenOut": "SOL", "amount": 10} if n % 2 == 0 else {}
        placed.append((await engine.place(**pair))["orderId"])
    async with sits_down(engine.base_url) as fresh:
        await fresh.open()
        await expect(fresh.orders).to_have_count(15)
        for shown in (30, 45, 60):
            await fresh.page.get_by_role("button", name="Show older orders").click()
            await expect(fresh.orders).to_have_count(shown)
        await expect(fresh.page.get_by_role("button", name="Show older orders")).to_have_count(0)
        assert await fresh.ids() == placed[::-1]
        await fresh.page.get_by_label("Token given").select_option("USDC")
        await fresh.page.get_by_role("button", name="Show older orders").click()
        await expect(fresh.orders).to_have_count(30)
        assert await fresh.ids() == placed[::2][::-1]
        await engine.place()
        mine = await engine.place(tokenIn="USDC", tokenOut="SOL", amount=20)
        await expect(fresh.orders.first).to_contain_text("20 USDC")
        assert (await fresh.ids())[0] == mine["orderId"]
        await fresh.page.get_by_label("Status").select_option("failed")
        await expect(fresh.page.locator(".orders")).to_contain_text("No order is like that.")
        await fresh.page.get_by_role("button", name="Clear").click()
        await expect(fresh.orders).to_have_count(15)
    async with sits_down(engine.base_url) as fresh:
        # What a filter has brought from far below does not stand beside what was read from the top.
        await fresh.open()
        await fresh.page.get_by_label("Token given").select_option("USDC")
        await fresh.page.get_by_role("button", name="Show older orders").click()
        await expect(fresh.orders).to_have_count(30)
        await fresh.page.get_by_role("button", name="Clear").click()
        for shown in (30, 45):
            await fresh.page.get_by_role("button", name="Show older orders").click()
            await expect(fresh.orders).to_have_count(shown)
        assert (await fresh.ids())[2:] == placed[::-1][:43]


async def test_all_of_it_is_gone_through_without_a_mouse(desk: Desk, engine: Engine) -> None:
    keys = desk.page.keyboard
    for _ in range(20):
        await keys.press("Tab")
        if await desk.page.evaluate("document.activeElement.id") == "amount":
            break
    await keys.press("ControlOrMeta+a")
    await keys.type("2.25")
    await keys.press("Tab")
    await keys.press("ArrowDown")  # the next token of the list
    await keys.press("ArrowUp")
    await keys.press("Shift+Tab")
    await keys.press("Enter")
    await expect(desk.orders).to_have_attribute("data-status", "confirmed")
    (order_id,) = await desk.ids()
    assert (await engine.order(order_id))["amount"] == "2.25"

    async def focused() -> str:
        found: str = await desk.page.evaluate("document.activeElement.className")
        return found

    for _ in range(40):
        if await focused() == "opener":
            break
        await keys.press("Tab")
    width: str = await desk.page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert width == "2px"
    await keys.press("Enter")
    await expect(desk.page.locator(".log li")).to_have_count(5)
    await eventually(focused)
    assert await focused() == "opener"
