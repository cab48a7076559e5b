"""What a subscriber receives when the event channel fails, and when an order ends at the worst moment."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from redis.asyncio import Redis

from app.orders.events import feed as feed_module
from app.orders.events import replay as replay_module
from app.orders.events.feed import Feed
from app.orders.events.lost import LostEvents
from app.orders.events.publisher import BACKLOG, CHANNEL, EventMessage
from app.orders.events.signature import EventSignatures
from app.orders.store.reads import LogHead, OrderReader
from app.redis_client import CircuitBreaker
from tests.engine import HAPPY, Engine, eventually, running_engine


def feed_of(
    engine: Engine, reader: OrderReader, reconciled_at: datetime | None = None, reconciled_for: float = float("inf")
) -> Feed:
    async def begin() -> None:
        raise AssertionError("nothing was lost")

    breaker = CircuitBreaker()
    lost = LostEvents(
        engine.redis,
        reader,
        breaker,
        reconciling=lambda: False,
        reconciled_at=lambda: reconciled_at,
        reconciled_for=lambda: reconciled_for,
        keep_seconds=60,
        begin=begin,
    )
    return Feed(engine.redis, EventSignatures.of(engine.settings), reader, breaker, lost)


class ConfirmedMeanwhile(OrderReader):
    """Another process ends the order right after its status was read."""

    def __init__(self, pool: asyncpg.Pool, engine: Engine) -> None:
        super().__init__(pool)
        self._engine = engine

    async def owned(self, ids: Sequence[UUID], owner: str | None) -> dict[UUID, LogHead]:
        heads = await super().owned(ids, owner)
        await self._engine.start_worker()

        async def confirmed() -> bool:
            return bool((await self._engine.order(str(ids[0])))["status"] == "confirmed")

        await eventually(confirmed)
        return heads


async def test_an_order_that_ends_while_its_log_is_read_is_seen_to_have_ended(engine: Engine) -> None:
    order = await engine.place()
    await engine.redis.delete(BACKLOG + order["orderId"])  # so that Postgres is read
    feed = feed_of(engine, ConfirmedMeanwhile(engine.postgres, engine))
    with feed.subscriber(owner=None) as subscriber:
        replay = await feed.replay(subscriber, UUID(order["orderId"]), 0)
    assert replay is not None
    assert [item.seq for item in replay.log] == [1, 2, 3, 4, 5]
    assert replay.ended


@pytest.mark.parametrize("from_redis", [True, False])
async def test_a_long_log_is_given_in_pages(engine: Engine, from_redis: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that reads slowly makes the engine keep one page, not the log."""
    for module in (feed_module, replay_module):
        monkeypatch.setattr(module, "PAGE", 2)
    order, other = await engine.place(), await engine.place()
    await engine.start_worker()
    await eventually(lambda: ended(engine, order, other))
    if not from_redis:
        await engine.redis.flushdb()
    ids = [UUID(one["orderId"]) for one in (order, other)]
    feed, counted, pages = feed_of(engine, OrderReader(engine.postgres)), list[int](), list[list[int]]()
    with feed.subscriber(owner="local") as subscriber:
        replay = await feed.replay(subscriber, ids[0], 0)
        assert replay is not None
        assert (replay.last, replay.ended) == (5, False)
        pages = [[item.seq for item in replay.log]]
        while pages[-1][-1] < 5:
            pages.append([item.seq for item in await feed.next_events(subscriber)])
    assert pages == [[1, 2], [3, 4], [5]]
    with feed.subscriber(owner="local") as subscriber:
        await feed.follow_many(subscriber, {ids[0]: 1, ids[1]: 0}, counted.append)
        given: dict[str, list[int]] = {str(one): [] for one in ids}
        for _ in range(5):
            for item in (page := await feed.next_events(subscriber)):
                given[item.order].append(item.seq)
            assert len(page) <= 2
    assert counted == [9]
    assert list(given.values()) == [[2, 3, 4, 5], [1, 2, 3, 4, 5]]


async def test_a_message_that_is_late_repeats_no_event(engine: Engine) -> None:
    """It comes to a follower of all orders, while the order's log is asked for."""
    name = (await engine.place())["orderId"]
    message = await engine.redis.hget(BACKLOG + name, "1")  # type: ignore[misc]

    class LateMessage(OrderReader):
        async def owned(self, ids: Sequence[UUID], owner: str | None) -> dict[UUID, LogHead]:
            await engine.redis.publish(CHANNEL, message)
            assert [item.seq for item in await feed.next_events(witness)] == [1]
            return await super().owned(ids, owner)

    feed, given = feed_of(engine, LateMessage(engine.postgres)), list[int]()
    feed.start()
    await eventually(lambda: connected(feed))
    with feed.subscriber(owner="local") as subscriber, feed.subscriber(owner="local") as witness:
        for one in (witness, subscriber):
            await feed.follow_owner(one, "local")
        await feed.follow_many(subscriber, {UUID(name): 0}, lambda _: None)
        await engine.start_worker()
        while given[-1:] != [5]:
            given += [item.seq for item in await feed.next_events(subscriber)]
    await feed.stop()
    assert given == [1, 2, 3, 4, 5]


async def test_events_without_end_of_one_order_keep_none_of_another_waiting(engine: Engine) -> None:
    name, busy = (await engine.place())["orderId"], "01a1fcdd-4c14-773b-8d77-909b122b0037"
    feed, given = feed_of(engine, OrderReader(engine.postgres)), list[str]()
    with feed.subscriber(owner="local") as subscriber:
        await feed.follow_many(subscriber, {UUID(name): 0}, lambda _: None)
        for seq in range(1, 5):
            subscriber.receive(EventMessage(busy, "local", seq, False, b"{}"))
            given += [item.order for item in await feed.next_events(subscriber)]
    assert given == [busy, busy, name, busy, busy]


async def connected(feed: Feed) -> bool:
    return feed.connected


async def ended(engine: Engine, *orders: dict[str, Any]) -> bool:
    return {(await engine.order(one["orderId"]))["status"] for one in orders} == {"confirmed"}


@pytest.mark.parametrize("before", [(), (datetime(2026, 1, 1, tzinfo=UTC), 61)])
async def test_replaying_a_live_order_needs_no_query(engine: Engine, before: tuple[Any, ...]) -> None:
    order = await engine.place()

    class NoQueries(OrderReader):
        async def owned(self, ids: Sequence[UUID], owner: str | None) -> dict[UUID, LogHead]:
            raise AssertionError("Postgres was asked")

    feed = feed_of(engine, NoQueries(engine.postgres), *before)
    with feed.subscriber(owner="local") as subscriber:
        replay = await feed.replay(subscriber, UUID(order["orderId"]), 0)
    assert replay is not None
    assert [item.seq for item in replay.log] == [1]


async def test_the_backlog_of_another_owner_is_not_shown(engine: Engine) -> None:
    order = await engine.place()
    feed = feed_of(engine, OrderReader(engine.postgres))
    with feed.subscriber(owner="another owner") as subscriber:
        assert await feed.replay(subscriber, UUID(order["orderId"]), 0) is None


async def test_a_backlog_with_a_gap_is_not_used(engine: Engine) -> None:
    await engine.start_worker(mock_execution_ms_min=500, mock_execution_ms_max=500)
    order = await engine.place()

    async def submitted() -> bool:
        return bool((await engine.order(order["orderId"]))["status"] == "submitted")

    await eventually(submitted)
    await engine.redis.hdel(BACKLOG + order["orderId"], "2")  # type: ignore[misc]
    assert (await engine.read_stream(order["orderId"])).statuses == HAPPY


async def test_when_every_message_is_lost_the_log_comes_from_postgres(engine: Engine) -> None:
    order = await engine.place()
    stream = asyncio.create_task(engine.read_stream(order["orderId"]))

    async def subscribed() -> bool:
        channels = await engine.redis.pubsub_channels()
        return CHANNEL.encode() in channels

    await eventually(subscribed)
    killer = Redis.from_url(engine.settings.redis_dsn or "")
    await engine.start_worker()
    # No message of the worker arrives: the subscription is killed again and again.
    while not stream.done():
        await killer.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await asyncio.sleep(0.02)
    await killer.aclose()
    assert (await stream).statuses == HAPPY


async def test_an_active_order_is_kept_in_redis_and_an_ended_one_not_for_long(engine: Engine) -> None:
    order = await engine.place()
    key = BACKLOG + order["orderId"]
    assert 3500 < await engine.redis.ttl(key) <= 3600
    await engine.start_worker()
    await engine.read_stream(order["orderId"])
    assert 0 < await engine.redis.ttl(key) <= 60


async def test_invalid_messages_on_the_channel_disturb_no_stream(engine: Engine) -> None:
    order = await engine.place()
    stream = asyncio.create_task(engine.read_stream(order["orderId"]))
    for invalid in (b"", b"invalid", b"\xff\xff \n", b"a b c d\n{}"):
        await engine.redis.publish(CHANNEL, invalid)
    await engine.start_worker()
    assert (await stream).statuses == HAPPY


async def test_engines_on_two_database_numbers_of_one_redis_do_not_hear_each_other(
    engine: Engine, postgres_dsn: str, redis_dsn: str
) -> None:
    other_dsn = redis_dsn.rpartition("/")[0] + "/1"
    async with running_engine(postgres_dsn, other_dsn) as other:
        order = await other.place()

        async def both_listen() -> bool:
            channels = await engine.redis.pubsub_channels(f"{CHANNEL}*")
            return set(channels) == {CHANNEL.encode(), f"{CHANNEL}:1".encode()}

        await eventually(both_listen)
        await other.start_worker()
        assert (await other.read_stream(order["orderId"])).statuses == HAPPY
        await other.redis.flushdb()


async def test_the_log_says_how_a_socket_was_closed_what_it_was_sent_and_how_late(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "engine")
    order = await engine.place()
    stream = asyncio.create_task(engine.read_stream(order["orderId"]))
    await engine.start_worker()
    await stream
    line = next(record for record in caplog.records if record.message == "socket closed")
    fields = vars(line)
    assert (fields["order"], fields["code"], fields["sent"]) == (order["orderId"], 1000, 5)
    assert 0 <= fields["lag_ms"] < 1000
