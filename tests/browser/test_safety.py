"""Nothing that is shown is ever run, nothing comes from elsewhere, and nobody is kept out."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import expect

from app.dex.markets import Markets
from tests.browser.conftest import DELAYS, SitDown
from tests.browser.desk import Desk
from tests.engine import Engine, running_engine

CLONE = Path(__file__).resolve().parents[2]
EVIL = "<img src=x onerror=alert(1)>"
# Names of files and addresses are not sentences: what is vendored names its makers.
OURS = sorted(path for path in (CLONE / "app" / "web").rglob("*.*") if "vendor" not in path.parts)


async def test_a_hostile_label_and_a_hostile_token_are_shown_as_text(
    postgres_dsn: str, redis_dsn: str, primed_queue: None, monkeypatch: pytest.MonkeyPatch, sits_down: SitDown
) -> None:
    text = (
        (CLONE / "app" / "dex" / "markets.toml")
        .read_text()
        .replace('"JUP"', f'"{EVIL}"')
        .replace('"Jupiter"', f'"{EVIL}"')
    )
    markets = Markets.parse(text)
    monkeypatch.setattr(Markets, "load", staticmethod(lambda: markets))
    async with running_engine(postgres_dsn, redis_dsn, **DELAYS) as engine, sits_down(engine.base_url) as desk:
        await engine.start_worker()
        await desk.open()
        await desk.live()
        await desk.page.get_by_label("Token to get").select_option(EVIL)
        await expect(desk.page.locator(".why")).to_contain_text(EVIL)
        await desk.page.get_by_role("button", name=f"Swap SOL for {EVIL}").click()
        await engine.place(clientOrderId=EVIL, tokenOut=EVIL)
        await expect(desk.page.locator(".order.confirmed")).to_have_count(2)
        opened = await desk.unfold(desk.orders.first)
        await expect(opened.locator("dd", has_text=EVIL).last).to_have_text(EVIL)
        assert await desk.page.locator("img").count() == 0
        assert desk.said == []


async def test_what_is_loaded_comes_from_here_under_a_strict_policy(engine: Engine) -> None:
    served = ["/", *(f"/web/{path.relative_to(CLONE / 'app' / 'web')}" for path in OURS)]
    for path in served:
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


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_no_file_is_long_and_none_writes_markup_from_data(path: Path) -> None:
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
        assert text.count("<script") == text.count('<script type="module" src="web/main.js">') == 1
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "").replace('"https:"', "")


async def test_the_policy_stops_what_is_not_ours(desk: Desk) -> None:
    """Chromium holds the page to it: an inline script and a foreign host get nowhere."""
    stopped: list[str] = await desk.page.evaluate(
        """async () => {
            const stopped = [];
            addEventListener('securitypolicyviolation', (event) => stopped.push(event.effectiveDirective));
            const script = document.createElement('script');
            script.textContent = 'window.ran = true';
            document.body.append(script);
            await fetch('http://127.0.0.2:9/').catch(() => {});
            await new Promise((done) => setTimeout(done, 50));
            return [...stopped, String(window.ran)];
        }"""
    )
    assert sorted(stopped) == ["connect-src", "script-src-elem", "undefined"]
    desk.said.clear()  # the two complaints were asked for
    desk.elsewhere.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
async def test_nobody_is_kept_out(engine: Engine, sits_down: SitDown, scheme: str, width: int) -> None:
    eyes: dict[str, Any] = {
        "color_scheme": scheme,
        "viewport": {"width": width, "height": 900},
        "reduced_motion": "reduce",
    }
    async with sits_down(engine.base_url, **eyes) as desk:
        await desk.open()
        await desk.live()
        await expect(desk.page.locator(".comparison")).to_be_visible()
        assert await desk.barriers() == []
        await engine.http.post("/api/queue/pause")
        await desk.send()
        await expect(desk.page.locator(".banner")).to_be_visible()
        assert await desk.barriers() == []
        await engine.http.post("/api/queue/resume")
        await engine.http.post("/test/dlq")
        await expect(desk.page.locator(".order.confirmed")).to_have_count(1)
        await expect(desk.page.locator(".order.failed")).to_have_count(1)
        await expect(desk.page.locator(".letter")).to_have_count(1)
        for status in ("failed", "confirmed"):
            await desk.unfold(desk.page.locator(f".order.{status}"))
            await expect(desk.page.locator(".log li").first).to_be_visible()
            assert await desk.barriers() == []
        await desk.page.get_by_label("You give").fill("x")
        await expect(desk.page.locator("#amount-error")).to_be_visible()
        assert await desk.barriers() == []
        across: int = await desk.page.evaluate("document.documentElement.scrollWidth")
        assert across <= width


async def test_who_wants_no_motion_gets_none(engine: Engine, sits_down: SitDown) -> None:
    async with sits_down(engine.base_url, reduced_motion="reduce") as desk:
        await desk.open()
        await desk.live()
        await engine.http.post("/api/queue/pause")
        await desk.send()
        running: int = await desk.page.evaluate("document.getAnimations().length")
        assert running == 0
