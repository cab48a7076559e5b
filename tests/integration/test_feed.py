"""What a subscriber hears when the bell fails, and when an order ends at the worst moment."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import pytest
from redis.asyncio import Redis

from app.orders.events.feed import Feed
from app.orders.events.publisher import BACKLOG, CHANNEL
from app.orders.store.reads import LogHead, OrderReader
from app.redis_client import CircuitBreaker
from tests.engine import HAPPY, Engine, eventually


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


async def test_an_order_that_ends_while_its_log_is_read_is_known_to_have_ended(engine: Engine) -> None:
    order = await engine.place()
    await engine.redis.delete(BACKLOG + order["orderId"])  # so that the book is asked
    feed = Feed(engine.redis, ConfirmedMeanwhile(engine.postgres, engine), CircuitBreaker())
    with feed.subscriber(owner=None) as subscriber:
        admitted = await feed.replay(subscriber, UUID(order["orderId"]), 0)
    assert admitted is not None
    assert [item.seq for item in admitted.log] == [1, 2, 3, 4, 5]
    assert admitted.ended


async def test_replaying_a_live_order_asks_the_book_nothing(engine: Engine) -> None:
    order = await engine.place()

    class Mute(OrderReader):
        async def owned(self, ids: Sequence[UUID], owner: str | None) -> dict[UUID, LogHead]:
            raise AssertionError("the book was asked")

    feed = Feed(engine.redis, Mute(engine.postgres), CircuitBreaker())
    with feed.subscriber(owner="local") as subscriber:
        admitted = await feed.replay(subscriber, UUID(order["orderId"]), 0)
    assert admitted is not None
    assert [item.seq for item in admitted.log] == [1]


async def test_a_backlog_of_somebody_else_is_not_shown(engine: Engine) -> None:
    order = await engine.place()
    feed = Feed(engine.redis, OrderReader(engine.postgres), CircuitBreaker())
    with feed.subscriber(owner="somebody else") as subscriber:
        assert await feed.replay(subscriber, UUID(order["orderId"]), 0) is None


async def test_a_backlog_with_a_hole_is_not_believed(engine: Engine) -> None:
    await engine.start_worker(mock_execution_ms_min=500, mock_execution_ms_max=500)
    order = await engine.place()

    async def submitted() -> bool:
        return bool((await engine.order(order["orderId"]))["status"] == "submitted")

    await eventually(submitted)
    await engine.redis.hdel(BACKLOG + order["orderId"], "2")  # type: ignore[misc]
    assert (await engine.read_stream(order["orderId"])).statuses == HAPPY


async def test_when_every_announcement_is_lost_the_book_tells_the_story(engine: Engine) -> None:
    order = await engine.place()
    listening = asyncio.create_task(engine.read_stream(order["orderId"]))

    async def subscribed() -> bool:
        channels = await engine.redis.pubsub_channels()
        return CHANNEL.encode() in channels

    await eventually(subscribed)
    deaf = Redis.from_url(engine.settings.redis_dsn or "")
    await engine.start_worker()
    # The worker's announcements find nobody: the subscription is killed again and again.
    while not listening.done():
        await deaf.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await asyncio.sleep(0.02)
    await deaf.aclose()
    assert (await listening).statuses == HAPPY


async def test_an_active_order_is_kept_in_redis_and_an_ended_one_not_for_long(engine: Engine) -> None:
    order = await engine.place()
    key = BACKLOG + order["orderId"]
    assert 3500 < await engine.redis.ttl(key) <= 3600
    await engine.start_worker()
    await engine.read_stream(order["orderId"])
    assert 0 < await engine.redis.ttl(key) <= 60


async def test_noise_on_the_channel_disturbs_no_stream(engine: Engine) -> None:
    order = await engine.place()
    listening = asyncio.create_task(engine.read_stream(order["orderId"]))
    for noise in (b"", b"noise", b"\xff\xff \n", b"a b c d\n{}"):
        await engine.redis.publish(CHANNEL, noise)
    await engine.start_worker()
    assert (await listening).statuses == HAPPY


async def test_a_closed_socket_leaves_a_line_with_its_code_what_it_was_sent_and_how_late(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "engine")
    order = await engine.place()
    listening = asyncio.create_task(engine.read_stream(order["orderId"]))
    await engine.start_worker()
    await listening
    line = next(record for record in caplog.records if record.message == "socket closed")
    told = vars(line)
    assert (told["order"], told["code"], told["sent"]) == (order["orderId"], 1000, 5)
    assert 0 <= told["lag_ms"] < 1000
