"""The metrics show an operator what happens to orders and which part is in trouble."""

import asyncio
import math
import socket
from typing import Any
from uuid import UUID

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app import metrics
from app.dex.errors import DexError
from tests.engine import Engine, eventually, running_engine
from tests.fakes import After, ScriptedChain, ScriptedVenue
from tests.integration.test_access import Guarded, guarded

__all__ = ["guarded"]

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parse(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scrape(engine: Engine) -> "Metrics":
    answer = await engine.http.get("/metrics")
    assert answer.status_code == 200
    return Metrics(parse(answer.text))


class Metrics:
    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def __call__(self, name: str, **labels: str) -> float:
        return self._samples.get((name, frozenset(labels.items())), 0.0)

    def all(self, name: str) -> float:
        return sum(value for (one, _), value in self._samples.items() if one == name)


async def test_the_steps_of_orders_are_counted(engine: Engine) -> None:
    before = await scrape(engine)
    await engine.place()
    queued = await scrape(engine)
    assert queued("engine_queue_waiting") == 1
    assert queued("engine_workers_alive") == 0
    await engine.start_worker(retry_base_seconds=0.01)
    doomed = (await engine.http.post("/test/dlq")).json()["orderId"]
    assert (await engine.read_stream(doomed)).statuses[-1] == "failed"

    async def all_ended() -> bool:
        return (await scrape(engine)).all("engine_orders_ended_total") == before.all("engine_orders_ended_total") + 2

    await eventually(all_ended)
    after = await scrape(engine)

    def more(name: str, **labels: str) -> float:
        return after(name, **labels) - before(name, **labels)

    assert more("engine_orders_accepted_total") == 2
    assert more("engine_orders_failed_total", code="venue_unavailable") == 1
    assert more("engine_retries_total", code="venue_unavailable") == 2
    assert sum(more("engine_orders_ended_total", outcome="confirmed", venue=dex) for dex in ("raydium", "meteora")) == 1
    assert more("engine_start_seconds_count") == 2
    assert more("engine_run_seconds_count", outcome="confirmed") == 1
    for status, times in (("routing", 4), ("building", 1), ("submitted", 1)):
        assert more("engine_step_seconds_count", status=status) == times
    won = [more("engine_quotes_total", venue=dex, answer="won") for dex in ("raydium", "meteora")]
    lost = [more("engine_quotes_total", venue=dex, answer="lost") for dex in ("raydium", "meteora")]
    assert (won, lost) in (([1, 0], [0, 1]), ([0, 1], [1, 0]))
    assert more("engine_quotes_total", venue="unavailable", answer="venue_unavailable") == 3
    assert sum(more("engine_sends_total", venue=dex, outcome="landed") for dex in ("raydium", "meteora")) == 1
    assert more("engine_publish_lag_seconds_count") >= 3
    assert 0 < more("engine_publish_lag_seconds_sum") < 5
    assert after("engine_workers_alive") == 1
    assert after("engine_server_up", server="postgres") == after("engine_server_up", server="redis") == 1
    assert 'engine_pool_connections{state="used"}' in (await engine.http.get("/metrics")).text
    assert "process_resident_memory_bytes" in (await engine.http.get("/metrics")).text


async def test_swaps_that_fail_are_counted_by_the_venue_they_were_sent_to(engine: Engine) -> None:
    before = await scrape(engine)
    venues = [ScriptedVenue("raydium", [200_000_000]), ScriptedVenue("meteora", [DexError("rpc_timeout", "late")])]
    chain = ScriptedChain(script=["venue_unavailable"], ask_errors=[DexError("rpc_timeout", "late")])
    await engine.start_worker(venues=venues, chain=chain, retry_base_seconds=0.01)
    order = (await engine.place())["orderId"]
    assert (await engine.read_stream(order)).statuses[-1] == "failed"

    after = await scrape(engine)

    def more(name: str, **labels: str) -> float:
        return after(name, **labels) - before(name, **labels)

    assert more("engine_sends_total", venue="raydium", outcome="venue_unavailable") == 3
    assert more("engine_orders_ended_total", venue="raydium", outcome="failed") == 1
    assert more("engine_quotes_total", venue="raydium", answer="won") == 3
    assert more("engine_quotes_total", venue="meteora", answer="rpc_timeout") == 3
    assert more("engine_chain_errors_total", code="rpc_timeout") == 1
    assert more("engine_retries_total", code="venue_unavailable") == 2


async def test_the_queue_is_shown_as_it_is(engine: Engine) -> None:
    go = asyncio.Event()
    await engine.start_worker(venues=[ScriptedVenue("raydium", [After(go, 200_000_000)])], worker_concurrency=1)
    for _ in range(3):
        await engine.place()

    async def one_runs_and_two_wait() -> bool:
        now = await scrape(engine)
        return now("engine_queue_running") == 1 and now("engine_queue_oldest_seconds") > 0.1

    await eventually(one_runs_and_two_wait)
    now = await scrape(engine)
    assert now("engine_queue_waiting") == 2
    assert now("engine_starts_left") == 99
    assert now("engine_queue_oldest_seconds") < 10
    go.set()


async def test_orders_found_by_the_sweeper_are_counted(engine: Engine) -> None:
    before = await scrape(engine)
    orders = [(await engine.place())["orderId"] for _ in range(3)]
    expired, abandoned, _ = orders
    await engine.redis.flushdb()
    await engine.postgres.execute("UPDATE orders SET expires_at = now(), look_at = now() WHERE id = $1", UUID(expired))
    await engine.postgres.execute(
        """UPDATE orders SET status = 'routing', attempt = 1, claims = 1, lease_until = now() - interval '1 second',
                             look_at = now() WHERE id = $1""",
        UUID(abandoned),
    )
    await engine.start_worker()

    async def counted() -> bool:
        after = await scrape(engine)
        found = ("expired", "worker_lost", "not queued")
        return all(after("engine_swept_total", found=one) > before("engine_swept_total", found=one) for one in found)

    await eventually(counted)


async def test_lost_events_and_requests_are_counted(postgres_dsn: str) -> None:
    async with running_engine(postgres_dsn, "redis://127.0.0.1:1") as engine:
        before, route = await scrape(engine), "/api/orders/{order_id}/cancel"
        await engine.http.post(f"/api/orders/{(await engine.place())['orderId']}/cancel")

        async def lost() -> bool:
            return (await scrape(engine))("engine_events_dropped") == 1

        await eventually(lost)
        after = await scrape(engine)
        counted = "engine_http_request_seconds_count"
        assert after(counted, route=route) - before(counted, route=route) == 1
        counted, asked = "engine_http_requests_total", {"route": route, "method": "POST", "status": "200"}
        assert after(counted, **asked) - before(counted, **asked) == 1


async def test_a_cancel_a_socket_and_a_pause_are_counted(engine: Engine) -> None:
    before = await scrape(engine)
    order = (await engine.place())["orderId"]
    async with engine.socket(f"/api/orders/execute?orderId={order}") as ws:
        await ws.recv()
        await engine.http.post("/api/queue/pause")
        now = await scrape(engine)
        assert now("engine_sockets_open") - before("engine_sockets_open") == 1
        assert now("engine_trading_state") == 2
        await engine.http.post(f"/api/orders/{order}/cancel")
    after = await scrape(engine)
    ended = {"outcome": "cancelled", "venue": "none"}
    assert after("engine_orders_ended_total", **ended) - before("engine_orders_ended_total", **ended) == 1


@pytest.mark.parametrize(("down", "postgres", "redis"), [("redis", 1, 0), ("postgres", 0, 1)])
async def test_the_server_that_is_down_is_named(
    postgres_dsn: str, redis_dsn: str, down: str, postgres: int, redis: int
) -> None:
    servers = (postgres_dsn, "redis://127.0.0.1:1") if down == "redis" else ("postgresql://127.0.0.1:1/no", redis_dsn)
    async with running_engine(*servers) as engine:
        metrics = await scrape(engine)
    assert metrics("engine_server_up", server="postgres") == postgres
    assert metrics("engine_server_up", server="redis") == redis
    assert math.isnan(metrics("engine_queue_waiting")) is (down == "redis")


async def test_a_refused_order_is_counted_by_its_code(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, api_max_orders_per_min=1) as engine:
        before = await scrape(engine)
        for _ in range(3):
            await engine.http.post("/api/orders/execute", json={"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1})
        after = await scrape(engine)
    assert after("engine_quota_left_ratio_count") > before("engine_quota_left_ratio_count")
    assert after("engine_quota_left_ratio_bucket", le="0.0") > before("engine_quota_left_ratio_bucket", le="0.0")
    refused: dict[str, Any] = {"code": "too_many_orders"}
    assert after("engine_refused_total", **refused) - before("engine_refused_total", **refused) == 2


async def test_a_worker_serves_its_metrics_and_runs_without_them_when_the_port_is_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert metrics.serve("127.0.0.1", port) is None  # taken
    assert "the metrics port is not available" in caplog.text
    assert metrics.serve("127.0.0.1", 0) is None  # off unless asked for
    server = metrics.serve("127.0.0.1", port)
    assert server is not None
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"http://127.0.0.1:{port}/metrics")
    assert "engine_step_seconds" in answer.text
    assert "engine_workers_alive" not in answer.text  # only the API counts workers
    await asyncio.to_thread(server.shutdown)
    server.server_close()


async def test_in_production_the_metrics_are_for_operators(guarded: Guarded) -> None:
    wanted = {None: 401, "a": 403, "op": 200}
    got = {who: (await guarded.request(who, "GET", "/metrics")).status_code for who in wanted}
    assert got == wanted
