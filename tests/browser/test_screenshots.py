"""The pictures of the README, taken of a page at work: `make screenshots` writes them anew."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import SitDown
from tests.engine import running_engine

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
LARGEST = 200_000

SWAPS: list[dict[str, Any]] = [
    {"tokenIn": "BONK", "tokenOut": "SOL", "amount": "2500000"},
    {"tokenIn": "USDC", "tokenOut": "JUP", "amount": "750"},
    {"tokenIn": "SOL", "tokenOut": "USDT", "amount": "12.5", "slippageBps": 30},
]
PICTURES: dict[str, dict[str, Any]] = {
    "page-light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 840}},
    "page-dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 840}},
    "page-phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 780}, "device_scale_factor": 2},
}


@pytest.mark.parametrize("name", PICTURES)
async def test_a_picture_for_the_readme(
    name: str, postgres_dsn: str, redis_dsn: str, primed_queue: None, sits_down: SitDown
) -> None:
    slow = {"mock_quote_ms": 200, "mock_execution_ms_min": 2_000, "mock_execution_ms_max": 3_000}
    async with running_engine(postgres_dsn, redis_dsn, **slow) as engine:
        await engine.start_worker()
        async with sits_down(engine.base_url, **PICTURES[name]) as desk:
            await desk.open()
            await desk.live()
            phone = "phone" in name
            await engine.http.post("/test/dlq")
            placed = [(await engine.place(**swap))["orderId"] for swap in SWAPS]
            await expect(desk.page.locator(".order.confirmed")).to_have_count(3)
            await expect(desk.page.locator(".order.failed")).to_have_count(1)
            await desk.unfold(desk.order(placed[-1]))
            await engine.place(tokenIn="RAY", tokenOut="SOL", amount=40)
            await expect(desk.page.locator(".order.confirmed")).to_have_count(4)
            await desk.send(1 if phone else 5)
            await expect(desk.orders.first).to_have_attribute("data-status", "submitted")
            if phone:
                await desk.page.locator(".orders").scroll_into_view_if_needed()
                await desk.orders.first.evaluate("row => scrollTo(0, row.closest('.orders').offsetTop - 12)")
            await desk.page.mouse.move(0, 0)
            await desk.page.evaluate("document.activeElement.blur()")
            IMAGES.mkdir(exist_ok=True)
            picture = await desk.page.screenshot(path=IMAGES / f"{name}.png")
            assert len(picture) < LARGEST
