"""Takes the README's screenshots of a busy page. `make screenshots` runs this."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.engine import running_engine

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
MAX_BYTES = 250_000

SWAPS: list[dict[str, Any]] = [
    {"tokenIn": "BONK", "tokenOut": "SOL", "amount": "2500000"},
    {"tokenIn": "USDC", "tokenOut": "JUP", "amount": "750"},
    {"tokenIn": "SOL", "tokenOut": "USDT", "amount": "12.5", "slippageBps": 30},
]
SCREENSHOTS: dict[str, dict[str, Any]] = {
    "page-light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 840}},
    "page-dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 840}},
    "page-phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 780}, "device_scale_factor": 2},
}


@pytest.mark.parametrize("name", SCREENSHOTS)
async def test_a_screenshot_for_the_readme(
    name: str, postgres_dsn: str, redis_dsn: str, primed_queue: None, open_page: OpenPage
) -> None:
    slow = {"mock_quote_ms": 200, "mock_execution_ms_min": 2_000, "mock_execution_ms_max": 3_000}
    async with running_engine(postgres_dsn, redis_dsn, **slow) as engine:
        await engine.start_worker()
        async with open_page(engine.base_url, **SCREENSHOTS[name]) as page:
            await page.open()
            await page.wait_until_live()
            phone = "phone" in name
            await engine.http.post("/test/dlq")
            placed = [(await engine.place(**swap))["orderId"] for swap in SWAPS]
            await expect(page.tab.locator(".order.confirmed")).to_have_count(3)
            await expect(page.tab.locator(".order.failed")).to_have_count(1)
            await page.open_details(page.order(placed[-1]))
            await engine.place(tokenIn="RAY", tokenOut="SOL", amount=40)
            await expect(page.tab.locator(".order.confirmed")).to_have_count(4)
            await page.place()
            await expect(page.orders.first).to_have_attribute("data-status", "submitted")
            if phone:
                await page.tab.locator(".orders").scroll_into_view_if_needed()
                await page.orders.first.evaluate("row => scrollTo(0, row.closest('.orders').offsetTop - 12)")
            else:
                await page.tab.evaluate("scrollTo(0, 0)")  # the click may have scrolled
            await page.tab.mouse.move(0, 0)
            await page.tab.evaluate("document.activeElement.blur()")
            IMAGES.mkdir(exist_ok=True)
            screenshot = await page.tab.screenshot(path=IMAGES / f"{name}.png")
            assert len(screenshot) < MAX_BYTES
