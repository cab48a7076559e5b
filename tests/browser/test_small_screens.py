"""Phones, and a page that is zoomed: the ticket fits the screen, and nothing is cut off."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import HERE, OpenPage
from tests.engine import Engine

ORDER_TYPES = ("market", "limit", "stop", "take_profit", "trailing_stop", "oco", "bracket", "dca", "sniper")
FAULTS = (HERE / "layout_faults.js").read_text()


async def test_the_ticket_of_every_type_fits_a_phone(engine: Engine, open_page: OpenPage) -> None:
    async with open_page(engine.base_url, viewport={"width": 390, "height": 844}, has_touch=True) as page:
        await page.open()
        await page.wait_until_live()
        await expect(page.tab.locator(".quotes .minimum")).to_be_visible()
        for order_type in ORDER_TYPES:
            await page.choose(order_type)
            bottom: float = await page.tab.locator(".submit").evaluate(
                "one => one.getBoundingClientRect().bottom + scrollY"
            )
            assert bottom <= 844, order_type
            assert await page.tab.evaluate(FAULTS) == [], order_type


# At 200 % a window of 1280 by 1024 has 640 by 512 CSS pixels.
@pytest.mark.parametrize("size", [(320, 640), (640, 512), (1280, 900)])
async def test_nothing_is_cut_off(engine: Engine, open_page: OpenPage, size: tuple[int, int]) -> None:
    """With a swap over two hops, whose amounts are long, and an order with its details open."""
    placed = (await engine.place(tokenIn="BONK", tokenOut="JUP", amount="12345678.12345"))["orderId"]
    async with open_page(engine.base_url, viewport={"width": size[0], "height": size[1]}) as page:
        await page.open()
        await page.wait_until_live()
        await page.choose_token("Token to pay", "BONK")
        await page.choose_token("Token to receive", "JUP")
        await page.fill(amount="12345678.12345")
        await page.tab.locator(".quotes summary").click()
        await expect(page.tab.locator(".quotes .comparison")).to_contain_text("BONK → ")
        assert await page.tab.evaluate(FAULTS) == []
        await expect(page.order(placed)).to_have_attribute("data-status", "confirmed")
        await page.open_details(page.order(placed))
        await expect(page.order(placed).locator(".log li")).to_have_count(5)
        assert await page.tab.evaluate(FAULTS) == []
        assert await page.accessibility_violations() == []
