"""Limits: requests per minute over all API processes, orders under way, sockets, and time-outs for slow requests."""

import asyncio
import contextlib
import time
from functools import partial
from typing import Any

import httpx
import orjson
import pytest
from redis.asyncio import Redis

from app.access.authentication import Authenticator, Caller
from app.access.rate_limit import RateLimiter, take_from_bucket
from app.api import json_body
from app.api.admission import BATCHES_AT_ONCE
from app.redis_client import CircuitBreaker
from app.redis_scripts import PipelinedPool
from tests.engine import SELL_SOL, Engine, eventually, read_to_end, running_engine
from tests.integration.raw_client import POST, client

ORDER = "/api/orders/execute"


async def test_all_processes_share_one_quota_and_cancels_have_their_own(postgres_dsn: str, redis_dsn: str) -> None:
    quota = {"api_max_orders_per_min": 8}
    async with (
        running_engine(postgres_dsn, redis_dsn, **quota) as one,
        running_engine(postgres_dsn, redis_dsn, **quota) as two,
    ):
        answers = await asyncio.gather(*(each.http.post(ORDER, json=SELL_SOL) for each in (one, two) * 6))
        assert sorted(answer.status_code for answer in answers) == [202] * 8 + [429] * 4
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.json()["code"] == "too_many_orders"
        assert refused.json()["retryable"] is True
        assert refused.headers["ratelimit-policy"] == '"orders";q=8;w=60'
        assert refused.headers["ratelimit"].startswith('"orders";r=0;t=')
        assert 1 <= int(refused.headers["retry-after"]) <= 8
        left = [answer.headers["ratelimit"] for answer in answers if answer.status_code == 202]
        assert {text.partition(";t=")[0] for text in left} == {f'"orders";r={n}' for n in range(8)}

        # Invalid orders, reads and health checks are not counted; cancels have their own bucket.
        assert (await one.http.post(ORDER, json={})).status_code == 422
        order = next(answer.json()["orderId"] for answer in answers if answer.status_code == 202)
        for path in ("/health", f"/api/orders/{order}"):
            assert (await two.http.get(path)).status_code == 200
        cancelled = await two.http.post(f"/api/orders/{order}/cancel")
        assert cancelled.status_code == 200
        assert cancelled.headers["ratelimit"].startswith('"cancels";r=7')


async def test_a_batch_counts_each_of_its_orders_and_a_failure_drill_counts_too(
    postgres_dsn: str, redis_dsn: str
) -> None:
    async with running_engine(postgres_dsn, redis_dsn, api_max_orders_per_min=10) as engine:
        batch = {"orders": [SELL_SOL] * 6}
        assert (await engine.http.post("/api/orders/batch", json=batch)).headers["ratelimit"].startswith('"orders";r=4')
        assert (await engine.http.post("/api/orders/batch", json=batch)).status_code == 429
        assert (await engine.http.post("/test/dlq")).headers["ratelimit"].startswith('"orders";r=3')
        assert (await engine.http.post("/test/dlq/bulk")).status_code == 429
        assert (await engine.http.post("/order", json=SELL_SOL)).headers["ratelimit"].startswith('"orders";r=2')
        assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 8


async def test_without_redis_each_process_has_its_own_quota(postgres_dsn: str) -> None:
    async with running_engine(postgres_dsn, "redis://127.0.0.1:1", api_max_orders_per_min=3) as engine:
        codes = [(await engine.http.post(ORDER, json=SELL_SOL)).status_code for _ in range(5)]
        assert codes == [202] * 3 + [429] * 2


async def test_the_script_matches_the_arithmetic_and_requests_share_round_trips(redis_dsn: str) -> None:
    async with Redis.from_pool(PipelinedPool.from_url(redis_dsn)) as redis:
        limiter = RateLimiter(redis, CircuitBreaker(timeout=5))
        results = await asyncio.gather(*(limiter.take("orders", "a", 7, 50) for _ in range(12)))
        full_at = 0.0
        for result in results:
            expected, full_at = take_from_bucket(full_at, 0.0, 7, 50)
            assert (result.granted, result.left) == (expected.granted, expected.left)
            assert result.enough_in == pytest.approx(expected.enough_in, abs=0.3)
            assert (result.enough_in == 0) is result.granted
        before = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(limiter.take("orders", f"of {n % 50}", 1, 1_000_000) for n in range(5_000)))
        each = (time.process_time() - cpu) / 5_000
        trips = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] - before
        print(
            f"{each * 1e6:.0f} µs of CPU for each of 5,000, in {trips} round trips, {time.perf_counter() - began:.2f} s"
        )
        assert trips <= 12
        assert each < 100e-6
        assert 0 < await redis.pttl("engine:limit:orders:a") <= 60_000


async def test_a_full_queue_refuses_first_its_owner_and_then_all_callers(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, queue_max_per_owner=3, queue_max_depth=5) as engine:
        answers = [await engine.http.post(ORDER, json=SELL_SOL) for _ in range(4)]
        # An order placed during a count may be counted twice, for a second.
        assert [answer.status_code for answer in answers] in ([202, 202, 202, 429], [202, 202, 429, 429])
        assert answers[-1].json()["code"] == "queue_share_full"
        assert answers[-1].headers["retry-after"] == "10"
        await engine.postgres.execute("UPDATE orders SET owner = 'somebody'")

        async def accepts() -> bool:
            return (await engine.http.post(ORDER, json=SELL_SOL)).status_code == 202

        await eventually(accepts, within=30)  # a slow count is not repeated soon

        async def refused() -> httpx.Response | None:
            # An order whose write was under way during a count is missed, for a second.
            answer = await engine.http.post(ORDER, json=SELL_SOL)
            return None if answer.status_code == 202 else answer

        full = await eventually(refused)
        assert full is not None
        assert (full.status_code, full.json()["code"], full.headers["retry-after"]) == (503, "queue_full", "10")
        assert await engine.postgres.fetchval("SELECT count(*) FROM orders") <= 6
        await engine.postgres.execute("UPDATE orders SET status = 'cancelled'")
        await eventually(accepts, within=30)  # a slow count is not repeated soon


async def test_a_retry_of_a_dead_letter_needs_room_in_the_share_of_its_owner(
    postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_engine(postgres_dsn, redis_dsn, queue_max_per_owner=1) as engine:
        dead = (await engine.http.post(ORDER, json=SELL_SOL)).json()["orderId"]
        await engine.postgres.execute("UPDATE orders SET status = 'failed'")

        async def accepts() -> bool:
            return (await engine.http.post(ORDER, json=SELL_SOL)).status_code == 202

        await eventually(accepts, within=30)  # a slow count is not repeated soon
        monkeypatch.setattr(Authenticator, "authenticate", lambda *_: Caller("ops", operator=True))
        answer = await engine.http.post(f"/api/dlq/{dead}/retry")
        assert (answer.status_code, answer.json()["code"]) == (429, "queue_share_full")


async def test_sockets_are_limited_per_owner_and_per_process(postgres_dsn: str, redis_dsn: str) -> None:
    for max_sockets, per_owner, code in ((9, 2, 4429), (2, 9, 1013)):
        async with running_engine(
            postgres_dsn, redis_dsn, max_sockets=max_sockets, max_sockets_per_owner=per_owner
        ) as engine:
            order = (await engine.place())["orderId"]
            path = f"{ORDER}?orderId={order}"
            async with engine.socket(path) as first, engine.socket("/api/stream") as second:
                await first.recv()
                await second.send('{"op":"subscribe","orders":[]}')
                await second.recv()
                for more in (path, "/api/stream", f"/order/{order}"):
                    async with asyncio.timeout(5), engine.socket(more) as third:
                        assert (await read_to_end(third)).code == code
                source = await engine.http.get(f"/api/orders/{order}/events", headers={"Accept": "text/event-stream"})
                assert source.status_code == (429 if code == 4429 else 503)
            async with asyncio.timeout(5), engine.socket(path) as again:
                while (event := orjson.loads(await again.recv()))["status"] != "pending":
                    pass
                assert event["seq"] == 1


async def test_a_body_sent_a_byte_at_a_time_gets_408(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_body, "BODY_SECONDS", 0.3)
    async with client(engine) as one:
        one.send(POST + b"Content-Length: 60\r\n\r\n")
        # Only the first line: a byte that arrives after the answer may reset the connection.
        answer = asyncio.create_task(one.reader.readline())
        with contextlib.suppress(ConnectionError):
            while not answer.done():
                one.send(b" ")
                await one.writer.drain()
                await asyncio.sleep(0.05)
        assert (await answer).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(("trusted", "refused"), [(None, True), ("127.0.0.1", False)])
async def test_in_local_mode_a_header_makes_no_new_client_unless_its_proxy_is_trusted(
    postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch, trusted: str | None, refused: bool
) -> None:
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    if trusted:
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    async with running_engine(postgres_dsn, redis_dsn, api_max_orders_per_min=1) as engine:
        answers = [
            await engine.http.post("/api/orders/execute", json=SELL_SOL, headers={"X-Forwarded-For": f"192.0.2.{n}"})
            for n in range(2)
        ]
        assert [answer.status_code for answer in answers] == [202, 429 if refused else 202]


async def test_an_owner_has_so_many_batches_under_way_and_no_more_are_read(engine: Engine) -> None:
    one = {"orders": [SELL_SOL]}
    begun = POST.replace(b"/execute", b"/batch") + b"Content-Length: 60000\r\n\r\n{"
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(BATCHES_AT_ONCE):
            (await stack.enter_async_context(client(engine))).send(begun)

        async def is_refused() -> bool:
            answer = await engine.http.post("/api/orders/batch", json=one)
            return answer.status_code == 429 and answer.json()["code"] == "too_many_orders"

        await eventually(is_refused)
        assert (await engine.http.post(ORDER, json=SELL_SOL)).status_code == 202
    await eventually(partial(accepts, engine, one))


async def accepts(engine: Engine, batch: Any) -> bool:
    return (await engine.http.post("/api/orders/batch", json=batch)).status_code == 200
