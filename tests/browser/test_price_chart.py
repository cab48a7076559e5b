"""The chart of a pair's price: its past comes from the engine, and it says in words what it draws."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.trading_page import TradingPage
from tests.engine import SELL_SOL, Engine

INK = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let drawn = 0;
  for (let n = 3; n < data.length; n += 4) if (data[n]) drawn += 1;
  return drawn;
}"""


async def past(engine: Engine, *, minutes: int) -> None:
    """Prices from before the page was opened: each minute one dollar more, up to 150."""
    newest = datetime.now(UTC).replace(second=0, microsecond=0)
    for n in range(minutes):
        mids = f'{{"meteora":"{150 - n}","raydium":"{150.5 - n}"}}'
        await engine.postgres.execute(
            "INSERT INTO price_samples VALUES ($1, 'SOL-USDC', $2)", newest - timedelta(minutes=n + 1), mids
        )


@pytest.mark.usefixtures("watching")
async def test_a_fresh_tab_shows_past_prices_open_orders_and_fills(engine: Engine, open_page: OpenPage) -> None:
    await past(engine, minutes=50)
    assert (await engine.read_stream((await engine.place())["orderId"])).statuses[-1] == "confirmed"
    stop: dict[str, Any] = SELL_SOL | {"orderType": "stop", "trigger": {"price": "140", "when": "below"}}
    await engine.place(**stop)
    async with open_page(engine.base_url) as page:
        await page.open()
        summary = page.tab.locator("#price-summary")
        await expect(summary).to_contain_text(re.compile(r"Last hour: low 101, high 1\d\d(\.\d+)? USDC, \+\d+\.\d\d %"))
        await expect(summary).to_contain_text("1 open order: stop 140.")
        await expect(summary).to_contain_text("1 fill of yours")
        canvas = page.tab.locator(".price-plot canvas")
        await expect(canvas).to_have_count(1)
        assert await canvas.evaluate(INK) > 1000
        await page.tab.get_by_role("button", name="15 min").click()
        await expect(summary).to_contain_text(re.compile("Last 15 minutes: low 13[5-8]"))
        await page.tab.reload()
        await expect(summary).to_contain_text("Last 15 minutes")  # the choice is kept
        assert await page.accessibility_violations() == []
        await page.tab.emulate_media(color_scheme="dark")
        await expect(canvas).to_have_count(1)
        assert await page.accessibility_violations() == []


async def test_the_points_are_read_with_the_keys(engine: Engine, page: TradingPage) -> None:
    await past(engine, minutes=5)
    await page.tab.reload()
    plot = page.tab.get_by_role("slider", name="Price of SOL in USDC")
    await expect(page.tab.locator("#price-summary")).to_contain_text("low 146")
    await plot.focus()
    await plot.press("Home")
    await expect(plot).to_have_attribute("aria-valuetext", re.compile("Meteora 146  Raydium 146.5$"))
    await plot.press("ArrowRight")
    await expect(plot).to_have_attribute("aria-valuetext", re.compile("Meteora 147  Raydium 147.5$"))
    await expect(page.tab.locator(".reading")).to_contain_text("Meteora 147")
    await plot.press("Escape")
    await expect(plot).not_to_have_attribute("aria-valuetext", re.compile("Meteora 147"))


async def test_the_chart_follows_the_pair_in_its_direction_and_the_price_while_it_moves(page: TradingPage) -> None:
    summary = page.tab.locator("#price-summary")
    await page.set_market("150")
    await expect(summary).to_contain_text("high 150")
    await page.tab.get_by_title("Turn the price around").click()
    await expect(summary).to_contain_text("SOL")
    await expect(page.tab.get_by_role("slider", name="Price of USDC in SOL")).to_have_count(1)
    await expect(page.tab.locator(".reading")).to_contain_text("Raydium 0.006666667")


async def test_candles_are_drawn_said_in_words_and_read_with_the_keys(engine: Engine, open_page: OpenPage) -> None:
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    for minute, price in enumerate((150, 158, 144, 152)):  # one candle of ten minutes, then another
        mids = f'{{"meteora":"{price - 1}","raydium":"{price + 1}"}}'
        for at in (minute, minute + 10):
            await engine.postgres.execute(
                "INSERT INTO price_samples VALUES ($1, 'SOL-USDC', $2)", hour + timedelta(minutes=at), mids
            )
    async with open_page(engine.base_url) as page:
        await page.open()
        await page.set_market("150")
        summary, canvas = page.tab.locator("#price-summary"), page.tab.locator(".price-plot canvas")
        await page.tab.get_by_role("button", name="6 h").click()
        await expect(summary).to_contain_text("low 143, high 159")
        toggle = page.tab.get_by_role("button", name="Candles")
        await toggle.click()
        await expect(summary).to_contain_text("low 145, high 159")
        await expect(summary).to_contain_text("A candle every 10 minutes, from the better venue's price every minute.")
        plot = page.tab.get_by_role("slider", name="Price of SOL in USDC")
        await plot.press("Home")
        candle = re.compile(r":00:00  open 151  high 159  low 145  close 153$")
        await expect(plot).to_have_attribute("aria-valuetext", candle)
        await expect(canvas).to_have_count(1)
        assert await canvas.evaluate(INK) > 1000
        assert await page.accessibility_violations() == []
        await page.tab.get_by_role("button", name="Reverse the swap").click()  # who buys pays the lower price
        await expect(summary).to_contain_text("low 143, high 157")
        await page.tab.reload()
        await expect(toggle).to_have_attribute("aria-pressed", "true")  # the choice is kept
        await toggle.click()
        await expect(summary).not_to_contain_text("candle")
