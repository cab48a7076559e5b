"""Sockets of clients that were written for other engines: the order as the first message, pings, unknown paths."""

import asyncio
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect

from app.access.authentication import LOCAL_OWNER
from app.api import placing, sockets
from app.api.problems import Problem
from tests.engine import HAPPY, SELL_SOL, Engine, eventually, read_to_end, running_engine
from tests.integration.test_access import ORIGIN, Guarded, guarded

__all__ = ["guarded"]

EXECUTE = "/api/orders/execute"


async def answer_to(ws: ClientConnection, message: Any) -> dict[str, Any]:
    await ws.send(message if isinstance(message, str | bytes) else orjson.dumps(message).decode())
    answer: dict[str, Any] = orjson.loads(await ws.recv())
    return answer


async def orders(engine: Engine) -> int:
    return int(await engine.postgres.fetchval("SELECT count(*) FROM orders"))


async def test_an_order_in_the_first_message_is_placed_and_followed_to_its_end(engine: Engine) -> None:
    await engine.start_worker()
    async with asyncio.timeout(10), engine.socket(EXECUTE) as ws:
        answer = await answer_to(ws, SELL_SOL | {"slippage": 1.0, "userId": "u-7"})
        stream = await read_to_end(ws)
    assert (answer["status"], answer["slippageBps"]) == ("pending", 100)
    assert answer["websocketUrl"] == answer["wsUrl"]
    assert {event["orderId"] for event in stream.events} == {answer["orderId"]}
    assert stream.statuses == HAPPY
    assert stream.code == 1000
    order = await engine.order(answer["orderId"])
    assert (order["clientOrderId"], order["slippageBps"]) == ("u-7", 100)
    assert await engine.postgres.fetchval("SELECT owner FROM orders") == LOCAL_OWNER  # a label decides nothing


async def test_a_message_with_the_same_idempotency_key_places_no_second_order(engine: Engine) -> None:
    placed = await engine.place(key="once")
    async with engine.socket(EXECUTE) as ws:
        again = await answer_to(ws, SELL_SOL | {"idempotencyKey": "once"})
    assert (again["orderId"], again["idempotent"]) == (placed["orderId"], True)
    async with engine.socket(EXECUTE) as ws:
        other = await answer_to(ws, SELL_SOL | {"idempotencyKey": "once", "amount": 2})
    assert other["code"] == "key_reused"
    url = engine.base_url.replace("http", "ws") + EXECUTE
    for message, expected in [(SELL_SOL, placed["orderId"]), (SELL_SOL | {"idempotencyKey": "once"}, None)]:
        async with connect(url, additional_headers={"Idempotency-Key": "once"}, proxy=None) as ws:
            answer = await answer_to(ws, message)
        assert (answer.get("orderId"), answer.get("code")) == (expected, None if expected else "invalid_key")
    assert await orders(engine) == 1


async def test_a_message_that_is_no_valid_order_gets_the_problem_of_a_post_and_is_closed(engine: Engine) -> None:
    for message, code in [
        ("hello", "malformed_body"),
        ("[]", "malformed_body"),
        (b"\xff", "malformed_body"),
        ("", "malformed_body"),
        (SELL_SOL | {"type": "limit"}, "invalid_order"),
        (SELL_SOL | {"amount": "0"}, "invalid_order"),
        (SELL_SOL | {"surprise": 1}, "invalid_order"),
        (SELL_SOL | {"idempotencyKey": ""}, "invalid_key"),
        (SELL_SOL | {"idempotencyKey": 7}, "invalid_key"),
    ]:
        async with asyncio.timeout(5), engine.socket(EXECUTE) as ws:
            problem = await answer_to(ws, message)
            assert (problem["code"], (await read_to_end(ws)).code) == (code, 4400), message
            assert problem["message"] == problem["detail"]
    assert await orders(engine) == 0


async def test_a_socket_without_a_first_message_is_closed(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "FIRST_MESSAGE_SECONDS", 0.05)
    async with asyncio.timeout(5), engine.socket(EXECUTE) as ws:
        assert (await read_to_end(ws)).code == 4400


async def test_orders_in_messages_count_against_the_limits(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, api_max_orders_per_min=1) as engine:
        await engine.place()
        async with asyncio.timeout(5), engine.socket(EXECUTE) as ws:
            assert (await answer_to(ws, SELL_SOL))["code"] == "too_many_orders"
            assert (await read_to_end(ws)).code == 4429
        assert await orders(engine) == 1


async def test_a_reason_that_is_too_long_for_a_close_frame_is_cut_at_a_word(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, max_daily_usd=1) as engine:
        async with asyncio.timeout(5), engine.socket(EXECUTE) as ws:
            problem = await answer_to(ws, SELL_SOL)
            assert (problem["code"], (await read_to_end(ws)).code) == ("risk_limit", 4429)
        assert len(problem["detail"]) > sockets.MAX_REASON
        assert ws.close_reason
        said = ws.close_reason.removesuffix("...")
        assert problem["detail"].startswith(f"{said} ")


def test_every_reason_fits_into_a_close_frame() -> None:
    reasons = [one.reason for one in vars(sockets).values() if isinstance(one, sockets.Close)]
    assert len(reasons) > 10
    reasons += [sockets.close_for(Problem(422, "x", text)).reason for text in ("ü" * 200, "€ " * 60, "x" * 123)]
    assert max(len(reason.encode()) for reason in reasons) == sockets.MAX_REASON
    assert reasons[-1] == "x" * 123


async def test_an_order_in_a_message_is_refused_while_trading_is_halted(engine: Engine) -> None:
    halted = await engine.http.put("/api/kill-switch", json={"state": "halted", "reason": "test"})
    assert halted.status_code == 200
    async with asyncio.timeout(5), engine.socket(EXECUTE) as ws:
        assert (await answer_to(ws, SELL_SOL))["code"] == "trading_halted"
        assert (await read_to_end(ws)).code == 1013
    assert await orders(engine) == 0


async def test_an_order_in_a_message_has_the_risk_limits_of_a_post(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, max_order_usd=1) as engine:
        async with asyncio.timeout(5), engine.socket(EXECUTE) as ws:
            assert (await answer_to(ws, SELL_SOL))["code"] == "risk_limit"
            assert (await read_to_end(ws)).code == 4400
        assert await orders(engine) == 0


async def test_only_a_key_and_an_allowed_origin_may_place_an_order_on_a_socket(guarded: Guarded) -> None:
    ticket = (await guarded.request("a", "POST", "/api/tickets", json={"scope": "stream"})).json()["ticket"]
    foreign = guarded.headers("a") | {"Origin": "https://evil.example"}
    for path, headers in ((EXECUTE, {}), (f"{EXECUTE}?ticket={ticket}", {}), (EXECUTE, foreign)):
        assert await guarded.closed(path, additional_headers=headers) == 4401, (path, headers)
    address = guarded.engine.base_url.replace("http", "ws") + EXECUTE
    async with connect(address, additional_headers=guarded.headers("a") | {"Origin": ORIGIN}) as ws:
        placed = await answer_to(ws, SELL_SOL)
    assert (await guarded.request("a", "GET", f"/api/orders/{placed['orderId']}")).status_code == 200
    assert (await guarded.request("b", "GET", f"/api/orders/{placed['orderId']}")).status_code == 404


async def test_a_key_that_was_revoked_before_the_message_places_no_order(guarded: Guarded) -> None:
    address = guarded.engine.base_url.replace("http", "ws") + EXECUTE
    async with asyncio.timeout(10), connect(address, additional_headers=guarded.headers("a")) as ws:
        await answer_to(ws, {"type": "ping"})  # the socket is open
        await guarded.engine.postgres.execute("UPDATE api_keys SET revoked_at = now() WHERE owner = 'a'")

        async def revoked() -> bool:
            return (await guarded.request("a", "GET", "/api/orders")).status_code == 401

        await eventually(revoked)
        await ws.send(orjson.dumps(SELL_SOL).decode())
        stream = await read_to_end(ws)
    assert (stream.events, stream.code) == ([], 4401)
    assert await orders(guarded.engine) == 0


async def test_a_ping_gets_a_pong_before_and_after_the_order(engine: Engine) -> None:
    ping, pong = {"type": "ping", "ts": 1}, {"type": "pong"}
    async with asyncio.timeout(5), engine.socket(EXECUTE) as ws:
        assert await answer_to(ws, ping) == pong
        order = (await answer_to(ws, SELL_SOL))["orderId"]
        assert orjson.loads(await ws.recv())["status"] == "pending"
        assert await answer_to(ws, ping) == pong
    for path in (f"/order/{order}", f"/ws/{order}", f"/api/orders/{order}/status"):
        async with asyncio.timeout(5), engine.socket(path) as ws:
            await ws.recv()
            assert await answer_to(ws, ping) == pong


async def test_a_socket_on_an_unknown_path_is_closed_with_a_reason_that_a_browser_can_read(engine: Engine) -> None:
    for path in ("/", "/socket.io/", "/api/orders", "/ws/a/b/c"):
        async with asyncio.timeout(5), engine.socket(path) as ws:
            assert (await read_to_end(ws)).code == 4404, path
            assert "wsUrl" in str(ws.close_reason)


async def test_health_and_the_queue_are_also_at_the_paths_of_other_engines(engine: Engine) -> None:
    for path, native in (("/api/health", "/health"), ("/api/queue/stats", "/api/queue")):
        answers = [await engine.http.get(one) for one in (path, native)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json().keys() == answers[1].json().keys()
