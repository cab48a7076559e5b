"""The page in a browser tab: what it shows of the orders, and the actions of its user."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page, Request, WebSocket, expect

# Chromium logs these by itself when a server is down or answers with an error. The page shows its own message.
EXPECTED_MESSAGES = re.compile(r"WebSocket connection to|Failed to load resource|net::ERR_")


@dataclass
class TradingPage:
    tab: Page
    url: str
    console_errors: list[str] = field(default_factory=list)  # warnings too
    foreign_requests: list[str] = field(default_factory=list)  # to any other host

    async def open(self, *, path: str = "/") -> None:
        await self.tab.goto(self.url + path)

    @property
    def orders(self) -> Locator:
        return self.tab.locator(".order")

    def order(self, order_id: str) -> Locator:
        return self.tab.locator(f'.order[data-order="{order_id}"]')

    @property
    def announcement(self) -> Locator:
        """The last text for screen readers."""
        return self.tab.locator("#live-region")

    async def wait_until_live(self) -> None:
        await expect(self.tab.locator(".connection")).to_have_text("Live")

    async def come_back(self) -> None:
        """As a user from another tab: what is read again and again is read at once, without waiting for its turn."""
        await self.tab.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")

    async def ids(self) -> list[str]:
        found: list[str] = await self.orders.evaluate_all("rows => rows.map(row => row.dataset.order)")
        return found

    async def place(self) -> None:
        """Clicks the button, and returns after the engine has answered."""
        await self.tab.get_by_role("button", name="Swap SOL for USDC").click()
        await expect(self.announcement).to_have_text("The order is accepted.")
        await expect(self.orders.first).to_be_visible()

    async def choose_token(self, label: str, symbol: str) -> None:
        """With the search, as a user does."""
        await self.tab.get_by_role("button", name=label).click()
        await self.tab.get_by_label("Search for a token").fill(symbol)
        await self.tab.get_by_label("Search for a token").press("Enter")
        await expect(self.tab.get_by_role("button", name=f"{label}: {symbol}")).to_be_focused()

    async def choose(self, order_type: str) -> None:
        await self.tab.get_by_label("Order type").select_option(order_type)

    async def fill(self, **fields: str) -> None:
        """Fields of the order form, by their ids."""
        for name, value in fields.items():
            await self.tab.locator(f"#{name}").fill(value)

    async def place_waiting(self, order_type: str, *, orders: int = 1) -> None:
        """Places what the form has, which becomes so many orders."""
        await self.tab.get_by_role("button", name=f"Place the {order_type} order").click()
        text = "The order is accepted." if orders == 1 else f"{orders} orders are accepted."
        await expect(self.announcement).to_have_text(text)

    async def set_market(self, price: str) -> None:
        """By hand, as a user does; returns once the price holds."""
        await self.tab.get_by_label("Price to set").fill(price)
        await self.tab.locator(".market").get_by_role("button", name="Set").click()
        await expect(self.tab.locator(".mids dd").first).to_have_text(price)

    async def show(self, tab: str) -> None:
        await self.tab.get_by_role("tab", name=tab).click()

    async def open_details(self, row: Locator) -> Locator:
        await self.show("History")
        await row.locator(".toggle").click()
        return row.locator(".details")

    async def expect_log(self, row: Locator, statuses: Sequence[str]) -> None:
        """Waits until the log of an open order has exactly these statuses, numbered from 1."""
        await expect(row.locator(".log .status")).to_have_text(statuses)
        await expect(row.locator(".log .seq")).to_have_text([str(n + 1) for n in range(len(statuses))])

    async def accessibility_violations(self, *rules: str) -> list[str]:
        """Violations of WCAG 2.2 A and AA and of axe's best practices; of these rules only, if some are given."""
        if not await self.tab.evaluate("'axe' in window"):  # half a megabyte: once for each document
            await self.tab.evaluate(AXE_SCRIPT)
        options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
        found: list[dict[str, Any]] = await self.tab.evaluate(
            "async (options) => (await axe.run(options)).violations", options
        )
        return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found for node in one["nodes"]]


async def new_trading_page(context: BrowserContext, url: str) -> TradingPage:
    trading_page = TradingPage(await context.new_page(), url)
    websocket_url = url.replace("http", "ws")

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not EXPECTED_MESSAGES.search(message.text):
            trading_page.console_errors.append(message.text)

    def on_request(request: Request) -> None:
        if not request.url.startswith((url, websocket_url, "data:")):
            trading_page.foreign_requests.append(request.url)

    def on_websocket(socket: WebSocket) -> None:
        if not socket.url.startswith(websocket_url):
            trading_page.foreign_requests.append(socket.url)

    trading_page.tab.on("console", on_console)
    trading_page.tab.on("pageerror", lambda error: trading_page.console_errors.append(str(error)))
    context.on("request", on_request)
    trading_page.tab.on("websocket", on_websocket)
    return trading_page
