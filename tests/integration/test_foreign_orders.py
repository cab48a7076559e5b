"""No caller sees, streams, cancels or retries another's order (P7): asked of every route there is."""

import asyncio
import json
import re

import orjson
from fastapi.routing import iter_route_contexts
from websockets.asyncio.client import connect

from app.api.auth_middleware import PUBLIC, PUBLIC_BELOW
from app.main import create_app
from app.settings import load
from tests.engine import SELL_SOL
from tests.integration.test_access import ORIGIN, Guarded, guarded

__all__ = ["guarded"]

OPERATORS = {"/api/orders/{order_id}/connections", "/api/dlq/{order_id}/retry"}  # with an order's id in the path


def calls() -> list[tuple[str, str]]:
    """Every call there is, by walking the routes."""
    found = set()
    for route in iter_route_contexts(create_app(load()).routes):
        found |= {(method, route.path) for method in getattr(route, "methods", None) or () if route.path}
    return sorted(found)


def sockets() -> list[str]:
    found = iter_route_contexts(create_app(load()).routes)
    return sorted({one.path for one in found if type(one.route).__name__ == "APIWebSocketRoute" and one.path})


async def test_without_a_key_or_with_a_wrong_one_no_route_but_the_public_ones_answers(guarded: Guarded) -> None:
    wrong = guarded.held["a"][:-1] + ("0" if guarded.held["a"][-1] != "0" else "1")
    asked = 0
    for method, path in calls():
        if path in PUBLIC or path.startswith(PUBLIC_BELOW) or method == "HEAD":
            continue
        there = path.replace("{order_id}", "01a1fcdd-4c14-773b-8d77-909b122b0037")
        for headers in ({}, {"Authorization": f"Bearer {wrong}"}, {"X-API-Key": wrong[:11]}, {"X-API-Key": "\u00ff"}):
            raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
            answer = await guarded.engine.http.request(method, there, headers=raw)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"
        asked += 1
    assert asked > 20
    for path in PUBLIC:
        assert (await guarded.ask(None, "GET", path)).status_code in (200, 503), path
    page = await guarded.ask(None, "POST", "/api/orders/execute", headers={"Origin": ORIGIN})
    assert page.headers["access-control-allow-origin"] == ORIGIN  # or no page could read why


def test_an_address_names_an_order_in_one_way_only() -> None:
    """Or the tests below would ask a route for an order that is none, and find nothing to complain of."""
    paths = {path for _, path in calls()} | set(sockets())
    assert {path for path in paths if "{" in path.replace("{order_id}", "")} == {"/web/{path:path}"}
    documented = create_app(load()).openapi()
    elsewhere = re.findall(r'"name": ?"(\w*order_?id\w*)"', json.dumps(documented), flags=re.IGNORECASE)
    assert set(elsewhere) == {"order_id"}  # the one in the path, and none in a query or a header
    bodies = {path for path, calls in documented["paths"].items() if '"requestBody"' in json.dumps(calls)}
    orders = {"/api/orders/execute", "/api/orders/batch", "/order"}  # which have no id yet
    assert bodies == orders | {"/api/tickets"}


async def test_no_route_shows_or_changes_the_order_of_another(guarded: Guarded) -> None:
    mine = (await guarded.place("b"))["orderId"]
    asked = 0
    for method, path in calls():
        if method == "HEAD" or path in PUBLIC or path.startswith(("/test", "/openapi")):
            continue
        body = {"json": {"orderId": mine}} if path == "/api/tickets" else {}
        there = path.replace("{order_id}", mine)
        answer = await guarded.ask("a", method, there, **body)
        assert mine not in answer.text.replace(f"/api/orders/{mine}", ""), (method, path)
        if "{order_id}" in path or path == "/api/tickets":
            wanted = 426 if path in sockets() and method == "GET" else 403 if path in OPERATORS else 404
            assert answer.status_code == wanted, (method, path, answer.text)
            asked += 1
        if path.endswith("/events"):
            source = await guarded.ask("a", method, there, headers={"Accept": "text/event-stream"})
            assert source.status_code == 404
    assert asked >= 9
    for path in sockets():
        there = path.replace("{order_id}", mine) + (f"?orderId={mine}" if path.endswith("execute") else "")
        if path != "/api/stream":
            assert await guarded.closed(there, additional_headers=guarded.headers("a")) == 4404, path
    assert (await guarded.ask("b", "GET", f"/api/orders/{mine}")).json()["status"] == "pending"


async def test_neither_a_key_for_repeating_nor_a_cursor_leads_to_the_order_of_another(guarded: Guarded) -> None:
    repeated = {"Idempotency-Key": "the same"}
    theirs, again, mine = [
        (await guarded.ask(who, "POST", "/api/orders/execute", json=SELL_SOL, headers=repeated)).json()
        for who in ("b", "b", "a")
    ]
    assert theirs["orderId"] == again["orderId"] != mine["orderId"]
    batch = {"orders": [SELL_SOL | {"idempotencyKey": "the same"}]}
    (item,) = (await guarded.ask("a", "POST", "/api/orders/batch", json=batch)).json()["results"]
    assert item["orderId"] == mine["orderId"]
    for _ in range(2):
        await guarded.place("b")
    cursor = (await guarded.ask("b", "GET", "/api/orders?limit=1")).json()["nextCursor"]
    listed = (await guarded.ask("a", "GET", f"/api/orders?cursor={cursor}")).json()["orders"]
    assert [order["orderId"] for order in listed] == [mine["orderId"]]


async def test_a_stream_of_all_tells_only_mine(guarded: Guarded) -> None:
    before = (await guarded.place("b"))["orderId"]
    url = guarded.engine.base_url.replace("http", "ws") + "/api/stream"
    async with asyncio.timeout(10), connect(url, additional_headers=guarded.headers("a")) as ws:
        await ws.send(orjson.dumps({"op": "subscribe", "orders": "all", "after": {before: 0}}).decode())
        assert orjson.loads(await ws.recv())["type"] == "subscribed"
        await ws.send(orjson.dumps({"op": "subscribe", "orders": [before]}).decode())
        assert orjson.loads(await ws.recv())["code"] == "unknown_order"
        assert orjson.loads(await ws.recv()) == {"type": "subscribed", "orders": []}
        await guarded.place("b")
        mine = (await guarded.place("a"))["orderId"]
        assert orjson.loads(await ws.recv())["orderId"] == mine
