"""A stream has delivered events that the database does not have, as after a restore or an asynchronous fail-over."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import orjson
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from app.orders.events import feed, replay
from app.orders.events.lost import LostEvents
from app.orders.events.publisher import BACKLOG, EventMessage, EventPublisher
from app.orders.events.signature import EventSignatures
from app.orders.events.subscriber import LogDeleted, Subscriber
from app.orders.kill_switch import switch
from app.orders.lifecycle import Status
from app.orders.model import OrderEvent
from app.orders.reconciling.state import BEHIND_STREAMS, begin
from app.orders.store.reads import OrderReader
from app.redis_client import CircuitBreaker
from tests.engine import HAPPY, Engine, eventually, running_engine
from tests.integration.test_feed import feed_of
from tests.integration.test_reconciling import done, is_reconciling
from tests.integration.test_waiting_orders import LIMIT


@pytest.fixture
async def engine(
    postgres_dsn: str, redis_dsn: str, primed_queue: None, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Engine]:
    monkeypatch.setattr(feed, "HEAL_SECONDS", 0.05)
    monkeypatch.setattr(switch, "READ_SECONDS", 0.05)
    async with running_engine(postgres_dsn, redis_dsn, mock_block_ms=5) as started:
        yield started


async def publish_lost(engine: Engine, order: str, *, ahead: timedelta = timedelta()) -> None:
    """An order that the database has forgotten, or only its start. `ahead`: the clock of that database was."""
    steps = ((Status.PENDING, 0), (Status.ROUTING, 1))
    publisher = EventPublisher(engine.redis, EventSignatures.of(engine.settings), keep_seconds=60)
    publisher.start()
    for seq, (status, attempt) in enumerate(steps, 1):
        event = OrderEvent(order_id=UUID(order), seq=seq, status=status, attempt=attempt, at=datetime.now(UTC) + ahead)
        publisher.publish(EventMessage.of("local", event))
    await publisher.stop()


async def next_seq(socket: ClientConnection) -> int:
    return int(orjson.loads(await asyncio.wait_for(socket.recv(), 5))["seq"])


async def is_noticed(engine: Engine) -> bool:
    return (await engine.http.get("/health")).json()["reconciling"] is not None


async def is_over(engine: Engine) -> bool:
    return "engine_reconciling 0.0" in (await engine.http.get("/metrics")).text and await done(engine)


@pytest.mark.parametrize("is_known", [True, False])
async def test_its_client_is_told_and_the_engine_reconciles(engine: Engine, is_known: bool) -> None:
    order = (await engine.place())["orderId"]
    async with engine.socket(f"/api/orders/execute?orderId={order}") as socket:
        assert await next_seq(socket) == 1
        await publish_lost(engine, order)
        assert await next_seq(socket) == 2
        if not is_known:
            await engine.postgres.execute("DELETE FROM order_events; DELETE FROM orders")
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 5)
        assert socket.close_code == 1013
        assert "lost events" in (socket.close_reason or "")
    assert await is_reconciling(engine)
    assert (await engine.http.get("/api/reconciliation")).json()["reason"] == BEHIND_STREAMS
    assert not await engine.redis.exists(BACKLOG + order)
    if is_known:
        await engine.start_worker()
        stream = await engine.read_stream(order, after=2)  # as a client that resumes
        assert (stream.statuses, stream.code) == (HAPPY[1:], 1000)
    else:
        assert (await engine.read_stream(order, after=2)).code == 4404


async def test_a_stream_that_has_delivered_an_end_is_closed_once_the_engine_reconciles(engine: Engine) -> None:
    """That end may be what was lost, and the stream would tell nothing more of the order."""
    waiting = (await engine.place(**LIMIT))["orderId"]
    async with engine.socket("/api/stream") as other, engine.socket("/api/stream") as socket:
        await other.send(orjson.dumps({"op": "subscribe", "orders": [waiting]}).decode())
        await socket.send('{"op":"subscribe","orders":"all"}')
        await engine.start_worker()
        order = (await engine.place())["orderId"]
        heard = None
        while heard != (order, "confirmed"):
            frame = orjson.loads(await asyncio.wait_for(socket.recv(), 5))
            heard = frame.get("orderId"), frame.get("status")
        await begin(engine.postgres, "a test")
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 5)
        assert socket.close_code == 1013
        assert "lost events" in (socket.close_reason or "")
        await asyncio.wait_for(await other.ping(), 5)


async def test_what_redis_keeps_is_not_replayed_while_the_engine_reconciles(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    await publish_lost(engine, order)
    await begin(engine.postgres, "a test")
    await eventually(partial(is_noticed, engine))
    async with engine.socket(f"/api/orders/execute?orderId={order}") as socket:
        assert await next_seq(socket) == 1
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.2)


@pytest.mark.parametrize("minutes", [0, 10])
async def test_nor_what_is_of_before_once_the_engine_has_reconciled(engine: Engine, minutes: int) -> None:
    """The clock of a standby may be behind. Then what was of before seemed newer, and stopped trading again."""
    order = (await engine.place())["orderId"]
    await publish_lost(engine, order, ahead=timedelta(minutes=minutes))
    await engine.postgres.execute("DELETE FROM order_events; DELETE FROM orders")
    await begin(engine.postgres, "a test")
    await eventually(partial(is_noticed, engine))
    await engine.start_worker()
    await eventually(partial(is_over, engine))
    assert (await engine.read_stream(order)).code == 4404
    assert not await is_reconciling(engine)


async def test_a_client_that_says_it_has_more_than_there_is_changes_nothing(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    async with engine.socket(f"/api/orders/execute?orderId={order}&after=50") as socket:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.3)  # some looks at the lengths of the logs
    assert not await is_reconciling(engine)


async def test_a_client_whose_log_is_not_read_yet_does_not_make_the_engine_reconcile(engine: Engine) -> None:
    order = UUID((await engine.place())["orderId"])
    begun = []

    async def begin() -> None:
        begun.append(order)

    lost = LostEvents(
        engine.redis,
        OrderReader(engine.postgres),
        CircuitBreaker(),
        reconciling=lambda: False,
        reconciled_at=lambda: None,
        reconciled_for=lambda: float("inf"),
        keep_seconds=60,
        begin=begin,
    )
    honest, liar = (Subscriber(owner="local", max_buffered=10) for _ in range(2))
    for subscriber, after in ((honest, 1), (liar, 999_999_999)):
        subscriber.follow(str(order), after)
    honest.apply_log({str(order): 2}, [])
    await lost.close({order: [honest, liar]})
    assert begun == []
    liar.apply_log({str(order): 1_000_000_000}, [])  # the engine has delivered that
    await lost.close({order: [honest, liar]})
    assert begun == [order]


@pytest.mark.parametrize("keeps_its_row", [True, False])
async def test_a_log_that_is_pruned_while_a_client_reads_it_does_not_make_the_engine_reconcile(
    engine: Engine, keeps_its_row: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order ended long ago. `engine prune` deletes its log, and its row unless it has a key."""
    for module in (feed, replay):
        monkeypatch.setattr(module, "PAGE", 2)
    await engine.start_worker()
    order = (await engine.place())["orderId"]
    assert (await engine.read_stream(order)).statuses == HAPPY
    await engine.redis.flushdb()
    streams = feed_of(engine, OrderReader(engine.postgres))  # fails if it begins to reconcile
    with streams.subscriber(owner="local") as subscriber:
        begun = await streams.replay(subscriber, UUID(order), 0)
        assert begun is not None
        assert [event.seq for event in begun.log] == [1, 2]
        tables = ("order_events",) if keeps_its_row else ("order_events", "orders")
        await engine.postgres.execute("; ".join(f"DELETE FROM {table}" for table in tables))
        with pytest.raises(LogDeleted):
            await asyncio.wait_for(streams.next_events(subscriber), 5)
        await streams._heal_orders()
