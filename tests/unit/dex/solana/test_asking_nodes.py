"""How long one node of several is waited for."""

import asyncio
import weakref
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.dex.adapters.solana.reading import enough_of, first_of, proofs_of, reading
from app.dex.adapters.solana.rpc import Rpc, RpcUnanswered
from tests.localnet import serving


async def at_once() -> str:
    return "told"


async def never() -> str:
    await asyncio.Event().wait()
    return "never"


async def refused() -> str:
    raise RpcUnanswered("no")


async def test_a_third_node_that_takes_its_time_is_not_waited_for_without_end() -> None:
    async with asyncio.timeout(30):
        assert await enough_of([at_once, never, at_once], patience=0.01) == ["told", "told"]


async def test_all_that_answer_soon_are_heard_in_their_order() -> None:
    async def soon() -> str:
        await asyncio.sleep(0)
        return "soon"

    assert await enough_of([at_once, soon, at_once], patience=30) == ["told", "soon", "told"]


async def test_one_node_of_three_is_not_enough() -> None:
    with pytest.raises(RpcUnanswered):
        await enough_of([at_once, refused, refused])


class Answer:
    """What cannot be read."""


@pytest.mark.parametrize("asking", [enough_of, first_of, proofs_of])
async def test_an_answer_that_cannot_be_read_is_kept_by_nobody_while_others_are_asked(asking: Any) -> None:
    """Of 8 MiB, for each order that is being signed, a worker had 700 MiB."""
    answers, left = list[weakref.ref[Answer]](), list[bool]()

    async def unreadable() -> str:
        answer = Answer()
        answers.append(weakref.ref(answer))
        with reading("getLatestBlockhash"):
            raise ValueError
        raise AssertionError(answer)

    async def another() -> str:
        for _ in range(3):
            await asyncio.sleep(0)
        left.append(answers[0]() is not None)
        return "told"

    assert "told" in (told if isinstance(told := await asking([unreadable, another, another]), list) else [told])
    assert left[0] is False


async def test_a_page_of_a_history_may_come_later_than_other_answers() -> None:
    """Strangers make it megabytes long. If it was given up, no worker whose nodes are far away would start anything."""
    given_up = asyncio.Event()

    async def say(request: Request) -> Response:
        number = (await request.json())["id"]
        await given_up.wait()
        return Response(orjson.dumps({"id": number, "result": []}))

    async with serving(Starlette(routes=[Route("/", say, methods=["POST"])])) as url:
        rpc = Rpc(url, timeout=1)
        page = asyncio.create_task(rpc.call("getSignaturesForAddress"))
        with pytest.raises(RpcUnanswered, match="in time"):
            await rpc.call("getTransaction")
        given_up.set()
        assert await page == []
        await rpc.close()
