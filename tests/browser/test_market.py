"""The price of the chosen pair on the page, and the control that moves the simulated market."""

import re
from datetime import UTC, datetime, timedelta

from playwright.async_api import expect

from tests.browser.trading_page import TradingPage
from tests.engine import Engine


async def test_the_market_is_moved_set_and_released(page: TradingPage) -> None:
    market, mids = page.tab.locator(".market"), page.tab.locator(".market dd")
    await expect(mids).to_have_count(2)
    await market.get_by_label("Price to set").fill("150.25")
    await market.get_by_role("button", name="Set").click()
    await expect(page.announcement).to_have_text("The price becomes 150.25 USDC for 1 SOL.")
    await expect(mids).to_have_text(["150.25", "150.25"])
    await market.get_by_role("button", name="+1 %").click()
    await expect(mids).to_have_text(["151.7525", "151.7525"])
    await expect(market).to_contain_text("it stands still")
    assert await page.accessibility_violations() == []
    await market.get_by_label("Price to set").fill("1")
    await market.get_by_role("button", name="Set").click()
    await expect(market.get_by_role("alert")).to_contain_text("100 times")
    await market.get_by_role("button", name="Let prices move again").click()
    await expect(market.get_by_role("button", name="Let prices move again")).to_have_count(0)
    await expect(market.get_by_role("alert")).to_have_count(0)


async def test_the_price_follows_the_chosen_pair_and_two_hops_cannot_be_moved(page: TradingPage) -> None:
    market = page.tab.locator(".market")
    await page.choose_token("Token to receive", "USDT")
    await expect(market).to_contain_text("USDT for 1 SOL")
    await expect(market.get_by_role("button", name="Set")).to_have_count(1)
    await page.choose_token("Token to pay", "BONK")
    await expect(market).to_contain_text("USDT for 1 BONK")
    await expect(market.locator("dd").first).to_have_text(re.compile(r"^0\.0000\d+$"))
    await expect(market.locator(".move")).to_have_count(0)


async def test_the_price_is_turned_around_and_moved_that_way(page: TradingPage) -> None:
    await page.tab.get_by_role(
        "button", name="Reverse the swap"
    ).click()  # with dollars, the price is that of what is bought
    await expect(page.tab.get_by_role("button", name="USDC for 1 SOL")).to_have_count(1)
    await page.set_market("125")
    await expect(page.announcement).to_have_text("The price becomes 125 USDC for 1 SOL.")
    await page.tab.get_by_role("button", name="USDC for 1 SOL").click()
    await expect(page.tab.locator(".mids dd")).to_have_text(["0.008", "0.008"])


async def test_a_launched_token_can_be_chosen_at_once(page: TradingPage) -> None:
    market = page.tab.locator(".market")
    await market.get_by_text("Launch a token").click()
    await expect(market.locator("code")).to_have_text("FVuPVXNMQDmxEPBYL2Ce6C6pCYWKCmy6oKRkrBmF7mYF")
    await page.fill(**{"launch-depthUsd": "10"})
    await market.get_by_role("button", name="Launch against SOL").click()
    await expect(page.tab.locator("#launch-depthUsd-error")).to_contain_text("1000")
    assert await page.accessibility_violations() == []
    await page.fill(**{"launch-depthUsd": "50000"})
    await market.get_by_role("button", name="Launch against SOL").click()
    await expect(page.announcement).to_have_text("WIF is launched on Raydium.")
    await page.choose_token("Token to receive", "WIF")
    await expect(market).to_contain_text("WIF for 1 SOL")
    await expect(page.tab.locator(".quotes")).to_contain_text("Best price: Raydium")
    await expect(market.get_by_label("Symbol")).to_be_visible()  # the form stays open for the next one


async def test_a_token_may_have_the_name_of_what_every_object_has(page: TradingPage, engine: Engine) -> None:
    pool = {"venue": "raydium", "symbol": "constructor", "name": "token", "usd": "1", "depthUsd": 50_000}
    assert (await engine.http.post("/api/simulate/pools", json=pool)).is_success
    await page.tab.reload()
    await page.choose_token("Token to receive", "constructor")
    await expect(page.tab.locator(".market")).to_contain_text("constructor for 1 SOL")


async def test_the_change_in_a_day_is_shown_beside_the_price(page: TradingPage, engine: Engine) -> None:
    change = page.tab.locator(".market .change")
    await expect(page.tab.locator(".mids dd")).to_have_count(2)
    await expect(change).to_have_count(0)  # the engine has kept no prices for so long
    day_ago = datetime.now(UTC) - timedelta(hours=23, minutes=50)
    mids = '{"meteora":"120","raydium":"160"}'
    await engine.postgres.execute("INSERT INTO price_samples VALUES ($1, 'SOL-USDC', $2)", day_ago, mids)
    await page.set_market("150")
    await page.tab.reload()
    await expect(change).to_have_text(["\N{MINUS SIGN}6.25 % in 24 h", "+25.00 % in 24 h"])
    await page.tab.get_by_title("Turn the price around").click()
    await expect(change).to_have_text(["+6.67 % in 24 h", "\N{MINUS SIGN}20.00 % in 24 h"])
    assert await page.accessibility_violations() == []
