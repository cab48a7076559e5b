"""Data is never executed, nothing is loaded from other hosts, and the page is accessible."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import expect

from app.dex.markets import Markets
from tests.browser.conftest import DELAYS, OpenPage
from tests.browser.trading_page import TradingPage
from tests.engine import Engine, running_engine

CLONE = Path(__file__).resolve().parents[2]
EVIL = "<img src=x onerror=alert(1)>"
# Without the vendored files: they contain the addresses of their authors.
OWN_FILES = sorted(path for path in (CLONE / "app" / "web").rglob("*.*") if "vendor" not in path.parts)


async def test_a_hostile_label_and_a_hostile_token_are_shown_as_text(
    postgres_dsn: str, redis_dsn: str, primed_queue: None, monkeypatch: pytest.MonkeyPatch, open_page: OpenPage
) -> None:
    text = (
        (CLONE / "app" / "dex" / "markets.toml")
        .read_text()
        .replace('"JUP"', f'"{EVIL}"')
        .replace('"Jupiter"', f'"{EVIL}"')
    )
    markets = Markets.parse(text)
    monkeypatch.setattr(Markets, "load", staticmethod(lambda: markets))
    async with running_engine(postgres_dsn, redis_dsn, **DELAYS) as engine, open_page(engine.base_url) as page:
        await engine.start_worker()
        await page.open()
        await page.wait_until_live()
        await page.choose_token("Token to receive", EVIL)
        await expect(page.tab.locator(".quotes .explanation")).to_contain_text(EVIL)
        await page.tab.get_by_role("button", name=f"Swap SOL for {EVIL}").click()
        await expect(page.orders).to_have_count(1)  # so that the one with the label is the first in the list
        await engine.place(clientOrderId=EVIL, tokenOut=EVIL)
        await expect(page.tab.locator(".order.confirmed")).to_have_count(2)
        details = await page.open_details(page.orders.first)
        await expect(details.locator("dd", has_text=EVIL).last).to_have_text(EVIL)
        assert await page.tab.locator("img").count() == 0
        assert page.console_errors == []


async def test_every_file_is_served_locally_under_a_strict_policy(engine: Engine) -> None:
    paths = ["/", "/console", *(f"/web/{path.relative_to(CLONE / 'app' / 'web')}" for path in OWN_FILES)]
    for path in paths:
        answer = await engine.http.get(path)
        assert answer.status_code == 200, path
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert (
            policy["default-src"]
            == policy["base-uri"]
            == policy["form-action"]
            == policy["frame-ancestors"]
            == "'none'"
        )
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        again = await engine.http.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, answer.headers["cache-control"]) == (304, "no-cache")
    for path in (
        "/web/../main.py",
        "/web/%2e%2e/main.py",
        "/web//etc/passwd",
        "/web/style",
        "/web/",
        "/web/nothing.js",
    ):
        assert (await engine.http.get(path)).status_code == 404, path
    script: httpx.Response = await engine.http.get("/web/main.js")
    assert script.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("path", OWN_FILES, ids=lambda path: path.name)
def test_no_file_is_long_and_none_turns_data_into_markup(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 250
    if path.suffix == ".js":
        for forbidden in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "unsafeHTML",
            "eval(",
            "parseFloat",
        ):
            assert forbidden not in text
    if path.suffix == ".html":
        assert "style=" not in text
        assert (
            len(re.findall("<script", text)) == len(re.findall(r'<script type="module" src="web/\w+\.js">', text)) == 1
        )
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace('"https:"', "")


async def test_the_policy_blocks_inline_scripts_and_foreign_hosts(page: TradingPage) -> None:
    """Chromium enforces it."""
    blocked: list[str] = await page.tab.evaluate(
        """async () => {
            const blocked = [];
            addEventListener('securitypolicyviolation', (event) => blocked.push(event.effectiveDirective));
            const script = document.createElement('script');
            script.textContent = 'window.ran = true';
            document.body.append(script);
            await fetch('http://127.0.0.2:9/').catch(() => {});
            await new Promise((done) => setTimeout(done, 50));
            return [...blocked, String(window.ran)];
        }"""
    )
    assert sorted(blocked) == ["connect-src", "script-src-elem", "undefined"]
    page.console_errors.clear()  # both violations were caused on purpose
    page.foreign_requests.clear()


async def expect_accessible(page: TradingPage) -> None:
    """In each width, and in both schemes, of which only the colours differ."""
    for width in (360, 1440):
        await page.tab.set_viewport_size({"width": width, "height": 900})
        assert await page.accessibility_violations() == []
        await page.tab.emulate_media(color_scheme="dark", reduced_motion="reduce")
        assert await page.accessibility_violations("color-contrast") == []
        await page.tab.emulate_media(color_scheme="light", reduced_motion="reduce")
        scroll_width: int = await page.tab.evaluate("document.documentElement.scrollWidth")
        assert scroll_width <= width


async def test_the_page_is_accessible(engine: Engine, open_page: OpenPage) -> None:
    async with open_page(engine.base_url, reduced_motion="reduce") as page:
        await page.open()
        await page.wait_until_live()
        await page.tab.locator(".quotes summary").click()
        await expect(page.tab.locator(".comparison")).to_be_visible()
        await expect_accessible(page)
        await engine.hold_starts()
        await page.place()
        await engine.http.post("/api/queue/pause")
        await expect(page.tab.locator(".banner")).to_be_visible()
        await expect_accessible(page)
        await engine.http.post("/api/queue/resume")
        await engine.release_starts()
        await engine.http.post("/test/dlq")
        await expect(page.tab.locator(".order.confirmed")).to_have_count(1)
        await expect(page.tab.locator(".order.failed")).to_have_count(1)
        for status in ("failed", "confirmed"):
            await page.open_details(page.tab.locator(f".order.{status}"))
            await expect(page.tab.locator(".log li").first).to_be_visible()
            await expect_accessible(page)
        await page.tab.get_by_label("You pay").fill("x")
        await expect(page.tab.locator("#amount-error")).to_be_visible()
        await expect_accessible(page)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 320)])
async def test_the_console_is_accessible(engine: Engine, open_page: OpenPage, scheme: str, width: int) -> None:
    await engine.http.post("/test/dlq")
    await engine.http.put("/api/kill-switch", json={"state": "reducing", "reason": "Late.", "owner": "local"})
    options: dict[str, Any] = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
    async with open_page(engine.base_url, **options, reduced_motion="reduce") as page:
        await page.open(path="/console")
        await expect(page.tab.locator(".dead-letter")).to_have_count(1)
        await expect(page.tab.locator(".owner")).to_contain_text("local reducing")
        await expect(page.tab.locator(".audit-entry").first).to_be_visible()
        assert await page.accessibility_violations() == []
        assert await page.tab.evaluate("document.documentElement.scrollWidth") <= width


async def test_reduced_motion_stops_all_animations(engine: Engine, open_page: OpenPage) -> None:
    async with open_page(engine.base_url, reduced_motion="reduce") as page:
        await page.open()
        await page.wait_until_live()
        await engine.hold_starts()
        await page.place()
        animations: int = await page.tab.evaluate("document.getAnimations().length")
        assert animations == 0
