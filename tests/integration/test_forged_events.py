"""Who can write to Redis cannot make a stream tell of a fill, nor make a process fail."""

import asyncio
from typing import Any

import orjson
import pytest

from app.orders.events.presence import WATCHERS
from app.orders.events.publisher import BACKLOG, CHANNEL, EventMessage, pack
from app.orders.events.signature import EventSignatures
from app.orders.queue.lanes import Lane
from app.orders.queue.order_queue import LANES, STARTS
from tests.engine import HAPPY, Engine, eventually


def confirmed(order: str, seq: int) -> EventMessage:
    body = orjson.dumps({"orderId": order, "seq": seq, "status": "confirmed", "amountOut": "1000000", "forged": True})
    return EventMessage(order, "local", seq, True, body)


def forgeries(order: str, seq: int) -> list[bytes]:
    event = confirmed(order, seq)
    signed = pack(event, EventSignatures("guessed"))
    metadata, _, body = signed.partition(b"\n")
    return [signed, metadata.rpartition(b" ")[0] + b"\n" + body, body]


async def refused(engine: Engine) -> float:
    lines = (await engine.http.get("/metrics")).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("engine_events_refused_total"))


async def test_an_event_published_by_somebody_else_reaches_no_stream(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    before = await refused(engine)
    stream = asyncio.create_task(engine.read_stream(order))
    async with engine.socket("/api/stream") as every:
        await every.send('{"op":"subscribe","orders":"all"}')
        await every.recv()
        for message in forgeries(order, 2):
            assert await engine.redis.publish(CHANNEL, message) == 1

        async def counted() -> bool:
            return await refused(engine) >= before + 3

        await eventually(counted)
        await engine.start_worker()
        events = [orjson.loads(await every.recv()) for _ in range(5)]
    for log in ((await stream).events, events):
        assert [event["status"] for event in log] == HAPPY
        assert not any("forged" in event for event in log)


async def test_an_event_written_to_the_backlog_by_somebody_else_is_not_replayed(engine: Engine) -> None:
    redis: Any = engine.redis
    orders = [(await engine.place())["orderId"] for _ in range(3)]
    another = await redis.hget(BACKLOG + (await engine.place())["orderId"], "1")
    for order in orders:
        for seq, value in enumerate((*forgeries(order, 2)[:2], another), 2):
            await redis.hset(BACKLOG + order, str(seq), value)
    streams = [asyncio.create_task(engine.read_stream(order)) for order in orders]
    await engine.start_worker()
    for stream in streams:
        assert (await stream).statuses == HAPPY
        assert not any("forged" in event for event in (await stream).events)


async def test_a_worker_with_another_secret_delays_events_but_loses_none(engine: Engine) -> None:
    await engine.start_worker(engine_secret="another")
    order = (await engine.place())["orderId"]
    assert (await engine.read_stream(order)).statuses == HAPPY


async def test_a_watcher_written_by_somebody_else_is_not_listed(engine: Engine) -> None:
    redis: Any = engine.redis
    order = (await engine.place())["orderId"]
    async with engine.socket(f"/api/orders/execute?orderId={order}"):

        async def watched() -> bool:
            return bool(await redis.hlen(WATCHERS + order))

        await eventually(watched)
        await redis.hset(WATCHERS + order, mapping={"x-1": "not a time", "\xff": "2026-01-01"})
        answer = await engine.http.get(f"/api/orders/{order}/connections")
        assert (answer.status_code, len(answer.json()["connections"])) == (200, 1)


async def test_an_entry_written_by_somebody_else_leaves_the_queue(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    redis: Any = engine.redis
    entries = {b"not-an-order": 0, b"7": -1, b"x:9:owner": -1e300, b"": 1, b":2:": 0.5}
    await redis.zadd(STARTS, entries)
    await engine.start_worker()
    order = (await engine.place())["orderId"]
    assert (await engine.read_stream(order)).statuses == HAPPY

    async def gone() -> bool:
        return not any(await redis.zmscore(STARTS, list(entries))) and not await redis.exists(f"{LANES}{Lane.MARKET:d}")

    await eventually(gone)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
