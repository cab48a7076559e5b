"""Takes the README's screenshots of a busy page. `make screenshots` runs this."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from app.watcher.main import watcher
from tests.browser.conftest import OpenPage
from tests.engine import running_engine

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
MAX_BYTES = 250_000

SWAPS: list[dict[str, Any]] = [
    {"tokenIn": "BONK", "tokenOut": "SOL", "amount": "2500000"},
    {"tokenIn": "USDC", "tokenOut": "JUP", "amount": "750"},
    {"tokenIn": "SOL", "tokenOut": "USDT", "amount": "12.5", "slippageBps": 30},
]
DESKTOP = {"width": 1280, "height": 840}
SCREENSHOTS: dict[str, dict[str, Any]] = {
    "page-light": {"color_scheme": "light", "viewport": DESKTOP},
    "page-dark": {"color_scheme": "dark", "viewport": DESKTOP},
    "page-phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
    "console": {"color_scheme": "light", "viewport": DESKTOP},
}


@pytest.mark.parametrize("name", SCREENSHOTS)
async def test_a_screenshot_for_the_readme(
    name: str, postgres_dsn: str, redis_dsn: str, primed_queue: None, open_page: OpenPage
) -> None:
    slow = {"mock_quote_ms": 200, "mock_execution_ms_min": 2_000, "mock_execution_ms_max": 3_000}
    async with running_engine(postgres_dsn, redis_dsn, **slow) as engine, watcher(engine.settings):
        await engine.start_worker()
        async with open_page(engine.base_url, **SCREENSHOTS[name]) as page:
            await page.open(path="/console" if name == "console" else "/")
            await page.wait_until_live()
            await engine.http.post("/test/dlq")
            for swap in SWAPS:
                await engine.read_stream((await engine.place(**swap))["orderId"])
            await engine.place(orderType="take_profit", trigger={"price": "165", "when": "above"})
            await engine.place(tokenIn="RAY", tokenOut="SOL", amount=40)
            if name == "console":
                await expect(page.tab.locator(".dead-letter")).to_have_count(1)
            else:
                await expect(page.tab.locator(".order.failed")).to_have_count(1)
                await expect(page.tab.locator(".open-order")).to_have_count(1)
            if "page-" in name and name != "page-phone":
                await page.place()
                await expect(page.orders.first).to_have_attribute("data-status", "submitted")
            await page.tab.evaluate("scrollTo(0, 0)")  # the click may have scrolled
            await page.tab.mouse.move(0, 0)
            await page.tab.evaluate("document.activeElement.blur()")
            IMAGES.mkdir(exist_ok=True)
            screenshot = await page.tab.screenshot(path=IMAGES / f"{name}.png")
            assert len(screenshot) < MAX_BYTES
