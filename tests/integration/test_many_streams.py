"""Many streams of one owner, which may follow a thousand orders each: what they may cost others."""

import asyncio
import contextlib
import gc
import itertools
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from websockets.exceptions import ConnectionClosed

from app.api import placing, sockets
from app.api.json_body import parse
from app.api.routes import stream as stream_routes
from app.orders.events import fan_out, following
from app.orders.events import feed as feed_module
from app.orders.events.publisher import EventMessage
from app.orders.events.subscriber import Subscriber
from app.orders.events.turns import AT_ONCE
from app.orders.store.reads import OrderReader
from app.server.websocket_protocol import WebSocketProtocol
from tests.engine import Engine
from tests.integration.hostile_client import frame
from tests.integration.test_api_stream import StreamClient, open_stream
from tests.integration.test_feed import feed_of

pytestmark = pytest.mark.usefixtures("primed_queue")


async def test_others_are_served_between_the_streams_of_an_owner_that_an_event_wakes(engine: Engine) -> None:
    """With a thousand streams and 120 orders a request of another owner took 3.6 s."""
    feed, ran = feed_of(engine, OrderReader(engine.postgres)), list[str]()
    order = UUID((await engine.place())["orderId"])

    async def stream() -> None:
        with feed.subscriber(owner="local") as subscriber:
            await feed.follow_many(subscriber, {order: 0}, lambda _: None)
            await feed.next_events(subscriber)
            await all_follow.wait()
            await feed.next_events(subscriber)
            ran.append("stream")

    async def others() -> None:
        await all_follow.wait()
        for _ in range(3):
            await asyncio.sleep(0)  # the streams wait
        feed._fan_out.receive(EventMessage(str(order), "local", 2, False, b"{}"))
        while ran.count("stream") < 50:
            await asyncio.sleep(0)
            ran.append("others")

    all_follow = asyncio.Barrier(51)
    await asyncio.gather(*(stream() for _ in range(50)), others())
    assert max(len(list(some)) for who, some in itertools.groupby(ran) if who == "stream") <= AT_ONCE


@pytest.mark.parametrize("from_redis", [True, False])
async def test_others_are_served_between_the_streams_of_an_owner_that_begin(engine: Engine, from_redis: bool) -> None:
    """With a thousand sockets on an order with 99 events a request of another owner took 5.2 s."""
    feed, ran = feed_of(engine, OrderReader(engine.postgres)), list[str]()
    orders = [UUID((await engine.place())["orderId"]) for _ in range(1 if from_redis else 50)]
    if not from_redis:
        await engine.redis.flushdb()

    async def stream(order: UUID) -> None:
        with feed.subscriber(owner="local") as subscriber:
            replay = await feed.replay(subscriber, order, 0)
            assert replay is not None
            assert [item.seq for item in replay.log] == [1]
            ran.append("stream")

    async def others() -> None:
        while ran.count("stream") < 50:
            await asyncio.sleep(0)
            ran.append("others")

    await asyncio.gather(*(stream(order) for order in itertools.islice(itertools.cycle(orders), 50)), others())
    assert max(len(list(some)) for who, some in itertools.groupby(ran) if who == "stream") <= 2 * AT_ONCE


@pytest.mark.parametrize(("path", "read_by"), [("/api/stream", stream_routes), ("/api/orders/execute", placing)])
async def test_others_are_served_between_the_messages_of_an_owner(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, path: str, read_by: ModuleType
) -> None:
    """With a thousand sockets, and five invalid messages a second on each, a request of another owner took 2.3 s."""
    ran = list[str]()

    def read(body: bytes) -> dict[str, Any]:
        ran.append("message")
        return parse(body)

    monkeypatch.setattr(read_by, "parse", read)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(50):
            await stack.enter_async_context(engine.socket(path))
        for protocol in [one for one in gc.get_objects() if isinstance(one, WebSocketProtocol)]:
            protocol.data_received(frame(1, b"x"))
        async with asyncio.timeout(10):
            while ran.count("message") < 50:
                await asyncio.sleep(0)
                ran.append("others")
    assert max(len(list(some)) for who, some in itertools.groupby(ran) if who == "message") <= AT_ONCE


async def test_streams_of_an_order_to_which_nothing_happens_are_looked_at_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second look at each of a thousand streams of a thousand orders, each second, would take half a second."""
    looks, exists = list[int](), Subscriber.exists

    def counted(subscriber: Subscriber, order: str, seq: int) -> bool:
        looks.append(seq)
        return exists(subscriber, order, seq)

    feed, order = feed_of(engine, OrderReader(engine.postgres)), UUID((await engine.place())["orderId"])
    with feed.subscriber(owner="local") as one, feed.subscriber(owner="local") as other:
        for subscriber in (one, other):
            await feed.follow_many(subscriber, {order: 0}, lambda _: None)
            await feed.next_events(subscriber)
        monkeypatch.setattr(Subscriber, "exists", counted)
        for _ in range(3):
            await feed._heal_orders()
        assert looks == [1, 1]
        await engine.http.post(f"/api/orders/{order}/cancel")  # nothing is received of it
        for _ in range(2):
            await feed._heal_orders()
        assert looks == [1, 1] + [2, 2] * 2  # until they have read it
        assert [item.seq for item in await feed.next_events(one)] == [2]


async def test_streams_are_told_once_of_an_order_of_which_no_message_came(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last orders are found again each second: at first a thousand streams were asked about each."""
    asked, follows = list[str](), Subscriber.follows

    def counted(subscriber: Subscriber, order: str) -> bool:
        asked.append(order)
        return follows(subscriber, order)

    feed = feed_of(engine, OrderReader(engine.postgres))
    with feed.subscriber(owner="local") as one, feed.subscriber(owner="local") as other:
        for subscriber in (one, other):
            await feed.follow_owner(subscriber, "local")
        order = (await engine.place())["orderId"]
        monkeypatch.setattr(Subscriber, "follows", counted)
        for _ in range(3):
            await feed._heal_owners()
        assert asked == [order, order]
        with feed.subscriber(owner="local") as late:
            await feed.follow_owner(late, "local")
            await feed._heal_owners()
            assert [item.seq for item in await feed.next_events(late)] == [1]


async def test_what_waits_to_be_handed_on_is_not_read_from_postgres(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "AT_ONCE", 1)
    monkeypatch.setattr(feed_module, "HEAL_SECONDS", 0.0)
    feed = feed_of(engine, OrderReader(engine.postgres))
    with feed.subscriber(owner="local") as one, feed.subscriber(owner="local") as other:
        for subscriber in (one, other):
            await feed.follow_owner(subscriber, "local")
        known = (await engine.place())["orderId"]
        await feed._heal_owners()
        for subscriber in (one, other):
            await feed.next_events(subscriber)
        await engine.http.post(f"/api/orders/{known}/cancel")
        new = (await engine.place())["orderId"]
        for order, seq in ((known, 2), (new, 1)):
            feed._fan_out.receive(EventMessage(order, "local", seq, False, b"{}"))
        await feed._heal_orders()
        await feed._heal_owners()
        assert [one.needed(), other.needed()] == [{}, {}]
        task = asyncio.create_task(feed._fan_out.run())
        assert [item.seq for item in await feed.next_events(one)] == [2]
        assert [item.seq for item in await feed.next_events(one)] == [1]
        task.cancel()


async def test_streams_that_follow_too_many_orders_together_are_closed_until_the_rest_have_room(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2,000 open orders and a thousand streams took 677 MiB, and the API has a GiB with compose."""
    monkeypatch.setattr(following, "MAX_FOLLOWED", 3)
    async with open_stream(engine) as one, open_stream(engine) as other:
        for client in (one, other):
            await client.subscribe("all")
            await client.receive()
        orders = [(await engine.place())["orderId"] for _ in range(3)]
        ends = await asyncio.gather(received(one, 3), received(other, 3), return_exceptions=True)
        [closed] = [end for end in ends if isinstance(end, ConnectionClosed)]
        assert closed.rcvd is not None
        assert tuple(sockets.TOO_MANY_FOLLOWED) == (closed.rcvd.code, closed.rcvd.reason)
        [kept] = [client for client, end in zip((one, other), ends, strict=True) if end is None]
        assert kept.received == {order: [1] for order in orders}
        async with open_stream(engine) as third:
            await third.subscribe(orders)
            with pytest.raises(ConnectionClosed):
                await third.receive()


async def test_nothing_is_kept_of_an_order_that_ended_while_it_was_looked_at(engine: Engine) -> None:
    feed, order = feed_of(engine, OrderReader(engine.postgres)), UUID((await engine.place())["orderId"])
    with feed.subscriber(owner="local") as subscriber:
        await feed.follow_many(subscriber, {order: 0}, lambda _: None)
        await feed.next_events(subscriber)
        looking = asyncio.create_task(feed._heal_orders())
        await asyncio.sleep(0)
        feed.unfollow(subscriber, str(order))
        await looking
    assert feed._following._complete == {}


async def received(client: StreamClient, orders: int) -> None:
    while len(client.received) < orders:
        await client.receive()
