"""A page of another origin cannot trade, and neither can one whose name was pointed at this machine."""

import asyncio
import re

import pytest
from websockets.asyncio.client import connect

from app.api.layers.auth_middleware import DOCS
from tests.engine import SELL_SOL, Engine, read_to_end, running_engine
from tests.integration.test_access import ORIGIN, PRODUCTION, Guarded, guarded

__all__ = ["guarded"]

EVIL = {"Origin": "https://evil.net", "Sec-Fetch-Site": "cross-site"}
EVIL_IMAGE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}  # a browser names no origin


@pytest.mark.parametrize("headers", [EVIL, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}], ids=str)
async def test_a_page_of_another_origin_changes_nothing(engine: Engine, headers: dict[str, str]) -> None:
    for method, path, body in [
        ("POST", "/api/orders/execute", SELL_SOL),
        ("POST", "/order", SELL_SOL),
        ("POST", "/test/dlq", None),
        ("POST", "/api/queue/pause", None),
        ("DELETE", "/api/dlq/clear", None),
    ]:
        answer = await engine.http.request(method, path, headers=headers, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed"), path
    assert (await engine.http.get("/api/orders")).json()["orders"] == []
    assert (await engine.http.get("/api/queue")).json()["paused"] is False


async def test_a_page_of_another_origin_uses_up_no_reads_but_links_work(engine: Engine) -> None:
    image, frame = ({**EVIL_IMAGE, "Sec-Fetch-Dest": one} for one in ("image", "iframe"))
    prefetch = {**EVIL_IMAGE, "Sec-Fetch-Dest": "document", "Sec-Purpose": "prefetch;prerender"}
    for headers in (EVIL, image, frame, prefetch):
        for path in ("/api/orders", "/api/dlq", "/docs", "/metrics"):
            answer = await engine.http.get(path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed"), path
    front_end = {"Origin": "http://127.0.0.1:5173", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "empty"}
    link = {**EVIL_IMAGE, "Sec-Fetch-Dest": "document"}
    assert (await engine.http.get("/api/orders", headers=link)).status_code == 403  # leads to no page
    for headers in (front_end, link, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        for path in ("/docs", "/", "/console"):
            assert (await engine.http.get(path, headers=headers)).status_code == 200, (path, headers)
    assert (await engine.http.get("/api/orders", headers=front_end)).status_code == 200


async def test_a_name_that_was_pointed_at_this_machine_is_refused(engine: Engine) -> None:
    """DNS rebinding: the page has the origin that it sends its requests to."""
    rebound = {"Host": "evil.net:3000", "Origin": "http://evil.net:3000", "Sec-Fetch-Site": "same-origin"}
    for method, path in [("POST", "/api/orders/execute"), ("GET", "/api/orders"), ("GET", "/"), ("GET", "/metrics")]:
        answer = await engine.http.request(method, path, headers=rebound)
        assert (answer.status_code, answer.json()["code"]) == (421, "host_not_allowed"), path
        assert "ALLOWED_HOSTS" in answer.json()["detail"]
        assert "evil" not in answer.text
    assert (await engine.http.get("/health/ready", headers={"Host": "probe.internal"})).status_code in (200, 503)


async def test_a_socket_to_a_foreign_host_is_closed(engine: Engine) -> None:
    order = await engine.place()
    port = engine.base_url.rpartition(":")[2]
    for host in ("evil.net", "localhost"):
        url = f"ws://{host}:{port}/api/orders/execute?orderId={order['orderId']}"
        async with asyncio.timeout(5), connect(url, host="127.0.0.1", origin=None, proxy=None) as ws:
            if host == "localhost":
                assert '"pending"' in str(await ws.recv())
            else:
                assert (await read_to_end(ws)).code == 4401
                assert "ALLOWED_HOSTS" in (ws.close_reason or "")


async def test_a_body_without_a_content_type_is_no_json(engine: Engine) -> None:
    """A page may send such a body to any site without asking first."""
    for path in ("/api/orders/execute", "/api/orders/batch", "/order", "/api/tickets"):
        answer = await engine.http.post(path, content=b'{"tokenIn":"SOL","tokenOut":"USDC","amount":1}')
        assert (answer.status_code, answer.json()["code"]) == (415, "not_json"), path


async def test_front_ends_on_other_ports_of_this_machine_still_work(engine: Engine) -> None:
    headers = {"Origin": "http://localhost:5173", "Sec-Fetch-Site": "same-site"}
    answer = await engine.http.post("/api/orders/execute", json=SELL_SOL, headers=headers)
    assert answer.status_code == 202
    assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"


async def test_front_ends_may_use_every_method(engine: Engine) -> None:
    paths = (await engine.http.get("/openapi.json")).json()["paths"]
    for method in {method.upper() for operations in paths.values() for method in operations}:
        headers = {"Origin": "http://localhost:5173", "Access-Control-Request-Method": method}
        assert (await engine.http.options("/api/orders/any", headers=headers)).status_code == 200, method


async def test_no_page_can_frame_an_answer_or_load_it_as_a_script(engine: Engine) -> None:
    paths = ("/", "/web/main.js", "/docs", "/docs/files/swagger-ui.css", "/api/orders", "/metrics", "/nowhere")
    for path in paths:
        headers = (await engine.http.get(path, headers={"Origin": "http://localhost:5173"})).headers
        assert re.findall("frame-ancestors [^;]+", headers["content-security-policy"]) == ["frame-ancestors 'none'"], (
            path
        )
        for name, value in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-resource-policy", "same-origin"),
            ("access-control-allow-origin", "http://localhost:5173"),  # a front end may still read it
        ]:
            assert headers.get_list(name) == [value], (path, name)
    assert "tryItOutEnabled" not in (await engine.http.get("/docs/files/start.js")).text  # nor trades one click on it


async def test_in_production_a_page_needs_a_key_and_an_allowed_origin(guarded: Guarded) -> None:
    for origin, status in ((ORIGIN, 202), ("https://evil.net", 403)):
        answer = await guarded.request("a", "POST", "/order", json=SELL_SOL, headers={"Origin": origin})
        assert answer.status_code == status, origin


async def test_a_missing_key_and_a_wrong_key_are_told_apart(guarded: Guarded) -> None:
    wrong = f"oe_{'0' * 8}_{'0' * 64}"
    for headers, code in (
        ({}, "missing_key"),
        ({"X-API-Key": ""}, "missing_key"),
        ({"X-API-Key": wrong}, "unknown_key"),
    ):
        answer = await guarded.request(None, "GET", "/api/orders", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert wrong not in answer.text


async def test_no_cache_keeps_an_answer_of_the_api(guarded: Guarded) -> None:
    order = await guarded.request("a", "POST", "/order", json=SELL_SOL)
    assert "ticket=" in order.json()["wsUrl"]
    missing = await guarded.request("a", "GET", "/api/orders/01a1fcdd-4c14-773b-8d77-909b122b0037")
    for answer in (order, missing, await guarded.request("a", "GET", "/api/orders")):
        assert answer.headers["cache-control"] == "no-store"


async def test_in_production_the_documentation_needs_a_key_or_a_setting(
    guarded: Guarded, postgres_dsn: str, redis_dsn: str
) -> None:
    files = {*DOCS, "/docs/files/swagger-ui.css"}
    for who, status in ((None, 401), ("a", 200)):
        assert {(await guarded.request(who, "GET", path)).status_code for path in files} == {status}
    opened = PRODUCTION | {"docs_public": True, "metrics_public": True}
    async with running_engine(postgres_dsn, redis_dsn, **opened) as engine:
        assert {(await engine.http.get(path)).status_code for path in files | {"/metrics"}} == {200}
