"""Many orders on one socket: each one's events once and in order, for as long as the client wants."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from app.api import sockets
from tests.engine import HAPPY, Engine
from tests.fakes import After, ScriptedChain, ScriptedVenue
from tests.integration.slow_reading import given_up, long_event_log, small_mouthed

pytestmark = pytest.mark.usefixtures("primed_queue")

UNKNOWN = "01a1fcdd-4c14-773b-8d77-909b122b0037"


class Conversation:
    """What one client says on /api/stream, and what it hears."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws
        self.told: dict[str, list[int]] = {}  # order → its events, in the order in which they came

    async def say(self, **frame: Any) -> None:
        await self.ws.send(orjson.dumps(frame).decode())

    async def subscribe(self, orders: Any, **frame: Any) -> None:
        await self.say(op="subscribe", orders=orders, **frame)

    async def hear(self) -> dict[str, Any]:
        frame: dict[str, Any] = orjson.loads(await asyncio.wait_for(self.ws.recv(), 5))
        if frame["type"] == "event":
            self.told.setdefault(frame["orderId"], []).append(frame["seq"])
        return frame

    async def hear_ends(self, count: int) -> None:
        """Until so many more orders have ended."""
        while count:
            count -= (await self.hear()).get("status") in ("confirmed", "failed", "cancelled")

    async def hears_nothing(self) -> None:
        """No event, that is. What was on its way has come by the time a nonsense is answered."""
        await self.say(op="nonsense")
        while (frame := await self.hear())["type"] != "error":
            assert frame["type"] == "subscribed"


@contextlib.asynccontextmanager
async def talking(engine: Engine) -> AsyncIterator[Conversation]:
    async with engine.socket("/api/stream") as ws:
        yield Conversation(ws)


async def test_named_orders_are_told_from_their_beginning_while_they_run(engine: Engine) -> None:
    orders = [(await engine.place())["orderId"] for _ in range(10)]
    other = (await engine.place())["orderId"]
    async with talking(engine) as client:
        await client.subscribe(orders)
        assert await client.hear() == {"type": "subscribed", "orders": orders}
        await engine.start_worker()
        await client.hear_ends(10)
        await engine.read_stream(other)
        await client.hears_nothing()
    assert client.told == {order: [1, 2, 3, 4, 5] for order in orders}


async def test_an_event_is_the_same_here_as_everywhere(engine: Engine) -> None:
    await engine.start_worker()
    order = (await engine.place())["orderId"]
    events = (await engine.read_stream(order)).events
    async with talking(engine) as client:
        await client.subscribe([order])
        await client.hear()
        assert [await client.hear() for _ in range(5)] == [{"type": "event", **event} for event in events]


async def test_all_means_what_lives_now_and_whatever_comes_later(engine: Engine) -> None:
    await engine.start_worker()
    ended = (await engine.place())["orderId"]
    await engine.read_stream(ended)
    # Of the last two seconds also what has ended may be told.
    await engine.postgres.execute("UPDATE orders SET created_at = created_at - interval '1 minute'")
    await engine.http.post("/api/queue/pause")
    living = [(await engine.place())["orderId"] for _ in range(3)]
    async with talking(engine) as client:
        await client.subscribe("all")
        assert await client.hear() == {"type": "subscribed", "orders": "all"}
        later = [(await engine.place())["orderId"] for _ in range(3)]
        await engine.http.post("/api/queue/resume")
        await client.hear_ends(6)
        last = (await engine.place())["orderId"]
        await client.hear_ends(1)
        await client.hears_nothing()
    assert client.told == {order: [1, 2, 3, 4, 5] for order in [*living, *later, last]}


async def test_what_was_seen_before_is_not_told_again(engine: Engine) -> None:
    await engine.start_worker()
    done, half = [(await engine.place())["orderId"] for _ in range(2)]
    for order in (done, half):
        await engine.read_stream(order)
    async with talking(engine) as client:
        await client.subscribe([done, half], after={done: 5, half: 3})
        await client.hear()
        await client.hear_ends(1)
        await client.hears_nothing()
        assert client.told == {half: [4, 5]}
        # A second time, what it knows already: nothing is told twice.
        await client.subscribe([done, half])
        assert (await client.hear())["type"] == "subscribed"
        await client.hears_nothing()
    assert client.told == {half: [4, 5]}


async def test_after_a_break_all_goes_on_where_it_stopped_also_for_what_ended_meanwhile(engine: Engine) -> None:
    go = asyncio.Event()
    await engine.start_worker(venues=[ScriptedVenue("raydium", [After(go, 200_000_000)])], chain=ScriptedChain())
    order = (await engine.place())["orderId"]
    async with talking(engine) as client:
        await client.subscribe("all")
        while (await client.hear()).get("status") != "routing":
            pass
    go.set()
    await engine.read_stream(order)
    async with talking(engine) as client:
        await client.subscribe("all", after={order: 2})
        assert (await client.hear())["type"] == "subscribed"
        await client.hear_ends(1)
    assert client.told == {order: [3, 4, 5]}


async def test_unknown_orders_are_named_and_the_known_ones_told(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    async with talking(engine) as client:
        await client.subscribe([UNKNOWN, order])
        assert await client.hear() == {"type": "error", "code": "unknown_order", "orderId": UNKNOWN}
        assert await client.hear() == {"type": "subscribed", "orders": [order]}
        await engine.start_worker()
        await client.hear_ends(1)
    assert client.told == {order: [1, 2, 3, 4, 5]}


GARBAGE: list[str | bytes] = [
    "",
    "hello",
    b"\0\xff",
    "[]",
    "null",
    "{}",
    '{"op":"subscribe"}',
    '{"op":"subscribe","orders":null}',
    '{"op":"subscribe","orders":"some"}',
    '{"op":"subscribe","orders":"01a1fcdd-4c14-773b-8d77-909b122b0037"}',
    '{"op":"subscribe","orders":7}',
    '{"op":"subscribe","orders":{"a":1}}',
    '{"op":"subscribe","orders":[7]}',
    '{"op":"subscribe","orders":[null]}',
    '{"op":"subscribe","orders":["x"]}',
    '{"op":"subscribe","orders":["\\ud800"]}',
    '{"op":"subscribe","orders":"all","after":[]}',
    '{"op":"subscribe","orders":"all","after":{"x":1}}',
    f'{{"op":"subscribe","orders":"all","after":{{"{UNKNOWN}":-1}}}}',
    f'{{"op":"subscribe","orders":"all","after":{{"{UNKNOWN}":true}}}}',
    f'{{"op":"subscribe","orders":"all","after":{{"{UNKNOWN}":1.5}}}}',
    f'{{"op":"subscribe","orders":"all","after":{{"{UNKNOWN}":{"9" * 30}}}}}',
    '{"op":"subscribe","orders":"all","before":1}',
    '{"op":"unsubscribe","orders":"all"}',
    '{"op":["subscribe"],"orders":"all"}',
    '{"op":"subscribe","orders":"all","orders":"all"}',
    '{"op":"subscribe","orders":NaN}',
    "[" * 4_096,
    "9" * 4_096,
]


async def test_garbage_is_answered_and_the_socket_stays_open(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    async with talking(engine) as client:
        for garbage in GARBAGE:
            await client.ws.send(garbage)
            frame = await client.hear()
            assert (frame["type"], frame["code"]) == ("error", "bad_request"), garbage
        await client.subscribe([order])
        assert (await client.hear())["orders"] == [order]
        await engine.start_worker()
        await client.hear_ends(1)
    assert client.told == {order: [1, 2, 3, 4, 5]}


async def test_many_subscriptions_on_one_socket_while_orders_run(engine: Engine) -> None:
    await engine.start_worker()
    async with talking(engine) as client:
        orders = []
        for _ in range(20):
            orders.append((await engine.place())["orderId"])
            await client.subscribe(orders[-5:])
        await client.subscribe("all")
        heard: set[str] = set()
        while len(heard) < 20:
            frame = await client.hear()
            if frame.get("status") == "confirmed":
                heard.add(frame["orderId"])
        await client.hears_nothing()
    assert client.told == {order: [1, 2, 3, 4, 5] for order in orders}


async def test_a_socket_follows_a_thousand_named_orders_at_most(engine: Engine) -> None:
    await engine.place()
    await engine.postgres.execute(
        """INSERT INTO orders SELECT (jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid()))).*
             FROM orders o, generate_series(1, 1000)"""
    )
    ids = [str(row["id"]) for row in await engine.postgres.fetch("SELECT id FROM orders")]
    async with talking(engine) as client:
        for start in range(0, 1_000, 100):
            await client.subscribe(ids[start : start + 100])
        # Each frame adds to those before.
        followed: list[str] = []
        while len(followed) < 1_000:
            if (frame := await client.hear())["type"] != "event":
                assert frame["type"] == "subscribed"
                followed += frame["orders"]
        assert followed == ids[:1_000]
        await client.subscribe(ids[1_000:])
        while (frame := await client.hear())["type"] != "error":
            pass
        assert frame["code"] == "bad_request"


async def test_a_frame_of_a_hundred_ids_is_heard_and_a_longer_one_than_4_kib_closes_the_socket(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "engine")
    async with talking(engine) as client:
        frame = json.dumps({"op": "subscribe", "orders": [UNKNOWN] * 100})  # with blanks, as many clients write it
        await client.ws.send(frame + " " * (4_096 - len(frame)))
        assert [(await client.hear())["code"] for _ in range(100)] == ["unknown_order"] * 100
        assert (await client.hear())["type"] == "subscribed"
        for marked in ("Xyzzy" * 1_000, b"Xyzzy" * 1_000):
            async with talking(engine) as other:
                await other.ws.send(marked)
                with pytest.raises(ConnectionClosed) as closed:
                    await other.hear()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1009
                assert "Xyzzy" not in closed.value.rcvd.reason
        async with talking(engine) as other:  # in pieces it is as long
            with contextlib.suppress(ConnectionClosed):
                await other.ws.send(["x" * 1_000] * 5)
            with pytest.raises(ConnectionClosed) as closed:
                await other.hear()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
        await client.subscribe([])  # and the others notice nothing
        assert (await client.hear())["type"] == "subscribed"
    told = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert not [line for line in told if "Xyzzy" in line]
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


async def test_a_slow_reader_of_all_is_told_so_and_takes_it_up_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sockets, "SEND_SECONDS", 0.3)
    caplog.set_level("INFO", "engine.streams")
    order = await long_event_log(engine, 4_000)
    async with small_mouthed(engine, "/api/stream") as ws:
        slow = Conversation(ws)
        await slow.subscribe([order])
        await given_up(caplog)
        with contextlib.suppress(ConnectionClosed):
            while True:
                await slow.hear()
        assert ws.close_code == 4408
    seen = slow.told[order][-1]
    assert slow.told[order] == list(range(1, seen + 1))
    async with talking(engine) as client:
        await client.subscribe([order], after={order: seen})
        while client.told.get(order, [0])[-1] < 4_000:
            await client.hear()
    assert client.told[order] == list(range(seen + 1, 4_001))


async def test_who_hangs_up_is_forgotten_and_nobody_else_notices(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    async with talking(engine) as gone, talking(engine) as stays:
        for client in (gone, stays):
            await client.subscribe("all")
            await client.hear()
        gone.ws.transport.abort()
        await engine.start_worker()
        await stays.hear_ends(1)
    assert stays.told == {order: [1, 2, 3, 4, 5]}
    assert (await engine.read_stream(order)).statuses == HAPPY
