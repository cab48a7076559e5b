"""Dead letters and the operator's hand, on the page."""

import re

from playwright.async_api import expect

from tests.browser.desk import Desk
from tests.engine import Engine


async def test_a_dead_letter_is_shown_retried_and_acknowledged(desk: Desk, engine: Engine) -> None:
    letters = desk.page.locator(".letters")
    await expect(letters).to_contain_text("No order has failed that nobody has looked at.")
    await letters.get_by_role("button", name="Rehearse a failure").click()
    await expect(desk.orders).to_have_attribute("data-status", "failed")
    letter = letters.locator(".letter")
    await expect(letter).to_contain_text("venue unavailable after 3 tries")
    (first,) = await desk.ids()
    await letter.get_by_role("button", name="Retry").click()
    await expect(desk.orders).to_have_count(2)
    again = (await desk.ids())[0]
    assert (await engine.order(again))["retryOf"] == first
    await expect(desk.page.locator(".order.failed")).to_have_count(2)
    await expect(letters.locator(".letter")).to_have_count(2)
    opened = await desk.unfold(desk.order(again))
    await expect(opened).to_contain_text(first)

    await letters.get_by_role("button", name="Acknowledge all …").click()
    await expect(letters).to_contain_text("Nothing is deleted")
    await letters.get_by_role("button", name="Acknowledge all 2").click()
    await expect(desk.told).to_have_text("2 acknowledged.")
    await expect(letters.locator(".letter")).to_have_count(0)
    await expect(desk.orders).to_have_count(2)  # their history is kept


async def test_the_gauges_and_plots_say_what_the_api_says(desk: Desk, engine: Engine) -> None:
    await desk.send(5)
    await expect(desk.page.locator(".order.confirmed")).to_have_count(5)
    gauges = desk.page.locator(".gauge")
    await expect(gauges.nth(2)).to_contain_text("95 of 100")
    await expect(gauges.nth(1)).to_contain_text("0 of 10")
    await expect(desk.page.locator(".plot").first).to_contain_text("1")  # five in five minutes
    await expect(desk.page.locator(".plot").nth(1)).to_contain_text("p99")
    # Two samples make a line; a reload keeps them.
    line, drawn = desk.page.locator(".plot .line").first, re.compile("^M.+L")
    await expect(line).to_have_attribute("d", drawn)
    await desk.page.reload()
    await expect(line).to_have_attribute("d", drawn, timeout=1_500)
