"""Somebody at the page: what they see of the orders, and what they do."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, Request, expect

# What a browser says of its own accord when a server is away or says no; the page explains it in words.
ITS_OWN_WORDS = re.compile(r"WebSocket connection to|Failed to load resource|net::ERR_")


@dataclass
class Desk:
    page: Page
    url: str
    said: list[str] = field(default_factory=list)  # errors and warnings on the console
    elsewhere: list[str] = field(default_factory=list)  # requests to any other host

    async def open(self, *, path: str = "/") -> None:
        await self.page.goto(self.url + path)

    @property
    def orders(self) -> Locator:
        return self.page.locator(".order")

    def order(self, order_id: str) -> Locator:
        return self.page.locator(f'.order[data-order="{order_id}"]')

    @property
    def told(self) -> Locator:
        """What a screen reader was told last."""
        return self.page.locator("#told")

    async def live(self) -> None:
        await expect(self.page.locator(".connection")).to_have_text("Live")

    async def ids(self) -> list[str]:
        found: list[str] = await self.orders.evaluate_all("rows => rows.map(row => row.dataset.order)")
        return found

    async def send(self, count: int = 1) -> None:
        """Presses the button, and returns when the engine has answered."""
        name = "Swap SOL for USDC" if count == 1 else f"Send {count} at once"
        await self.page.get_by_role("button", name=name).click()
        said = "The order is accepted." if count == 1 else f"{count} orders are accepted."
        await expect(self.told).to_have_text(said)
        await expect(self.orders.first).to_be_visible()

    async def unfold(self, row: Locator) -> Locator:
        """Opens an order; what it shows below its row."""
        await row.locator(".opener").click()
        return row.locator(".details")

    async def has_log(self, row: Locator, statuses: Sequence[str]) -> None:
        """Waits until an opened order's log says just this, numbered from 1 on."""
        await expect(row.locator(".log .status")).to_have_text(statuses)
        await expect(row.locator(".log .seq")).to_have_text([str(n + 1) for n in range(len(statuses))])

    async def barriers(self) -> list[str]:
        """What keeps somebody out, as axe sees it: WCAG 2.2 A and AA, and its own best practices."""
        results = await Axe().run(self.page)
        found: list[dict[str, Any]] = results.response["violations"]
        return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found for node in one["nodes"]]


async def sit_down(context: BrowserContext, url: str) -> Desk:
    desk = Desk(await context.new_page(), url)

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not ITS_OWN_WORDS.search(message.text):
            desk.said.append(message.text)

    def asked(request: Request) -> None:
        if not request.url.startswith((url, url.replace("http", "ws"), "data:")):
            desk.elsewhere.append(request.url)

    desk.page.on("console", heard)
    desk.page.on("pageerror", lambda error: desk.said.append(str(error)))
    context.on("request", asked)
    desk.page.on(
        "websocket",
        lambda socket: None if socket.url.startswith(url.replace("http", "ws")) else desk.elsewhere.append(socket.url),
    )
    return desk
