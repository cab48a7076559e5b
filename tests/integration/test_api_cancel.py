"""What has not been sent can be withdrawn; what was sent cannot."""

import asyncio

import pytest

from app.dex.errors import DexError
from tests.engine import Engine, eventually, read_to_end
from tests.fakes import After, ScriptedChain, ScriptedVenue

pytestmark = pytest.mark.usefixtures("primed_queue")

UNKNOWN = "01a1fcdd-4c14-773b-8d77-909b122b0037"


async def cancel(engine: Engine, order: str) -> tuple[int, str]:
    """The status, and what became of the order or why not."""
    answer = await engine.http.post(f"/api/orders/{order}/cancel")
    told = answer.json()
    return answer.status_code, told["status"] if answer.status_code == 200 else told["code"]


async def stands(engine: Engine, order: str, status: str) -> None:
    async def so() -> bool:
        return bool((await engine.order(order))["status"] == status)

    await eventually(so)


async def test_a_pending_order_is_cancelled_its_stream_says_so_and_it_is_never_run(engine: Engine) -> None:
    venue = ScriptedVenue("raydium", [200_000_000])
    order = (await engine.place())["orderId"]
    async with engine.socket(f"/api/orders/execute?orderId={order}") as ws:
        reading = asyncio.create_task(read_to_end(ws))
        assert await cancel(engine, order) == (200, "cancelled")
        stream = await asyncio.wait_for(reading, 5)
    assert (stream.statuses, stream.code) == (["pending", "cancelled"], 1000)
    assert stream.events[-1] == (await engine.order(order))["events"][-1]
    assert await cancel(engine, order) == (200, "cancelled")
    await engine.start_worker(venues=[venue], chain=ScriptedChain())
    later = await engine.place()
    assert (await engine.read_stream(later["orderId"])).statuses[-1] == "confirmed"
    assert len(venue.asked) == 1  # for the later one
    assert (await engine.order(order))["seq"] == 2

    async def given_back() -> bool:
        queue = (await engine.http.get("/api/queue")).json()
        return bool(queue["startsLeft"] == 99 and queue["waiting"] == 0)

    await eventually(given_back)


async def test_an_order_that_is_being_routed_is_cancelled_and_nothing_is_sent(engine: Engine) -> None:
    answered, chain = asyncio.Event(), ScriptedChain()
    venue = ScriptedVenue("raydium", [After(answered, 200_000_000), 200_000_000])
    await engine.start_worker(venues=[venue], chain=chain)
    order = (await engine.place())["orderId"]
    async with engine.socket(f"/api/orders/execute?orderId={order}") as ws:
        reading = asyncio.create_task(read_to_end(ws))
        await stands(engine, order, "routing")
        assert await cancel(engine, order) == (200, "cancelled")
        stream = await asyncio.wait_for(reading, 5)
    assert (stream.statuses, stream.code) == (["pending", "routing", "cancelled"], 1000)
    answered.set()
    later = await engine.place()  # by its end the worker has long done with the first
    await engine.read_stream(later["orderId"])

    async def out_of_line() -> bool:
        queue = (await engine.http.get("/api/queue")).json()
        return bool(queue["waiting"] == 0 and queue["running"] == 0)

    await eventually(out_of_line)
    assert [chain.signed[sent.payload][1] for sent in chain.sends] == [later["orderId"]]
    assert (await engine.order(order))["status"] == "cancelled"


async def test_an_order_that_waits_for_another_attempt_is_cancelled(engine: Engine) -> None:
    venue = ScriptedVenue("raydium", [DexError("venue_unavailable", "scripted"), 200_000_000])
    await engine.start_worker(venues=[venue], chain=ScriptedChain(), retry_base_seconds=0.5)
    order = (await engine.place())["orderId"]
    await stands(engine, order, "pending")

    async def waits() -> bool:
        return bool((await engine.order(order))["seq"] == 3)

    await eventually(waits)
    assert await cancel(engine, order) == (200, "cancelled")
    assert (await engine.read_stream(order)).statuses == ["pending", "routing", "pending", "cancelled"]

    async def out_of_line() -> bool:
        return await engine.redis.zscore("engine:starts", order) is None

    await eventually(out_of_line)
    assert len(venue.asked) == 1


async def test_what_was_sent_or_has_ended_cannot_be_cancelled(engine: Engine) -> None:
    chain = ScriptedChain([None])  # it is on its way, and nobody knows more
    venue = ScriptedVenue("raydium", [200_000_000, DexError("insufficient_liquidity", "scripted")])
    await engine.start_worker(venues=[venue], chain=chain)
    sent = (await engine.place())["orderId"]
    await stands(engine, sent, "submitted")
    assert await cancel(engine, sent) == (409, "not_cancellable")
    failed = (await engine.place())["orderId"]
    await stands(engine, failed, "failed")
    assert await cancel(engine, failed) == (409, "not_cancellable")
    assert await cancel(engine, UNKNOWN) == (404, "unknown_order")
    assert (await engine.order(sent))["status"] == "submitted"


async def test_a_confirmed_order_cannot_be_cancelled(engine: Engine) -> None:
    await engine.start_worker()
    order = (await engine.place())["orderId"]
    assert (await engine.read_stream(order)).statuses[-1] == "confirmed"
    assert await cancel(engine, order) == (409, "not_cancellable")
    assert (await engine.order(order))["seq"] == 5


async def test_whoever_cancels_and_whoever_executes_agree_in_the_end(engine: Engine) -> None:
    await engine.start_worker()
    orders = [(await engine.place())["orderId"] for _ in range(30)]
    answers = await asyncio.gather(*(cancel(engine, order) for order in reversed(orders)))
    for order, (status, _) in zip(reversed(orders), answers, strict=True):
        stream = await engine.read_stream(order)
        assert [event["seq"] for event in stream.events] == list(range(1, len(stream.events) + 1))
        assert stream.statuses[-1] == ("cancelled" if status == 200 else "confirmed")
