"""Many orders on one socket: how many they may be, and how slow and how large their messages."""

import contextlib
import json

import pytest
from websockets.exceptions import ConnectionClosed

from app.api import sockets
from tests.engine import Engine
from tests.integration.slow_reading import closed_as_too_slow, long_event_log, slow_client
from tests.integration.test_api_stream import UNKNOWN, StreamClient, open_stream

pytestmark = pytest.mark.usefixtures("primed_queue")


INVALID_MESSAGES: list[str | bytes] = [
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


async def test_an_invalid_message_gets_an_error_and_the_socket_stays_open(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    async with open_stream(engine) as client:
        for message in INVALID_MESSAGES:
            await client.ws.send(message)
            frame = await client.receive()
            assert (frame["type"], frame["code"]) == ("error", "bad_request"), message
        await client.subscribe([order])
        assert (await client.receive())["orders"] == [order]
        await engine.start_worker()
        await client.receive_ends(1)
    assert client.received == {order: [1, 2, 3, 4, 5]}


async def test_a_socket_follows_at_most_a_thousand_named_orders(engine: Engine) -> None:
    await engine.place()
    await engine.postgres.execute(
        """INSERT INTO orders SELECT (jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid()))).*
             FROM orders o, generate_series(1, 1000)"""
    )
    ids = [str(row["id"]) for row in await engine.postgres.fetch("SELECT id FROM orders")]
    async with open_stream(engine) as client:
        for start in range(0, 1_000, 100):
            await client.subscribe(ids[start : start + 100])
        # Each subscription adds to the earlier ones.
        followed: list[str] = []
        while len(followed) < 1_000:
            if (frame := await client.receive())["type"] != "event":
                assert frame["type"] == "subscribed"
                followed += frame["orders"]
        assert followed == ids[:1_000]
        await client.subscribe(ids[1_000:])
        while (frame := await client.receive())["type"] != "error":
            pass
        assert frame["code"] == "bad_request"


async def test_only_named_orders_that_have_not_ended_count(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.routes.stream.MAX_ORDERS", 2)
    worker = await engine.start_worker()
    ended = [(await engine.place())["orderId"] for _ in range(4)]
    for order in ended:
        await engine.read_stream(order)
    await engine.stop_worker(worker)
    followed, *waiting = [(await engine.place())["orderId"] for _ in range(4)]
    async with open_stream(engine) as client:
        for orders, after, ends in [
            (ended[:2], {}, 2),
            (ended[2:], {ended[2]: 5, ended[3]: 5}, 0),
            (waiting[:2], {}, 0),
        ]:
            await client.subscribe(orders, after=after)
            while (frame := await client.receive())["type"] in ("event", "ended"):
                pass
            assert frame == {"type": "subscribed", "orders": orders}
            await client.receive_ends(ends)
        await client.subscribe(waiting[2:])
        while (frame := await client.receive())["type"] == "event":
            pass
        assert (frame["type"], frame["code"]) == ("error", "bad_request")
    async with open_stream(engine) as client:
        await client.subscribe("all")
        await client.receive()
        await client.subscribe(ended[:2])  # those that "all" follows are not named
        while (frame := await client.receive())["type"] == "event":
            pass
        assert frame == {"type": "subscribed", "orders": ended[:2]}
        while followed not in client.received:
            await client.receive()


async def test_a_message_of_a_hundred_ids_is_accepted_and_one_over_4_kib_closes_the_socket(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "engine")
    async with open_stream(engine) as client:
        frame = json.dumps({"op": "subscribe", "orders": [UNKNOWN] * 100})  # with spaces, as many clients write JSON
        await client.ws.send(frame + " " * (4_096 - len(frame)))
        assert [(await client.receive())["code"] for _ in range(100)] == ["unknown_order"] * 100
        assert (await client.receive())["type"] == "subscribed"
        for marked in ("Xyzzy" * 1_000, b"Xyzzy" * 1_000):
            async with open_stream(engine) as other:
                await other.ws.send(marked)
                with pytest.raises(ConnectionClosed) as closed:
                    await other.receive()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1009
                assert "Xyzzy" not in closed.value.rcvd.reason
        async with open_stream(engine) as other:  # in fragments it is just as long
            with contextlib.suppress(ConnectionClosed):
                await other.ws.send(["x" * 1_000] * 5)
            with pytest.raises(ConnectionClosed) as closed:
                await other.receive()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1009
        await client.subscribe([])  # other sockets are not affected
        assert (await client.receive())["type"] == "subscribed"
    logged = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert not [line for line in logged if "Xyzzy" in line]
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


async def test_a_slow_reader_is_closed_with_4408_and_can_resume(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sockets, "SEND_SECONDS", 0.3)
    caplog.set_level("INFO", "engine.streams")
    order = await long_event_log(engine, 4_000)
    async with slow_client(engine, "/api/stream") as ws:
        slow = StreamClient(ws)
        await slow.subscribe([order])
        await closed_as_too_slow(caplog)
        with contextlib.suppress(ConnectionClosed):
            while True:
                await slow.receive()
        assert ws.close_code == 4408
    seen = slow.received[order][-1]
    assert slow.received[order] == list(range(1, seen + 1))
    async with open_stream(engine) as client:
        await client.subscribe([order], after={order: seen})
        while client.received.get(order, [0])[-1] < 4_000:
            await client.receive()
    assert client.received[order] == list(range(seen + 1, 4_001))
