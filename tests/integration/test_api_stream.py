"""Many orders on one socket: the events of each order arrive once and in order, until the client closes it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import orjson
import pytest
from websockets.asyncio.client import ClientConnection

from app.orders.store.reads import OrderReader
from tests.engine import HAPPY, Engine
from tests.fakes import After, ScriptedChain, ScriptedVenue

pytestmark = pytest.mark.usefixtures("primed_queue")

UNKNOWN = "01a1fcdd-4c14-773b-8d77-909b122b0037"


class StreamClient:
    """One client of /api/stream, and the events it has received."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws
        self.received: dict[str, list[int]] = {}  # order → numbers of its events, in the order of arrival

    async def send(self, **frame: Any) -> None:
        await self.ws.send(orjson.dumps(frame).decode())

    async def subscribe(self, orders: Any, **frame: Any) -> None:
        await self.send(op="subscribe", orders=orders, **frame)

    async def receive(self) -> dict[str, Any]:
        frame: dict[str, Any] = orjson.loads(await asyncio.wait_for(self.ws.recv(), 5))
        if frame["type"] == "event":
            self.received.setdefault(frame["orderId"], []).append(frame["seq"])
        return frame

    async def receive_ends(self, count: int) -> None:
        """Receive until that many more orders have ended."""
        while count:
            count -= (await self.receive()).get("status") in ("confirmed", "failed", "cancelled")

    async def receives_no_more(self) -> None:
        """No more events arrive. Any event on its way would come before the answer to an invalid message."""
        await self.send(op="nonsense")
        while (frame := await self.receive())["type"] != "error":
            assert frame["type"] == "subscribed"


@contextlib.asynccontextmanager
async def open_stream(engine: Engine) -> AsyncIterator[StreamClient]:
    async with engine.socket("/api/stream") as ws:
        yield StreamClient(ws)


async def test_an_order_of_which_no_event_comes_is_said_to_have_ended(engine: Engine) -> None:
    """Its client has all events, or `engine prune` has deleted them: then nothing more is read of it."""
    await engine.start_worker()
    known, pruned = (await engine.place())["orderId"], (await engine.place())["orderId"]
    for order in (known, pruned):
        await engine.read_stream(order)
    await engine.postgres.execute("DELETE FROM order_events WHERE order_id = $1", UUID(pruned))
    async with open_stream(engine) as client:
        await client.subscribe([known, pruned], after={known: len(HAPPY)})
        assert await client.receive() == {"type": "subscribed", "orders": [known, pruned]}
        ended = [await client.receive() for _ in range(2)]
        assert ended == [{"type": "ended", "orderId": order} for order in (known, pruned)]
        await client.receives_no_more()


async def test_named_orders_are_streamed_from_their_first_event(engine: Engine) -> None:
    orders = [(await engine.place())["orderId"] for _ in range(10)]
    other = (await engine.place())["orderId"]
    async with open_stream(engine) as client:
        await client.subscribe(orders)
        assert await client.receive() == {"type": "subscribed", "orders": orders}
        await engine.start_worker()
        await client.receive_ends(10)
        await engine.read_stream(other)
        await client.receives_no_more()
    assert client.received == {order: [1, 2, 3, 4, 5] for order in orders}


async def test_an_event_is_the_same_as_on_other_streams(engine: Engine) -> None:
    await engine.start_worker()
    order = (await engine.place())["orderId"]
    events = (await engine.read_stream(order)).log
    async with open_stream(engine) as client:
        await client.subscribe([order])
        await client.receive()
        assert [await client.receive() for _ in range(5)] == [{"type": "event", **event} for event in events]


async def test_all_follows_unfinished_orders_and_every_later_one(engine: Engine) -> None:
    await engine.start_worker()
    ended = (await engine.place())["orderId"]
    await engine.read_stream(ended)
    # An order that ended within the last two seconds may be sent too.
    await engine.postgres.execute("UPDATE orders SET created_at = created_at - interval '1 minute'")
    await engine.hold_starts()
    unfinished = [(await engine.place())["orderId"] for _ in range(3)]
    async with open_stream(engine) as client:
        await client.subscribe("all")
        assert await client.receive() == {"type": "subscribed", "orders": "all"}
        later = [(await engine.place())["orderId"] for _ in range(3)]
        await engine.release_starts()
        await client.receive_ends(6)
        last = (await engine.place())["orderId"]
        await client.receive_ends(1)
        await client.receives_no_more()
    assert client.received == {order: [1, 2, 3, 4, 5] for order in [*unfinished, *later, last]}


async def test_events_before_after_are_not_sent_again(engine: Engine) -> None:
    await engine.start_worker()
    done, half = [(await engine.place())["orderId"] for _ in range(2)]
    for order in (done, half):
        await engine.read_stream(order)
    async with open_stream(engine) as client:
        await client.subscribe([done, half], after={done: 5, half: 3})
        await client.receive()
        await client.receive_ends(1)
        await client.receives_no_more()
        assert client.received == {half: [4, 5]}
        # Subscribing again to the same orders sends nothing twice.
        await client.subscribe([done, half])
        assert (await client.receive())["type"] == "subscribed"
        await client.receives_no_more()
    assert client.received == {half: [4, 5]}


async def test_after_a_reconnect_all_resumes_also_for_orders_that_ended_meanwhile(engine: Engine) -> None:
    go = asyncio.Event()
    await engine.start_worker(venues=[ScriptedVenue("raydium", [After(go, 200_000_000)])], chain=ScriptedChain())
    order = (await engine.place())["orderId"]
    async with open_stream(engine) as client:
        await client.subscribe("all")
        while (await client.receive()).get("status") != "routing":
            pass
    go.set()
    await engine.read_stream(order)
    async with open_stream(engine) as client:
        await client.subscribe("all", after={order: 2})
        assert (await client.receive())["type"] == "subscribed"
        await client.receive_ends(1)
    assert client.received == {order: [3, 4, 5]}


async def test_unknown_orders_are_reported_and_known_ones_streamed(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    async with open_stream(engine) as client:
        await client.subscribe([UNKNOWN, order])
        assert await client.receive() == {"type": "error", "code": "unknown_order", "orderId": UNKNOWN}
        assert await client.receive() == {"type": "subscribed", "orders": [order]}
        await engine.start_worker()
        await client.receive_ends(1)
    assert client.received == {order: [1, 2, 3, 4, 5]}


async def test_many_subscriptions_on_one_socket_while_orders_run(engine: Engine) -> None:
    await engine.start_worker()
    async with open_stream(engine) as client:
        orders = []
        for _ in range(20):
            orders.append((await engine.place())["orderId"])
            await client.subscribe(orders[-5:])
        await client.subscribe("all")
        confirmed: set[str] = set()
        while len(confirmed) < 20:
            frame = await client.receive()
            if frame.get("status") == "confirmed":
                confirmed.add(frame["orderId"])
        await client.receives_no_more()
    assert client.received == {order: [1, 2, 3, 4, 5] for order in orders}


async def test_a_client_that_disconnects_does_not_affect_others(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    async with open_stream(engine) as gone, open_stream(engine) as stays:
        for client in (gone, stays):
            await client.subscribe("all")
            await client.receive()
        gone.ws.transport.abort()
        await engine.start_worker()
        await stays.receive_ends(1)
    assert stays.received == {order: [1, 2, 3, 4, 5]}
    assert (await engine.read_stream(order)).statuses == HAPPY


async def test_an_event_that_comes_while_all_orders_are_asked_for_repeats_none(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = (await engine.place(orderType="limit", limitPrice="180"))["orderId"]
    unfinished = OrderReader.unfinished
    async with open_stream(engine) as client, open_stream(engine) as witness:
        await witness.subscribe([order])
        while order not in witness.received:
            await witness.receive()

        async def amended_meanwhile(self: OrderReader, owner: str, limit: int) -> list[UUID]:
            answer = await engine.http.patch(
                f"/api/orders/{order}", json={"limitPrice": "181"}, headers={"If-Match": "1"}
            )
            assert answer.status_code == 200, answer.text
            while witness.received[order] != [1, 2]:
                await witness.receive()
            return await unfinished(self, owner, limit)

        monkeypatch.setattr(OrderReader, "unfinished", amended_meanwhile)
        await client.subscribe("all", after={order: 1})
        while order not in client.received:
            await client.receive()
        await client.receives_no_more()
    assert client.received == {order: [2]}
