"""What operators do on the page: dead letters and the engine's gauges."""

import re

from playwright.async_api import expect

from tests.browser.trading_page import TradingPage
from tests.engine import Engine


async def test_a_dead_letter_is_shown_retried_and_acknowledged(page: TradingPage, engine: Engine) -> None:
    dead_letters = page.tab.locator(".dead-letters")
    await expect(dead_letters).to_contain_text("No failed orders to acknowledge")
    await dead_letters.get_by_role("button", name="Run a failure drill").click()
    await expect(page.orders).to_have_attribute("data-status", "failed")
    letter = dead_letters.locator(".dead-letter")
    await expect(letter).to_contain_text("venue unavailable after 3 attempts")
    (first,) = await page.ids()
    await letter.get_by_role("button", name="Retry").click()
    await expect(page.orders).to_have_count(2)
    retry = (await page.ids())[0]
    assert (await engine.order(retry))["retryOf"] == first
    await expect(page.tab.locator(".order.failed")).to_have_count(2)
    await expect(dead_letters.locator(".dead-letter")).to_have_count(2)
    details = await page.open_details(page.order(retry))
    await expect(details).to_contain_text(first)

    await dead_letters.get_by_role("button", name="Acknowledge all …").click()
    await expect(dead_letters).to_contain_text("Nothing is deleted")
    await dead_letters.get_by_role("button", name="Acknowledge all 2").click()
    await expect(page.announcement).to_have_text("2 acknowledged.")
    await expect(dead_letters.locator(".dead-letter")).to_have_count(0)
    await expect(page.orders).to_have_count(2)  # acknowledged orders stay in the list


async def test_gauges_and_charts_show_the_values_of_the_api(page: TradingPage, engine: Engine) -> None:
    await page.place(5)
    await expect(page.tab.locator(".order.confirmed")).to_have_count(5)
    gauges = page.tab.locator(".gauge")
    await expect(gauges.nth(2)).to_contain_text("95 of 100")
    await expect(gauges.nth(1)).to_contain_text("0 of 10")
    await expect(page.tab.locator(".line-chart").first).to_contain_text("1")  # per minute: five orders in five minutes
    await expect(page.tab.locator(".line-chart").nth(1)).to_contain_text("p99")
    # A line needs two samples. A reload keeps them.
    line, two_points = page.tab.locator(".line-chart .line").first, re.compile("^M.+L")
    await expect(line).to_have_attribute("d", two_points)
    await page.tab.reload()
    await expect(line).to_have_attribute("d", two_points, timeout=1_500)
