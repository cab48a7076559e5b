"""The page on a local Solana chain: signatures, fees and balances are those of the chain."""

import re
from pathlib import Path

from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.localnet import WALLET
from tests.solana_world import trading


async def test_the_page_shows_the_signature_the_fee_and_the_balances_of_the_chain(
    tmp_path: Path, postgres_dsn: str, redis_dsn: str, primed_queue: None, open_page: OpenPage
) -> None:
    async with trading(tmp_path, (postgres_dsn, redis_dsn)) as (engine, node), open_page(engine.base_url) as page:
        await page.open()
        await page.wait_until_live()
        await expect(page.tab.locator("header")).to_contain_text(["A chain on this machine: no money moves."])
        balance, pay = page.tab.locator(".balance"), page.tab.get_by_label("You pay", exact=True)
        await expect(balance).to_contain_text("Balance 100")
        await balance.get_by_role("button", name="Max").click()
        await expect(pay).to_have_value("99.99")  # some SOL has to be left for fees
        await balance.get_by_role("button", name="Half").click()
        await expect(pay).to_have_value("49.995")
        await expect(page.tab.locator(".held")).to_have_text(re.compile("Balance [0-9,.]+"))  # of the token to receive
        await page.tab.get_by_role("button", name="Token to pay").click()
        await expect(page.tab.locator("#token-list li").first).to_contain_text("balance 100")
        await page.tab.keyboard.press("Escape")
        await pay.fill("100.1")
        await expect(page.tab.locator(".submit")).to_have_text("Not enough SOL in the wallet")
        assert await page.accessibility_violations() == []
        await pay.fill("1.5")
        await page.place()
        [order] = await page.ids()
        await engine.read_stream(order)
        [signature] = node.validator.landed
        details = await page.open_details(page.order(order))
        await expect(details).to_contain_text(signature)
        fee = details.locator(".facts div", has_text="Network fee").locator("dd")
        await expect(fee).to_have_text("0.000005 SOL")
        await expect(balance).to_contain_text("98.499995")
        await page.show("Portfolio")
        wallet = page.tab.locator(".portfolio")
        await expect(wallet).to_contain_text(str(WALLET.pubkey()))
        await expect(wallet).to_contain_text("98.499995")  # SOL: 100 at first, 1.5 sold, one fee
        await expect(page.tab.locator("#type option", has_text="Sniper")).to_have_count(0)
