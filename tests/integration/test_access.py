"""Production mode: API keys, tickets and origins."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from typing import Any, Unpack

import asyncpg
import httpx
import orjson
import pytest
from websockets.asyncio.client import connect

from app import preflight
from app.access import keys
from app.main import open_context
from app.preflight.servers import keys_exist
from app.settings import SettingsError, load
from tests.engine import SELL_SOL, Engine, read_to_end, running_engine

ORIGIN = "https://app.my-domain.net"
PRODUCTION: dict[str, Any] = {
    "engine_mode": "production",
    "engine_secret": "9f2c61e07ab84d35c0d7e5b3486a1f92",
    "allowed_origins": ORIGIN,
}


async def new_key(dsn: str, owner: str, *, operator: bool = False, **terms: Unpack[keys.Terms]) -> str:
    connection = await asyncpg.connect(dsn)
    try:
        return await keys.create(connection, owner, operator=operator, **terms)
    finally:
        await connection.close()


def trust_test_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the environment names may have a password of the examples, or none."""
    monkeypatch.setattr(preflight, "server_problems", lambda _: ())


class Guarded:
    """An engine in production mode, and a client for each of three callers."""

    def __init__(self, engine: Engine, dsn: str, held: dict[str, str]) -> None:
        self.engine, self.dsn, self.held = engine, dsn, held

    def headers(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.held[who]}"}

    async def request(self, who: str | None, method: str, path: str, **more: Any) -> httpx.Response:
        headers = (self.headers(who) if who else {}) | more.pop("headers", {})
        return await self.engine.http.request(method, path, headers=headers, **more)

    async def place(self, who: str) -> dict[str, Any]:
        answer = await self.request(who, "POST", "/api/orders/execute", json=SELL_SOL)
        assert answer.status_code == 202, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def closed(self, path: str, **options: Any) -> int:
        """The close code of a socket that gets no event."""
        async with asyncio.timeout(5), connect(self.engine.base_url.replace("http", "ws") + path, **options) as ws:
            stream = await read_to_end(ws)
            assert stream.events == []
            return stream.code


@pytest.fixture
async def guarded(postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Guarded]:
    trust_test_servers(monkeypatch)
    held = {name: await new_key(postgres_dsn, name, operator=name == "op") for name in ("a", "b", "op")}
    async with running_engine(postgres_dsn, redis_dsn, **PRODUCTION) as engine:
        yield Guarded(engine, postgres_dsn, held)


async def test_a_key_is_sent_as_bearer_token_or_as_x_api_key(guarded: Guarded) -> None:
    order = (await guarded.place("a"))["orderId"]
    for headers in ({"Authorization": f"bearer {guarded.held['a']}"}, {"X-API-Key": guarded.held["a"]}):
        assert (await guarded.request(None, "GET", f"/api/orders/{order}", headers=headers)).status_code == 200


async def test_operator_routes_need_an_operator_key(guarded: Guarded) -> None:
    for method, path in [
        ("GET", "/api/dlq/failed-orders"),
        ("GET", "/api/dlq/stats"),
        ("DELETE", "/api/dlq/clear"),
        ("DELETE", "/api/dlq/clear/failed"),
        ("POST", "/api/queue/pause"),
        ("POST", "/api/queue/resume"),
        ("POST", "/test/dlq"),
        ("POST", "/test/dlq/bulk"),
    ]:
        assert (await guarded.request("a", method, path)).status_code == 403, path
        assert (await guarded.request("op", method, path)).is_success, path
    order = (await guarded.place("a"))["orderId"]
    assert (await guarded.request("op", "GET", f"/api/orders/{order}/connections")).is_success


async def test_ws_url_has_a_ticket_for_that_order_only(guarded: Guarded) -> None:
    await guarded.engine.start_worker()
    first, second = await guarded.place("a"), await guarded.place("a")
    ticket = re.search(r"ticket=([\w-]+)", first["wsUrl"])
    assert ticket
    async with asyncio.timeout(10), connect(first["wsUrl"], origin=ORIGIN) as ws:  # type: ignore[arg-type]
        assert (await read_to_end(ws)).events[-1]["status"] == "confirmed"
    for order, ticket_sent in [
        (second["orderId"], ticket[1]),
        (first["orderId"], ticket[1][:-2] + "AA"),
        (first["orderId"], ""),
        (first["orderId"], "\u00fc"),
    ]:
        path = f"/api/orders/execute?orderId={order}&ticket={ticket_sent}"
        assert await guarded.closed(httpx.URL(path).raw_path.decode()) == 4401
    assert await guarded.closed(f"/api/stream?ticket={ticket[1]}") == 4401
    assert (await guarded.request(None, "GET", f"/api/orders/{first['orderId']}?ticket={ticket[1]}")).status_code == 401


async def test_tickets_are_issued_for_an_order_and_for_the_stream(guarded: Guarded) -> None:
    order = (await guarded.place("a"))["orderId"]
    issued = await guarded.request("a", "POST", "/api/tickets", json={"orderId": order})
    async with asyncio.timeout(5), connect(issued.json()["wsUrl"] + "&after=0") as ws:
        assert orjson.loads(await ws.recv())["status"] == "pending"
    issued = await guarded.request("a", "POST", "/api/tickets", json={"scope": "stream"})
    assert issued.headers["cache-control"] == "no-store"
    async with asyncio.timeout(5), connect(issued.json()["wsUrl"]) as ws:
        await ws.send('{"op":"subscribe","orders":"all"}')
        assert orjson.loads(await ws.recv())["type"] == "subscribed"
        assert orjson.loads(await ws.recv())["orderId"] == order
    for wrong in ({}, {"scope": "all"}, {"orderId": order, "scope": "stream"}, {"orderId": 7}):
        assert (await guarded.request("a", "POST", "/api/tickets", json=wrong)).status_code == 422


async def test_a_socket_from_an_origin_that_is_not_configured_is_refused(guarded: Guarded) -> None:
    order = await guarded.place("a")
    for origin in ("https://evil.net", "http://localhost:3000", "null"):
        async with asyncio.timeout(5), connect(order["wsUrl"], origin=origin) as ws:  # type: ignore[arg-type]
            stream = await read_to_end(ws)
        assert (stream.code, stream.events) == (4401, []), origin


async def test_in_local_mode_only_loopback_origins_may_open_sockets(engine: Engine) -> None:
    order = await engine.place()
    assert "ticket" not in order["wsUrl"]
    for origin, allowed in (
        ("http://localhost:5173", True),
        ("http://127.0.0.1:3000", True),
        ("https://evil.net", False),
    ):
        async with asyncio.timeout(5), connect(order["wsUrl"], origin=origin) as ws:  # type: ignore[arg-type]
            if allowed:
                assert orjson.loads(await ws.recv())["status"] == "pending"
            else:
                assert (await read_to_end(ws)).code == 4401


async def test_keys_and_tickets_are_not_logged(guarded: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)  # on DEBUG, uvicorn logs the raw messages
    order = await guarded.place("a")
    async with asyncio.timeout(5), connect(order["wsUrl"]) as ws:
        await ws.recv()
    await guarded.closed(f"/api/stream?ticket={'x' * 60}")
    logged = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "socket opened" in logged
    ticket = order["wsUrl"].partition("ticket=")[2]
    assert ticket
    for secret in (ticket, "x" * 60, guarded.held["a"][keys.PREFIX_LENGTH :], PRODUCTION["engine_secret"]):
        assert secret not in logged


async def test_production_does_not_start_without_a_key(
    postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust_test_servers(monkeypatch)
    settings = load(database_url=postgres_dsn, redis_url=redis_dsn, **PRODUCTION)
    with pytest.raises(SettingsError, match="engine keys create"):
        async with open_context(settings):
            pass
    with pytest.raises(SettingsError, match="engine keys create"):
        await keys_exist(postgres_dsn)
    await new_key(postgres_dsn, "a")
    await keys_exist(postgres_dsn)
    await keys_exist("postgresql://127.0.0.1:1/none")


async def test_no_cache_keeps_what_needs_a_key(guarded: Guarded) -> None:
    order = (await guarded.place("a"))["orderId"]
    documents = ("/docs", "/openapi.json", "/asyncapi.json", "/docs/files/swagger-ui.css")
    for path in ("/api/orders", f"/api/orders/{order}/history", "/metrics", "/nowhere", *documents):
        assert (await guarded.request("op", "GET", path)).headers.get_list("cache-control") == ["no-store"], path
    assert (await guarded.request("a", "GET", "/")).headers["cache-control"] == "no-cache"
