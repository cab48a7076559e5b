"""A page that receives 200 events a second draws them, and keeps the browser's main thread free for its user."""

import asyncio
import json
import time
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import DELAYS, OpenPage
from tests.engine import SELL_SOL, running_engine

PER_BATCH, BATCHES_PER_SECOND = 8, 5  # of orders with five events each: 200 events a second
LONGEST_TASK_MS = 100
BUSY = {"queue_max_per_min": 0, "worker_concurrency": 50, **DELAYS}


def tasks_of_the_main_thread(trace: bytes) -> list[float]:
    """The CPU time of each, in ms: the time on the clock would depend on what else the machine does."""
    events: list[dict[str, Any]] = json.loads(trace)["traceEvents"]
    main = {(one["pid"], one["tid"]) for one in events if one.get("args", {}).get("name") == "CrRendererMain"}
    tasks = [one for one in events if one["name"] == "RunTask" and (one["pid"], one["tid"]) in main]
    return [one.get("tdur", 0) / 1_000 for one in tasks]


# The whole minute: make test-browser args="-m slow"
@pytest.mark.parametrize("seconds", [3, pytest.param(60, marks=pytest.mark.slow)])
async def test_two_hundred_events_a_second_leave_no_task_over_a_tenth_of_a_second(
    postgres_dsn: str,
    redis_dsn: str,
    primed_queue: None,
    open_page: OpenPage,
    browser: Browser,
    seconds: int,
) -> None:
    async with running_engine(postgres_dsn, redis_dsn, **BUSY) as engine, open_page(engine.base_url) as page:
        await engine.start_worker()
        await page.open()
        await page.wait_until_live()
        await page.show("Fills")  # its list grows with each order
        await browser.start_tracing(page=page.tab, categories=["toplevel", "disabled-by-default-devtools.timeline"])
        began = time.monotonic()
        placed: list[dict[str, Any]] = []
        for n in range(seconds * BATCHES_PER_SECOND):
            await asyncio.sleep(max(0, began + n / BATCHES_PER_SECOND - time.monotonic()))
            answer = await engine.http.post("/api/orders/batch", json={"orders": [SELL_SOL] * PER_BATCH})
            placed += answer.json()["results"]
        trace = await browser.stop_tracing()
        last = page.order(placed[-1]["orderId"])
        await expect(last).to_have_attribute("data-status", "confirmed", timeout=30_000)
        await expect(page.tab.locator(".fill").first).to_be_visible()
        assert await page.tab.locator(".fill").count() <= 50  # older ones are shown by a button
        assert await page.orders.count() <= 15
        tasks = tasks_of_the_main_thread(trace)
        assert sum(tasks) > 100, "the page had something to do"
        assert max(tasks) < LONGEST_TASK_MS
