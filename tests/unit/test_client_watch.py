"""The client follows a stream that breaks, against a scripted server."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from app.client import CommandError, watch
from app.client.engine import Engine
from app.client.responses import Event

ORDER = "01a1fcf7-9844-77aa-9d16-6136dbf1f4d9"
HAPPY = ("pending", "routing", "building", "submitted", "confirmed")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "RECONNECT_DELAYS", (0.0, 0.0, 0.0))


class Script:
    """For each connection in turn: the numbers of the events it is sent, and the code that closes it."""

    def __init__(self, *connections: tuple[Sequence[int], int], status: str = "confirmed") -> None:
        self.connections = list(connections)
        self.status = status  # the order's status over HTTP
        self.asked_after: list[str] = []
        self.port = 0

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        async with serve(self._stream, "127.0.0.1", 0, process_request=self._answer) as server:
            self.port = server.sockets[0].getsockname()[1]
            async with Engine(f"http://127.0.0.1:{self.port}") as engine:
                yield engine

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        if "Upgrade" in request.headers:
            return None
        url = f"ws://127.0.0.1:{self.port}/stream?ticket=1"
        body = {"orderId": ORDER, "status": self.status, "wsUrl": url, "createdAt": "2030-01-01T00:00:00Z"}
        return connection.respond(200, json.dumps(body))

    async def _stream(self, socket: ServerConnection) -> None:
        assert socket.request
        self.asked_after += parse_qs(urlsplit(socket.request.path).query)["after"]
        events, code = self.connections.pop(0) if len(self.connections) > 1 else self.connections[0]
        for seq in events:
            event = {"seq": seq, "status": HAPPY[seq - 1], "attempt": 1, "at": "2030-01-01T00:00:00Z"}
            await socket.send(json.dumps(event))
        await socket.close(code, "scripted")


async def received(script: Script, after: int = 0) -> list[int]:
    events: list[Event] = []
    async with script.engine() as engine, asyncio.timeout(5):
        await watch.follow(engine, await engine.order(ORDER), after=after, on_event=events.append)
    return [event.seq for event in events]


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1013, 4408])
async def test_a_stream_that_stops_early_resumes_after_the_last_event(code: int) -> None:
    script = Script(([1, 2], code), ([3, 4, 5], 1000), status="building")
    assert await received(script) == [1, 2, 3, 4, 5]
    assert script.asked_after == ["0", "2"]


async def test_an_event_sent_twice_is_received_once() -> None:
    assert await received(Script(([1, 2, 2, 1, 3], 1011), ([2, 3, 4, 5], 1000))) == [1, 2, 3, 4, 5]


async def test_following_after_the_last_event_ends_at_once() -> None:
    assert await received(Script(([], 1000)), after=5) == []


async def test_a_stream_that_stays_broken_fails_and_names_the_command_to_resume() -> None:
    script = Script(([1, 2], 1011), ([], 1011))
    with pytest.raises(CommandError, match=f"`engine watch {ORDER} --after 2`"):
        await received(script)
    assert script.asked_after == ["0", "2", "2", "2"]


async def test_every_event_starts_the_reconnect_delays_again() -> None:
    one_by_one = [([seq], 1011) for seq in range(1, 5)]
    assert await received(Script(*one_by_one, ([5], 1000))) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("code", "sentence"), [(4404, "There is no order"), (4401, "refused"), (4400, "refused")])
async def test_a_refusal_is_final(code: int, sentence: str) -> None:
    script = Script(([], code))
    with pytest.raises(CommandError, match=sentence):
        await received(script)
    assert script.asked_after == ["0"]


async def test_an_error_of_the_consumer_is_not_taken_for_a_broken_stream() -> None:
    script = Script(([1], 1000))

    def full(_: Event) -> None:
        raise OSError("the disk is full")

    async with script.engine() as engine:
        with pytest.raises(OSError, match="the disk is full"):
            await watch.follow(engine, await engine.order(ORDER), on_event=full)
