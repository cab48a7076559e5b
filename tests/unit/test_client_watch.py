"""How the client follows a stream that breaks, told by a server that keeps to a script."""

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
    monkeypatch.setattr(watch, "RESUME_AFTER", (0.0, 0.0, 0.0))


class Script:
    """What each connection in turn is sent, by event number, and the code that ends it."""

    def __init__(self, *connections: tuple[Sequence[int], int], status: str = "confirmed") -> None:
        self.connections = list(connections)
        self.status = status  # what the order is, when asked over HTTP
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
        said = {"orderId": ORDER, "status": self.status, "wsUrl": url, "createdAt": "2030-01-01T00:00:00Z"}
        return connection.respond(200, json.dumps(said))

    async def _stream(self, socket: ServerConnection) -> None:
        assert socket.request
        self.asked_after += parse_qs(urlsplit(socket.request.path).query)["after"]
        events, code = self.connections.pop(0) if len(self.connections) > 1 else self.connections[0]
        for seq in events:
            event = {"seq": seq, "status": HAPPY[seq - 1], "attempt": 1, "at": "2030-01-01T00:00:00Z"}
            await socket.send(json.dumps(event))
        await socket.close(code, "so it is written")


async def heard(script: Script, after: int = 0) -> list[int]:
    events: list[Event] = []
    async with script.engine() as engine, asyncio.timeout(5):
        await watch.follow(engine, await engine.order(ORDER), after=after, hear=events.append)
    return [event.seq for event in events]


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1013, 4408])
async def test_a_stream_that_stops_early_goes_on_after_the_last_event(code: int) -> None:
    script = Script(([1, 2], code), ([3, 4, 5], 1000), status="building")
    assert await heard(script) == [1, 2, 3, 4, 5]
    assert script.asked_after == ["0", "2"]


async def test_an_event_told_twice_is_heard_once() -> None:
    assert await heard(Script(([1, 2, 2, 1, 3], 1011), ([2, 3, 4, 5], 1000))) == [1, 2, 3, 4, 5]


async def test_a_log_that_has_nothing_more_ends_at_once() -> None:
    assert await heard(Script(([], 1000)), after=5) == []


async def test_a_stream_that_never_comes_back_is_given_up_with_the_way_to_go_on() -> None:
    script = Script(([1, 2], 1011), ([], 1011))
    with pytest.raises(CommandError, match=f"`engine watch {ORDER} --after 2`"):
        await heard(script)
    assert script.asked_after == ["0", "2", "2", "2"]


async def test_every_event_that_comes_renews_the_patience() -> None:
    one_by_one = [([seq], 1011) for seq in range(1, 5)]
    assert await heard(Script(*one_by_one, ([5], 1000))) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("code", "sentence"), [(4404, "There is no order"), (4401, "refused"), (4400, "refused")])
async def test_a_refusal_is_final(code: int, sentence: str) -> None:
    script = Script(([], code))
    with pytest.raises(CommandError, match=sentence):
        await heard(script)
    assert script.asked_after == ["0"]


async def test_what_breaks_in_the_listener_is_not_taken_for_a_broken_stream() -> None:
    script = Script(([1], 1000))

    def full(_: Event) -> None:
        raise OSError("the disk is full")

    async with script.engine() as engine:
        with pytest.raises(OSError, match="the disk is full"):
            await watch.follow(engine, await engine.order(ORDER), hear=full)
