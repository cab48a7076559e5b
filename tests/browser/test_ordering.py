"""Placing orders on the page and watching their progress."""

import asyncio
import re
from typing import Any

from playwright.async_api import Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.trading_page import TradingPage
from tests.engine import HAPPY, Engine, running_engine


async def test_an_order_is_shown_from_the_form_to_its_confirmation(page: TradingPage, engine: Engine) -> None:
    await expect(page.tab.locator(".orders")).to_contain_text("No orders yet")
    await page.place()
    (order_id,) = await page.ids()
    row = page.order(order_id)
    await expect(row).to_have_attribute("data-status", "confirmed")
    order = await engine.order(order_id)
    venue = order["dex"].capitalize()
    await expect(row).to_contain_text(f"1.5 SOL → {order['amountOut']} USDC")
    await expect(row).to_contain_text(f"on {venue}")

    details = await page.open_details(row)
    await page.expect_log(row, HAPPY)
    await expect(details).to_contain_text(order["txHash"])
    await expect(details).to_contain_text(f"{order['executedPrice']} USDC for 1 SOL")
    (loser,) = (quote for quote in order["events"][2]["quotes"] if not quote["won"])
    await expect(details.locator(".explanation")).to_contain_text(f"{venue} had the best net price")
    await expect(details.locator(".explanation")).to_contain_text(f"({loser['reason']})")
    await expect(details.locator(".comparison")).to_contain_text(loser["amountOut"])
    assert await details.locator(".timings tbody th").all_inner_texts() == HAPPY[:-1]


async def test_a_tiny_price_is_shown_with_the_digits_that_arrived(page: TradingPage) -> None:
    """JavaScript itself would show it as 1.5e-7."""
    prices = ["0.00000015", "0.000000123456789012", "149.622015", "150"]
    shown: list[str] = await page.tab.evaluate(
        """async (text) => {
            const { plainDecimal } = await import("/web/money.js");
            return JSON.parse(text).map(plainDecimal);
        }""",
        f"[{','.join(prices)}]",
    )
    assert shown == prices


async def test_the_minimum_is_rounded_as_the_engine_does(page: TradingPage) -> None:
    shown: list[str] = await page.tab.evaluate(
        """async () => {
            const { minAmountOut } = await import("/web/money.js");
            return [minAmountOut("7", 50, 0), minAmountOut("100001", 1, 0), minAmountOut("1", 10000, 0)];
        }"""
    )
    assert shown == ["7", "99990", "0"]


async def test_every_step_is_shown_as_it_happens(
    postgres_dsn: str, redis_dsn: str, primed_queue: None, open_page: OpenPage
) -> None:
    """The row shows the statuses in the order of the event log. A swap takes two seconds, as by default."""
    async with (
        running_engine(postgres_dsn, redis_dsn, mock_execution_ms_min=2000, mock_execution_ms_max=2000) as engine,
        open_page(engine.base_url) as page,
    ):
        await engine.start_worker()
        await page.open()
        await page.wait_until_live()
        await page.tab.evaluate(
            """() => { window.seen = []; new MutationObserver(() => {
                const status = document.querySelector('.order')?.dataset.status;
                if (status && window.seen.at(-1) !== status) window.seen.push(status);
            }).observe(document.body, {subtree: true, childList: true, attributes: true}); }"""
        )
        await page.place()
        await expect(page.orders).to_have_attribute("data-status", "confirmed")
        seen: list[str] = await page.tab.evaluate("window.seen")
    assert [status for status in HAPPY if status in seen] == seen  # a short step can fall between two frames
    assert {"submitted", "confirmed"} <= set(seen)


async def test_an_order_placed_elsewhere_appears_by_itself(page: TradingPage, engine: Engine) -> None:
    placed = [(await engine.place(clientOrderId=f"n{n}"))["orderId"] for n in range(8)]
    await expect(page.orders).to_have_count(8)
    assert await page.ids() == placed[::-1]
    await expect(page.tab.locator(".order.confirmed")).to_have_count(8)


async def test_an_order_whose_response_is_lost_is_placed_once(page: TradingPage, engine: Engine) -> None:
    dropped = 0

    async def drop_first_response(route: Route) -> None:
        nonlocal dropped
        if dropped == 0:
            dropped += 1
            await route.fetch()  # the engine accepts the order; the page gets no response
            await route.abort()
        else:
            await route.continue_()

    await page.tab.route("**/api/orders/execute", drop_first_response)
    await page.place()
    assert dropped == 1
    await expect(page.orders).to_have_count(1)
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 1


async def test_the_comparison_follows_the_typed_amount(page: TradingPage) -> None:
    quotes = page.tab.locator(".quotes")
    await expect(quotes).to_contain_text(re.compile("Best price: (Raydium|Meteora)"))
    requests: list[str] = []
    page.tab.on("request", lambda request: requests.append(request.url) if "api/quotes" in request.url else None)
    await page.tab.get_by_label("You pay").fill("")
    await page.tab.get_by_label("You pay").press_sequentially("2000", delay=10)
    await expect(quotes.locator(".comparison caption")).to_have_text("Quotes for 2000 SOL")
    await expect(quotes.locator(".explanation")).to_contain_text(
        re.compile("(Raydium|Meteora) has the best net price: (Meteora|Raydium) offers .+ less")
    )
    await expect(quotes).to_contain_text("quoted")
    assert len(requests) == 1  # not one per keystroke


async def test_a_late_quote_for_an_earlier_amount_is_dropped(page: TradingPage) -> None:
    release = asyncio.Event()

    async def hold_back(route: Route) -> None:
        answer = await route.fetch()
        await release.wait()
        await route.fulfill(response=answer)

    caption = page.tab.locator(".comparison caption")
    await expect(caption).to_contain_text("1.5 SOL")
    await page.tab.route("**/api/quotes?*amount=7&*", hold_back)
    await page.tab.route("**/api/quotes?*amount=7", hold_back)
    async with page.tab.expect_request("**/api/quotes?*amount=7*"):
        await page.tab.get_by_label("You pay").fill("7")
    await page.tab.get_by_label("You pay").fill("8")
    await expect(caption).to_contain_text("8 SOL")
    await page.tab.evaluate(
        """() => { window.shown = []; new MutationObserver(() => {
            const caption = document.querySelector('.comparison caption')?.textContent;
            if (caption && window.shown.at(-1) !== caption) window.shown.push(caption);
        }).observe(document.body, {subtree: true, childList: true, characterData: true}); }"""
    )
    release.set()
    await page.tab.unroute_all(behavior="wait")
    await page.tab.get_by_label("You pay").fill("9")
    await expect(caption).to_contain_text("9 SOL")
    shown: list[str] = await page.tab.evaluate("window.shown")
    assert not [text for text in shown if " 7 SOL" in text]


async def test_an_invalid_input_is_explained_beside_its_field(page: TradingPage) -> None:
    amount_field, error = page.tab.get_by_label("You pay"), page.tab.locator("#amount-error")
    for amount, message in (
        ("abc", re.compile("decimal number")),
        ("1.0000000001", re.compile("9 decimals")),
        ("", re.compile(r"^Enter an amount\.$")),
    ):
        await amount_field.fill(amount)
        await expect(error).to_have_text(message)
        await expect(amount_field).to_have_attribute("aria-invalid", "true")
    await page.tab.get_by_role("button", name="Swap SOL for USDC").click()
    await expect(amount_field).to_be_focused()
    await amount_field.fill("1")
    await expect(error).to_be_hidden()
    await page.tab.locator("#slippage").fill("101")
    await expect(page.tab.locator("#slippage-error")).to_contain_text("from 0 to 100 %")
    await amount_field.fill("900000000")
    await expect(page.tab.locator(".quotes")).to_contain_text("No venue can fill this swap")
    await expect(page.tab.locator(".quotes")).to_contain_text(re.compile("enough|liquidity"))


async def test_amounts_of_any_size_are_exact(page: TradingPage, engine: Engine) -> None:
    """18,446,744,073.709551615 has more digits than a float can hold. All of them are sent and shown."""
    placed = await engine.place(amount="18446744073.709551615", clientOrderId="huge")
    row = page.order(placed["orderId"])
    await expect(row).to_contain_text("18,446,744,073.709551615 SOL")
    long = "123.456789012"
    sent: list[Any] = []
    page.tab.on(
        "request", lambda request: sent.append(request.post_data_json) if request.url.endswith("/execute") else None
    )
    await page.tab.get_by_label("You pay").fill(long)
    await page.place()
    assert [body["amount"] for body in sent] == [long]


async def test_an_order_can_be_cancelled_before_it_is_sent(page: TradingPage, engine: Engine) -> None:
    await engine.hold_starts()
    await page.place()
    await engine.http.post("/api/queue/pause")
    await expect(page.tab.locator(".banner")).to_contain_text("Trading is halted")
    await expect(page.orders.first).to_contain_text("trading is halted")
    await page.tab.get_by_role("button", name="Swap SOL").click()
    await expect(page.tab.locator(".error-box")).to_contain_text("Your order was not placed")
    await page.tab.get_by_role("button", name="Cancel the order").click()
    await expect(page.orders.first).to_have_attribute("data-status", "cancelled")
    await expect(page.tab.get_by_role("button", name="Cancel the order")).to_have_count(0)
    await engine.http.post("/api/queue/resume")
    await expect(page.tab.locator(".banner")).to_have_count(0)
    await engine.release_starts()
    await page.place()
    await expect(page.tab.locator(".order.confirmed")).to_have_count(1)


async def test_a_failing_order_shows_its_attempts_its_waits_and_advice(page: TradingPage, engine: Engine) -> None:
    await engine.http.post("/test/dlq")
    row = page.orders.first
    await expect(row).to_contain_text(re.compile("venue unavailable; retry in|venue unavailable; queued again"))
    await expect(row).to_have_attribute("data-status", "failed")
    await expect(row).to_contain_text("venue unavailable, after 3 attempts")
    details = await page.open_details(row)
    await expect(details).to_contain_text("Place the order again when a venue is available.")
    assert await details.locator(".timings tbody th").all_inner_texts() == [
        *("pending", "routing", "waiting to retry", "routing attempt 2", "waiting to retry", "routing attempt 3"),
    ]
