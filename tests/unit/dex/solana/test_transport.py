"""The JSON-RPC transport: what a node cannot do to it, and what it never tells."""

import asyncio
import contextlib
import gzip
import json
import logging
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from app.dex.adapters import connections, http
from app.dex.adapters.http import Refused, VenueHttp
from app.dex.adapters.solana import rpc as transport
from app.dex.adapters.solana.rpc import Rpc, RpcRefused
from app.dex.errors import DexError
from tests.engine import eventually
from tests.localnet import serving

SECRET = "the-key-of-a-provider"
COMPRESSED = Response(gzip.compress(b'{"id": 1, "result": 1}'), headers={"content-encoding": "gzip"})


@asynccontextmanager
async def node_that_says(answer: Response) -> AsyncIterator[Rpc]:
    async def say(_: Request) -> Response:
        return answer

    async with serving(Starlette(routes=[Route("/{rest:path}", say, methods=["GET", "POST"])])) as url:
        rpc = Rpc(f"{url}/{SECRET}?api-key={SECRET}", timeout=1)
        yield rpc
        await rpc.close()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Response(status_code=500), id="500"),
        pytest.param(RedirectResponse("http://127.0.0.1:1/"), id="a redirect"),
        pytest.param(Response("<html>"), id="no JSON"),
        pytest.param(Response("[]"), id="a list"),
        pytest.param(Response("[" * 900), id="a list in a list in a list"),
        pytest.param(COMPRESSED, id="compressed"),
        pytest.param(Response('{"id": 2, "result": 1}'), id="the answer to another call"),
        pytest.param(Response('{"id": 1}'), id="no result"),
        pytest.param(Response(b" " * 2_000), id="a long answer"),
        pytest.param(Response('{"id": 1, "error": {"code": -32000, "message": "no"}}'), id="an error"),
        pytest.param(Response('{"id": 1, "error": "no"}'), id="an error in another form"),
    ],
)
async def test_every_bad_answer_is_an_error_without_the_url(
    answer: Response, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(transport, "MAX_ANSWER", 1_000)
    caplog.set_level(logging.INFO)
    async with node_that_says(answer) as rpc:
        with pytest.raises(DexError) as raised:
            await rpc.call("getSlot")
    assert raised.value.code == "rpc_timeout"
    assert SECRET not in str(raised.value) + caplog.text


async def test_nobody_there_is_an_error_without_the_url() -> None:
    rpc = Rpc(f"http://127.0.0.1:1/{SECRET}", timeout=1)
    with pytest.raises(DexError) as raised:
        await rpc.call("getSlot")
    assert SECRET not in str(raised.value) + repr(raised.value.__cause__)
    await rpc.close()


async def test_a_refusal_has_its_number_and_no_text_of_the_node() -> None:
    text = json.dumps({"id": 1, "error": {"code": -32015, "message": f"no such plan: https://node/{SECRET}"}})
    async with node_that_says(Response(text)) as rpc:
        with pytest.raises(RpcRefused) as refused:
            await rpc.call("getTransaction")
    assert refused.value.number == -32015
    assert SECRET not in str(refused.value)


async def drip(request: Request) -> Response:
    async def bytes_now_and_then() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" "
            await asyncio.sleep(0.05)

    return StreamingResponse(bytes_now_and_then())


async def test_a_server_that_sends_a_byte_now_and_then_is_given_up_in_time() -> None:
    async with serving(Starlette(routes=[Route("/", drip, methods=["POST"])])) as url:
        rpc = Rpc(url, timeout=0.2)
        began = time.monotonic()
        with pytest.raises(DexError, match="in time"):
            await rpc.call("getSlot")
        assert time.monotonic() - began < 1
        await rpc.close()


async def test_a_servers_cookies_are_not_kept() -> None:
    """Thousands with each answer would make each request slower than the one before."""
    sent = list[str | None]()

    async def with_cookie(request: Request) -> Response:
        sent.append(request.headers.get("cookie"))
        return Response('{"yes": 1}', headers={"set-cookie": f"number-{len(sent)}=1"})

    async with serving(Starlette(routes=[Route("/build", with_cookie)])) as url:
        api = VenueHttp(url)
        for _ in range(2):
            await api.get("/build", {})
        await api.close()
    assert sent == [None, None]


ONE = b'{"yes": 1}'


@pytest.mark.parametrize(
    ("answer", "known", "connections"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + ONE, True, 1, id="plain"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\n" + ONE + b"\r\n0\r\n\r\n",
            True,
            1,
            id="chunked",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 310\r\n\r\n" + ONE + b"\n" * 300, True, 1, id="a body of many lines"
        ),
        pytest.param(
            b"HTTP/1.1 102 \r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n" + ONE, False, 4, id="interim"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 300 + b"content-length: 10\r\n\r\n" + ONE, False, 4, id="long head"
        ),
    ],
)
async def test_the_head_of_an_answer_is_bounded_before_it_is_parsed(
    answer: bytes, known: bool, connections: int
) -> None:
    """Others wait while it is parsed: of interim answers a server may send any number."""
    opened = list[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    api = VenueHttp(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    for _ in range(2):
        if known:
            assert await api.get("/build", {}) == {"yes": 1}
        else:
            with pytest.raises(DexError, match="venue_unavailable"):
                await api.get("/build", {})
    await api.close()
    server.close()
    await asyncio.gather(*(one.wait_closed() for one in opened))
    assert len(opened) == connections


async def crumble(request: Request) -> Response:
    async def byte_for_byte() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b" "
        yield b'{"id": 1, "result": 1}'

    return StreamingResponse(byte_for_byte())


async def test_an_answer_in_very_many_pieces_is_no_answer() -> None:
    """Others wait while they are put together."""
    async with serving(Starlette(routes=[Route("/", crumble, methods=["POST"])])) as url:
        rpc = Rpc(url, timeout=10)
        with pytest.raises(DexError, match="too many pieces"):
            await rpc.call("getSlot")
        await rpc.close()


@pytest.mark.parametrize("value", ["{}", "[]", "1"])
async def test_an_answer_with_very_many_values_is_no_answer(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read, it would take forty times its length of memory."""
    monkeypatch.setattr(http, "MAX_VALUES", 1_000)
    for count, known in ((400, True), (1_100, False)):
        async with node_that_says(Response(f'{{"id": 1, "result": [{",".join([value] * count)}]}}')) as rpc:
            if known:
                assert len(await rpc.call("getSlot")) == count
            else:
                with pytest.raises(DexError, match="too many values"):
                    await rpc.call("getSlot")


@pytest.mark.parametrize(
    ("text", "known"),
    [
        pytest.param("{,[" * 900, True, id="in a string"),
        pytest.param('\\",{[\\\\' * 300, True, id="beside quotes"),
        pytest.param('\\\\", {}' + ", {}" * 1_100 + ', "', False, id="behind a string that ends with a backslash"),
        pytest.param('"' + ',""' * 1_100 + ', "', False, id="empty strings"),
    ],
)
async def test_what_is_in_a_string_is_no_value(text: str, known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody writes the memos that a node tells of a wallet."""
    monkeypatch.setattr(http, "MAX_VALUES", 1_000)
    answer = f'{{"id": 1, "result": ["{text}"]}}'
    assert json.loads(answer)
    async with node_that_says(Response(answer)) as rpc:
        if known:
            assert len(await rpc.call("getSlot")) == 1
        else:
            with pytest.raises(DexError, match="too many values"):
                await rpc.call("getSlot")


class Counting:
    """Answers with these statuses, one after the other."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.calls = 0

    async def __call__(self, _: Request) -> Response:
        self.calls += 1
        return Response('{"yes": 1}', status_code=self.statuses.pop(0), headers={"retry-after": "nan"})


@asynccontextmanager
async def vendor(says: Counting, *, per_second: float | None = None) -> AsyncIterator[VenueHttp]:
    async with serving(Starlette(routes=[Route("/build", says.__call__)])) as url:
        http = VenueHttp(url, headers={"x-api-key": SECRET}, timeout=0.5, per_second=per_second)
        yield http
        await http.close()


async def test_a_vendor_that_has_a_hiccup_is_asked_once_more_and_then_not_again() -> None:
    async with vendor(says := Counting(503, 200)) as http:
        assert await http.get("/build", {}) == {"yes": 1}
    async with vendor(says := Counting(503, 503, 200)) as http:
        with pytest.raises(DexError, match="venue_unavailable"):
            await http.get("/build", {})
        assert says.calls == 2


async def test_a_vendor_that_says_429_is_left_alone() -> None:
    async with vendor(says := Counting(429, 200)) as http:
        for reason in ("429", "left alone"):
            with pytest.raises(DexError, match=reason):
                await http.get("/build", {})
        assert says.calls == 1


async def test_calls_to_a_vendor_are_spread_out_and_too_many_are_refused_at_once() -> None:
    async with vendor(says := Counting(*[200] * 9), per_second=20) as http:
        began = time.monotonic()
        for _ in range(5):
            await http.get("/build", {})
        assert time.monotonic() - began > 0.19
    async with vendor(says := Counting(*[200] * 9), per_second=1) as http:
        answers = await asyncio.gather(*(http.get("/build", {}) for _ in range(9)), return_exceptions=True)
        assert sum(isinstance(one, DexError) and "too many" in one.detail for one in answers) == 8
        assert says.calls == 1


async def test_what_a_vendor_refuses_is_not_shown() -> None:
    async with vendor(Counting(401)) as http:
        with pytest.raises(Refused) as refused:
            await http.get("/build", {})
    assert refused.value.body == {"yes": 1}
    assert "yes" not in str(refused.value) + refused.value.detail


async def test_long_answers_of_a_node_are_read_one_after_the_other() -> None:
    """Each takes ten times its length in memory."""
    half, go_on, sent = b"[" + b" " * http.SHORT, asyncio.Event(), list[int]()

    async def say(request: Request) -> Response:
        number = (await request.json())["id"]

        async def slowly() -> AsyncIterator[bytes]:
            yield b'{"id": %d, "result": ' % number + half
            await go_on.wait()
            sent.append(number)
            yield b"]}"

        return StreamingResponse(slowly())

    async with serving(Starlette(routes=[Route("/", say, methods=["POST"])])) as url:
        rpc = Rpc(url, timeout=30)
        turns = rpc._server._long_answers
        calls = [asyncio.create_task(rpc.call("getTransaction")) for _ in range(3)]

        async def two_wait() -> bool:
            return len(turns._waiters or ()) == 2

        await eventually(two_wait)
        go_on.set()
        assert await asyncio.gather(*calls) == [[], [], []]
        await rpc.close()


async def test_only_answers_that_may_be_long_are_read_to_their_end() -> None:
    text = b'{"id": 1, "result": [' + b" " * http.SHORT + b"]}"
    async with node_that_says(Response(text)) as rpc:
        assert await rpc.call("getMultipleAccounts") == []
    async with node_that_says(Response(text)) as rpc:
        with pytest.raises(DexError, match="too long"):
            await rpc.call("getLatestBlockhash")


async def test_what_was_not_read_yet_takes_little_memory() -> None:
    """The event loop takes what the kernel has, up to 8 MiB at once."""
    async with node_that_says(Response('{"id": 1, "result": 1}')) as rpc:
        await rpc.call("getSlot")
        [connection] = rpc._server._http._transport._pool.connections  # type: ignore[attr-defined]
        opened = connection._connection._network_stream.get_extra_info("socket")
        with socket.socket() as other:
            other.setsockopt(*connections.RECEIVE)
            sizes = [one.getsockopt(*connections.RECEIVE[:2]) for one in (opened, other)]
        assert sizes[0] == sizes[1]
