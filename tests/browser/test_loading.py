"""The pages while they load: what is seen first stays where it is, and nothing is asked for twice."""

from collections import Counter

import pytest
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.engine import Engine

SHIFTS = """() => {
    window.shifts = [];
    const sources = ({ sources }) => sources.map(({ node }) => `${node?.nodeName} ${node?.className ?? ""}`);
    new PerformanceObserver((list) => list.getEntries().forEach((one) => window.shifts.push([one.value, sources(one)])))
        .observe({ type: "layout-shift", buffered: true });
}"""
MOST_SHIFT = 0.1  # more is not called good
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1350, "height": 940}


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize(
    ("path", "loaded"), [("/", ".quotes .minimum"), ("/console", ".line-chart, .engine .placeholder")]
)
async def test_what_is_shown_stays_where_it_is_while_the_rest_comes(
    engine: Engine, open_page: OpenPage, path: str, loaded: str, size: dict[str, int]
) -> None:
    async with open_page(engine.base_url, viewport=size) as page:
        await page.tab.add_init_script(f"({SHIFTS})()")
        await page.open(path=path)
        await page.wait_until_live()
        await expect(page.tab.locator(loaded).first).to_be_visible()
        if path == "/":
            await expect(page.tab.locator(".price-plot canvas")).to_have_count(1)
        shifts: list[tuple[float, list[str]]] = await page.tab.evaluate("window.shifts")
        assert sum(value for value, _ in shifts) < MOST_SHIFT, shifts


@pytest.mark.parametrize("path", ["/", "/console"])
async def test_each_file_is_asked_for_once_and_before_any_script_has_run(
    engine: Engine, open_page: OpenPage, path: str
) -> None:
    async with open_page(engine.base_url) as page:
        asked: list[str] = []
        page.tab.on("request", lambda request: asked.append(request.url.removeprefix(engine.base_url)))
        await page.open(path=path)
        await page.wait_until_live()
        files = [url for url in asked if url.startswith("/web/") and "uplot" not in url]
        assert [url for url, times in Counter(files).items() if times > 1] == []
        first_answer = next(n for n, url in enumerate(asked) if url.startswith("/api/"))
        # The past of the prices is read again only after a minute.
        assert len([url for url in asked if url.startswith("/api/prices") and "step=10&" in url]) == (path == "/")
        late = [url for url in asked[first_answer:] if url in files]
        assert late in ([], ["/web/icon.svg"])
