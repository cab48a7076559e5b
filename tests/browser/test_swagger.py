"""Swagger UI at /docs, under a policy that allows nothing inline."""

from playwright.async_api import Locator, expect

from tests.browser.conftest import OpenPage
from tests.engine import Engine

SLOW = 60_000  # a large script that draws a large document


async def test_the_id_of_an_order_placed_in_the_docs_is_filled_into_the_other_operations(
    engine: Engine, open_page: OpenPage
) -> None:
    async with open_page(engine.base_url) as page:
        tab = page.tab
        status = ".live-responses-table .response .response-col_status"
        tab.set_default_timeout(SLOW)
        await tab.goto(f"{engine.base_url}/docs")

        def operation(method: str, path: str) -> Locator:
            named = tab.locator(f'[data-path="{path}"]')
            return tab.locator(f".opblock-{method}").filter(has=named).first

        async def opened(method: str, path: str) -> Locator:
            block = operation(method, path)
            await block.locator(".opblock-summary-control").first.dispatch_event("click")
            return block

        placing = await opened("post", "/api/orders/execute")
        await expect(placing.get_by_role("button", name="Execute", exact=True)).to_have_count(0)  # closed at first
        await placing.get_by_role("button", name="Try it out").dispatch_event("click")
        await placing.get_by_role("button", name="Execute", exact=True).dispatch_event("click")
        await expect(placing.locator(status)).to_contain_text("202", timeout=SLOW)
        (order,) = await engine.postgres.fetch("SELECT id::text FROM orders")
        reading = await opened("get", "/api/orders/{order_id}")
        await reading.get_by_role("button", name="Try it out").dispatch_event("click")
        await expect(reading.locator('[data-param-name="order_id"] input')).to_have_value(order["id"], timeout=SLOW)
        await reading.get_by_role("button", name="Execute", exact=True).dispatch_event("click")
        await expect(reading.locator(status)).to_contain_text("200", timeout=SLOW)
