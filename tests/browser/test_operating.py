"""What operators do in the console: dead letters, the kill switch, the gauges and the audit log."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.trading_page import TradingPage
from tests.engine import Engine, eventually

UNMATCHED = """
INSERT INTO lost_swaps (signature, order_id, venue, token_in, token_out, amount_in, amount_out, landed_at)
VALUES ('a-signature', 'an-order', 'raydium', 'SOL', 'USDC', 1500000000, 220000000, now())
"""

AUDIT = """
INSERT INTO audit_log (action, outcome, details, left_out)
SELECT 'refused', 'read_only_key', json_build_object($1::text, n), 0 FROM generate_series(1, $2::int) AS n
"""


async def test_a_dead_letter_is_shown_retried_and_acknowledged(console: TradingPage, engine: Engine) -> None:
    dead_letters = console.tab.locator(".dead-letters")
    letters = dead_letters.locator(".dead-letter")
    await expect(dead_letters).to_contain_text("No failed orders to acknowledge")
    await dead_letters.get_by_role("button", name="Run a failure drill").click()
    drill = await eventually(lambda: engine.postgres.fetchval("SELECT id::text FROM orders"))
    await engine.read_stream(drill)
    await console.come_back()
    await expect(letters).to_contain_text("venue unavailable after 3 attempts")
    first = await letters.get_attribute("data-order")
    await letters.get_by_role("button", name="Retry").click()
    await expect(console.announcement).to_have_text("The order is retried as a new order.")
    await expect(letters).to_have_count(2)
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders WHERE retry_of = $1", first) == 1

    await dead_letters.get_by_role("button", name="Acknowledge all …").click()
    await expect(dead_letters).to_contain_text("Nothing is deleted")
    await dead_letters.get_by_role("button", name="Acknowledge all 2").click()
    await expect(console.announcement).to_have_text("2 acknowledged.")
    await expect(letters).to_have_count(0)


async def test_no_retry_is_offered_for_what_no_retry_can_cure(console: TradingPage, engine: Engine) -> None:
    """The pools would not hold enough for it the next time either."""
    await engine.read_stream((await engine.place(amount="900000000"))["orderId"])
    await console.come_back()
    letter = console.tab.locator(".dead-letter")
    await expect(letter).to_contain_text(re.compile("liquidity|impact"))
    await expect(letter.get_by_role("button")).to_have_count(0)


async def test_gauges_and_charts_show_the_values_of_the_api(console: TradingPage, engine: Engine) -> None:
    await console.tab.get_by_role("button", name="Send 5 at once").click()
    await expect(console.announcement).to_have_text("5 of 5 orders are accepted.")
    await eventually(lambda: engine.postgres.fetchval("SELECT count(*) = 5 FROM orders WHERE status = 'confirmed'"))
    gauges = console.tab.locator(".gauge")
    await expect(gauges.nth(2)).to_contain_text("95 of 100")
    await expect(gauges.nth(1)).to_contain_text("0 of 10")
    await expect(console.tab.locator(".engine")).to_contain_text("none: orders that wait do not fire")  # no watcher


async def test_a_fresh_tab_shows_the_last_hour_of_the_engine(console: TradingPage, engine: Engine) -> None:
    await engine.postgres.execute(
        "INSERT INTO queue_samples (at, waiting, running, workers, confirmed, p50_ms, p99_ms)"
        "  SELECT date_bin('10 s', now(), 'epoch') - n * interval '10 s', n, 3, 1, 42, 900, 1900"
        "    FROM generate_series(1, 350) AS n ON CONFLICT DO NOTHING"
    )
    await console.tab.reload()
    charts = console.tab.locator(".line-chart")
    await expect(charts).to_contain_text([re.compile("In the queue.*running"), "Confirmed per minute", "p99"])
    line = await charts.nth(0).locator("path.line").first.get_attribute("d")
    assert line is not None
    assert line.count("L") > 300


async def test_trading_is_halted_with_a_reason_and_released(console: TradingPage, engine: Engine) -> None:
    switch = console.tab.locator(".kill-switch")
    await switch.get_by_label("Reason").fill("Prices are wrong.")
    await switch.get_by_role("button", name="Halt trading").click()
    await expect(switch).to_contain_text("halted for everybody")
    await expect(switch).to_contain_text("Prices are wrong.")
    await expect(console.tab.locator(".banner")).to_contain_text("Trading is halted")
    await switch.get_by_role("button", name="Resume trading").click()
    await expect(console.announcement).to_have_text("Trading goes on.")
    await switch.get_by_label("Only this owner").fill("locl")
    await switch.get_by_role("button", name="Refuse new orders").click()
    await expect(switch.get_by_role("alert")).to_contain_text("has no API key and no order")
    await switch.get_by_label("Only this owner").fill("local")
    await switch.get_by_role("button", name="Refuse new orders").click()
    await expect(switch.locator(".owner")).to_contain_text("local reducing")
    await switch.get_by_role("button", name="Release local").click()
    await expect(switch.locator(".owner")).to_have_count(0)
    await console.come_back()
    await expect(console.tab.locator(".audit-entry").first).to_contain_text("kill_switch.set")


async def test_it_says_that_the_kill_switch_cannot_be_read(console: TradingPage) -> None:
    problem = {"code": "too_many_reads", "detail": "You may send at most 1200 reads per minute."}
    await console.tab.route("**/api/kill-switch", lambda route: route.fulfill(status=429, json=problem))
    await expect(console.tab.locator(".kill-switch").get_by_role("alert")).to_contain_text(problem["detail"])
    await console.tab.reload()
    await expect(console.tab.locator("#page")).to_contain_text(problem["detail"])
    console.console_errors.clear()  # Chromium logs each of these answers


@pytest.mark.parametrize("many", [30, 300])
async def test_the_audit_log_leaves_nothing_out_however_many_entries_come_at_once(
    console: TradingPage, engine: Engine, many: int
) -> None:
    """More than a page between two looks: somebody's refusals must not hide what an operator did."""
    audit = console.tab.locator(".audit")
    entries, older = audit.locator(".audit-entry"), audit.get_by_role("button", name="Show older entries")

    async def show_all() -> None:
        while await older.count():
            shown = await entries.count()
            await older.click()
            await expect(entries).not_to_have_count(shown)

    await engine.postgres.execute(AUDIT, "before", 1)
    await console.come_back()
    await expect(entries).to_have_count(1)
    await engine.postgres.execute(AUDIT, "meanwhile", many)
    await console.come_back()
    await expect(entries.first).to_contain_text(f"meanwhile {many}")
    await show_all()
    await expect(entries).to_have_count(1 + many)
    if many > 200:
        await engine.postgres.execute(AUDIT, "later", 210)
        await console.come_back()
        await expect(entries).to_have_count(500)
        await show_all()
        await expect(entries).to_have_count(1 + many + 210)


async def test_a_swap_that_fills_no_order_is_shown(console: TradingPage, engine: Engine) -> None:
    chain = console.tab.locator(".reconciliation")
    await expect(chain).to_contain_text("Every swap on the chain belongs to an order")
    await engine.postgres.execute(UNMATCHED)
    await console.come_back()
    await expect(chain).to_contain_text("filled no order")
    await expect(chain.locator(".lost-swap")).to_contain_text("1.5 SOL → 220 USDC")


async def test_the_two_pages_link_to_each_other(page: TradingPage, open_page: OpenPage) -> None:
    await page.tab.get_by_role("link", name="Console").click()
    await expect(page.tab.locator(".gauge")).to_have_count(3)
    await expect(page.tab.locator(".order-form")).to_have_count(0)
    await page.tab.get_by_role("link", name="Trade").first.click()
    await expect(page.tab.locator(".order-form")).to_be_visible()
    await expect(page.tab.locator(".dead-letters, .gauge")).to_have_count(0)
