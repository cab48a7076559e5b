"""The JSON-RPC transport: what a node cannot do to it, and what it never tells."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.dex.adapters.solana import rpc as transport
from app.dex.adapters.solana.rpc import Rpc, RpcRefused
from app.dex.errors import DexError
from tests.localnet import serving

SECRET = "the-key-of-a-provider"


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


async def test_a_refusal_has_its_number() -> None:
    async with node_that_says(Response('{"id": 1, "error": {"code": -32015, "message": "no"}}')) as rpc:
        with pytest.raises(RpcRefused) as refused:
            await rpc.call("getTransaction")
    assert refused.value.number == -32015
