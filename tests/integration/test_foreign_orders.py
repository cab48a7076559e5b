"""No caller can see, stream, cancel or retry an order of another owner (P7), on any route."""

import asyncio
import json
import re
from typing import Any

import orjson
from fastapi.routing import iter_route_contexts
from websockets.asyncio.client import connect

from app.api.layers.auth_middleware import PUBLIC, PUBLIC_BELOW
from app.main import create_app
from app.settings import load
from tests.engine import SELL_SOL
from tests.integration.test_access import ORIGIN, Guarded, guarded
from tests.integration.test_order_groups import OCO

__all__ = ["guarded"]

OPERATORS = {"/api/orders/{order_id}/connections", "/api/dlq/{order_id}/retry"}  # with an order's id in the path


BODIES: dict[tuple[str, str], Any] = {
    ("PATCH", "/api/orders/{order_id}"): {"json": {"limitPrice": "1"}, "headers": {"If-Match": "1"}},
    ("PUT", "/api/dead-man"): {"json": {"seconds": 60}},
}


def calls() -> list[tuple[str, str]]:
    """Every method and path, from the routes of the app."""
    found = set()
    for route in iter_route_contexts(create_app(load()).routes):
        found |= {(method, route.path) for method in getattr(route, "methods", None) or () if route.path}
    return sorted(found)


def sockets() -> list[str]:
    found = iter_route_contexts(create_app(load()).routes)
    return sorted({one.path for one in found if type(one.route).__name__ == "APIWebSocketRoute" and one.path})


async def test_without_a_valid_key_only_public_routes_answer(guarded: Guarded) -> None:
    wrong = guarded.held["a"][:-1] + ("0" if guarded.held["a"][-1] != "0" else "1")
    checked = 0
    for method, path in calls():
        if path in PUBLIC or path.startswith(PUBLIC_BELOW) or method == "HEAD":
            continue
        url = path.replace("{order_id}", "01a1fcdd-4c14-773b-8d77-909b122b0037")
        for headers in ({}, {"Authorization": f"Bearer {wrong}"}, {"X-API-Key": wrong[:11]}, {"X-API-Key": "\u00ff"}):
            raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
            answer = await guarded.engine.http.request(method, url, headers=raw)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"
        checked += 1
    assert checked > 20
    for path in PUBLIC:
        assert (await guarded.request(None, "GET", path)).status_code in (200, 503), path
    page = await guarded.request(None, "POST", "/api/orders/execute", headers={"Origin": ORIGIN})
    assert page.headers["access-control-allow-origin"] == ORIGIN  # otherwise a page could not read the error


def test_order_id_is_the_only_path_parameter_that_names_an_order() -> None:
    """The tests below fill in `{order_id}` only. They would miss a route that takes the id in another way."""
    paths = {path for _, path in calls()} | set(sockets())
    assert {path for path in paths if "{" in re.sub(r"\{(order|webhook)_id\}", "", path)} == {
        *("/api/order-groups/{group_id}", "/web/{path:path}", "/{path:path}")
    }
    documented = create_app(load()).openapi()
    elsewhere = re.findall(r'"name": ?"(\w*order_?id\w*)"', json.dumps(documented), flags=re.IGNORECASE)
    assert set(elsewhere) == {"order_id"}  # in the path, never in a query or a header
    bodies = {path for path, calls in documented["paths"].items() if '"requestBody"' in json.dumps(calls)}
    orders = {"/api/orders/execute", "/api/orders/batch", "/order", "/api/order-groups"}  # they create the id
    others = {"/api/tickets", "/api/kill-switch", "/api/simulate/market", "/api/simulate/pools", "/api/dead-man"}
    others.add("/api/webhooks")
    assert bodies == orders | others | {"/api/orders/{order_id}", "/api/orders/cancel-all"}


async def test_no_route_shows_or_changes_an_order_of_another_owner(guarded: Guarded) -> None:
    mine = (await guarded.place("b"))["orderId"]
    checked = 0
    for method, path in calls():
        if method == "HEAD" or path in PUBLIC or path.startswith(("/test", "/openapi")):
            continue
        body = BODIES.get((method, path), {}) | ({"json": {"orderId": mine}} if path == "/api/tickets" else {})
        url = path.replace("{order_id}", mine)
        answer = await guarded.request("a", method, url, **body)
        assert mine not in answer.text.replace(f"/api/orders/{mine}", ""), (method, path)
        if "{order_id}" in path or path == "/api/tickets":
            expected = 426 if path in sockets() and method == "GET" else 403 if path in OPERATORS else 404
            assert answer.status_code == expected, (method, path, answer.text)
            checked += 1
        if path.endswith("/events"):
            source = await guarded.request("a", method, url, headers={"Accept": "text/event-stream"})
            assert source.status_code == 404
    assert checked >= 9
    for path in sockets():
        url = path.replace("{order_id}", mine) + ("" if "{order_id}" in path else f"?orderId={mine}")
        if path != "/api/stream":
            assert await guarded.closed(url, additional_headers=guarded.headers("a")) == 4404, path
    assert (await guarded.request("b", "GET", f"/api/orders/{mine}")).json()["status"] == "pending"


async def test_a_group_of_another_owner_does_not_exist(guarded: Guarded) -> None:
    placed = (await guarded.request("b", "POST", "/api/order-groups", json=OCO)).json()
    url = f"/api/order-groups/{placed['groupId']}"
    assert (await guarded.request("a", "GET", url)).json()["code"] == "unknown_group"
    for chosen in ({"groupId": placed["groupId"]}, {}):
        answer = await guarded.request("a", "POST", "/api/orders/cancel-all", json=chosen)
        assert answer.json() == {"cancelled": 0}
    orders = (await guarded.request("b", "GET", url)).json()["orders"]
    assert [order["status"] for order in orders] == ["open", "open"]


async def test_idempotency_keys_and_cursors_do_not_cross_owners(guarded: Guarded) -> None:
    same_key = {"Idempotency-Key": "the same"}
    theirs, again, mine = [
        (await guarded.request(who, "POST", "/api/orders/execute", json=SELL_SOL, headers=same_key)).json()
        for who in ("b", "b", "a")
    ]
    assert theirs["orderId"] == again["orderId"] != mine["orderId"]
    batch = {"orders": [SELL_SOL | {"idempotencyKey": "the same"}]}
    (item,) = (await guarded.request("a", "POST", "/api/orders/batch", json=batch)).json()["results"]
    assert item["orderId"] == mine["orderId"]
    for _ in range(2):
        await guarded.place("b")
    cursor = (await guarded.request("b", "GET", "/api/orders?limit=1")).json()["nextCursor"]
    listed = (await guarded.request("a", "GET", f"/api/orders?cursor={cursor}")).json()["orders"]
    assert [order["orderId"] for order in listed] == [mine["orderId"]]


async def test_a_stream_of_all_orders_has_only_those_of_its_owner(guarded: Guarded) -> None:
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
