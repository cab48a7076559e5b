"""An order can be cancelled until its swap is sent."""

import asyncio

import pytest

from app.dex.chain import Outcome
from app.dex.errors import DexError
from tests.engine import Engine, eventually, read_to_end
from tests.fakes import After, ScriptedChain, ScriptedVenue

pytestmark = pytest.mark.usefixtures("primed_queue")

UNKNOWN = "01a1fcdd-4c14-773b-8d77-909b122b0037"


async def cancel(engine: Engine, order: str) -> tuple[int, str]:
    """The HTTP status, and the order's status or the problem code."""
    answer = await engine.http.post(f"/api/orders/{order}/cancel")
    body = answer.json()
    return answer.status_code, body["status"] if answer.status_code < 300 else body["code"]


async def has_status(engine: Engine, order: str, status: str) -> None:
    async def reached() -> bool:
        return bool((await engine.order(order))["status"] == status)

    await eventually(reached)


async def test_a_cancelled_pending_order_ends_its_stream_and_is_never_run(engine: Engine) -> None:
    venue = ScriptedVenue("raydium", [200_000_000])
    order = (await engine.place())["orderId"]
    async with engine.socket(f"/api/orders/execute?orderId={order}") as ws:
        reading = asyncio.create_task(read_to_end(ws))
        assert await cancel(engine, order) == (200, "cancelled")
        stream = await asyncio.wait_for(reading, 5)
    assert (stream.statuses, stream.code) == (["pending", "cancelled"], 1000)
    assert stream.log[-1] == (await engine.order(order))["events"][-1]
    assert await cancel(engine, order) == (200, "cancelled")
    await engine.start_worker(venues=[venue], chain=ScriptedChain())
    later = await engine.place()
    assert (await engine.read_stream(later["orderId"])).statuses[-1] == "confirmed"
    assert len(venue.asked) == 1  # of the later order
    assert (await engine.order(order))["seq"] == 2

    async def start_given_back() -> bool:
        queue = (await engine.http.get("/api/queue")).json()
        return bool(queue["startsLeft"] == 99 and queue["waiting"] == 0)

    await eventually(start_given_back)


async def test_an_order_cancelled_while_routing_sends_no_swap(engine: Engine) -> None:
    answered, chain = asyncio.Event(), ScriptedChain()
    venue = ScriptedVenue("raydium", [After(answered, 200_000_000), 200_000_000])
    await engine.start_worker(venues=[venue], chain=chain)
    order = (await engine.place())["orderId"]
    async with engine.socket(f"/api/orders/execute?orderId={order}") as ws:
        reading = asyncio.create_task(read_to_end(ws))
        await has_status(engine, order, "routing")
        assert await cancel(engine, order) == (200, "cancelled")
        stream = await asyncio.wait_for(reading, 5)
    assert (stream.statuses, stream.code) == (["pending", "routing", "cancelled"], 1000)
    answered.set()
    later = await engine.place()  # by its end the worker has finished with the first
    await engine.read_stream(later["orderId"])

    async def left_the_queue() -> bool:
        queue = (await engine.http.get("/api/queue")).json()
        return bool(queue["waiting"] == 0 and queue["running"] == 0)

    await eventually(left_the_queue)
    assert [chain.signed[sent.payload][1] for sent in chain.sends] == [later["orderId"]]
    assert (await engine.order(order))["status"] == "cancelled"


async def test_an_order_that_waits_for_a_retry_can_be_cancelled(engine: Engine) -> None:
    venue = ScriptedVenue("raydium", [DexError("venue_unavailable", "scripted"), 200_000_000])
    await engine.start_worker(venues=[venue], chain=ScriptedChain(), retry_base_seconds=0.5)
    order = (await engine.place())["orderId"]
    await has_status(engine, order, "pending")

    async def waits() -> bool:
        return bool((await engine.order(order))["seq"] == 3)

    await eventually(waits)
    assert await cancel(engine, order) == (200, "cancelled")
    assert (await engine.read_stream(order)).statuses == ["pending", "routing", "pending", "cancelled"]

    async def left_the_queue() -> bool:
        return await engine.queued(order) is None

    await eventually(left_the_queue)
    assert len(venue.asked) == 1


async def test_an_ended_order_cannot_be_cancelled(engine: Engine) -> None:
    venue = ScriptedVenue("raydium", [DexError("insufficient_liquidity", "scripted")])
    await engine.start_worker(venues=[venue])
    failed = (await engine.place())["orderId"]
    await has_status(engine, failed, "failed")
    assert await cancel(engine, failed) == (409, "not_cancellable")
    assert await cancel(engine, UNKNOWN) == (404, "unknown_order")


async def test_a_sent_order_is_cancelled_once_its_swap_is_proven_dead(engine: Engine) -> None:
    chain = ScriptedChain([None])  # no outcome yet
    await engine.start_worker(venues=[ScriptedVenue("raydium", [200_000_000])], chain=chain)
    sent = (await engine.place())["orderId"]
    await has_status(engine, sent, "submitted")
    assert await cancel(engine, sent) == (202, "submitted")
    assert await cancel(engine, sent) == (202, "submitted")  # asked for again
    order = await engine.order(sent)
    assert (order["status"], order["cancelRequested"]) == ("submitted", True)
    chain.slot += 1_000  # beyond the last height at which it could land
    stream = await engine.read_stream(sent)
    assert stream.statuses == ["pending", "routing", "building", "submitted", "cancelled"]
    assert stream.events[-1]["code"] == "owner"
    assert await cancel(engine, sent) == (200, "cancelled")


async def test_a_sent_order_that_lands_is_confirmed_although_its_cancel_was_requested(engine: Engine) -> None:
    chain = ScriptedChain([None])
    await engine.start_worker(venues=[ScriptedVenue("raydium", [200_000_000])], chain=chain)
    sent = (await engine.place())["orderId"]
    await has_status(engine, sent, "submitted")
    assert await cancel(engine, sent) == (202, "submitted")
    chain.outcomes[chain.sends[0].signature] = Outcome("landed", chain.slot, amount_out=200_000_000)
    assert (await engine.read_stream(sent)).statuses[-1] == "confirmed"
    assert await cancel(engine, sent) == (409, "not_cancellable")


async def test_a_confirmed_order_cannot_be_cancelled(engine: Engine) -> None:
    await engine.start_worker()
    order = (await engine.place())["orderId"]
    assert (await engine.read_stream(order)).statuses[-1] == "confirmed"
    assert await cancel(engine, order) == (409, "not_cancellable")
    assert (await engine.order(order))["seq"] == 5


async def test_racing_cancels_and_executions_end_in_one_outcome(engine: Engine) -> None:
    await engine.start_worker()
    orders = [(await engine.place())["orderId"] for _ in range(30)]
    answers = await asyncio.gather(*(cancel(engine, order) for order in reversed(orders)))
    for order, (status, _) in zip(reversed(orders), answers, strict=True):
        stream = await engine.read_stream(order)
        assert [event["seq"] for event in stream.events] == list(range(1, len(stream.events) + 1))
        assert stream.statuses[-1] == ("cancelled" if status == 200 else "confirmed")


async def test_cancel_all_also_ends_what_was_sent_once_that_is_proven_dead(engine: Engine) -> None:
    chain = ScriptedChain([None])
    await engine.start_worker(venues=[ScriptedVenue("raydium", [200_000_000])], chain=chain)
    sent = (await engine.place())["orderId"]
    await has_status(engine, sent, "submitted")
    assert (await engine.http.post("/api/orders/cancel-all", json={})).json() == {"cancelled": 0}
    assert (await engine.order(sent))["cancelRequested"]
    chain.outcomes[chain.sends[0].signature] = Outcome("failed", chain.slot, code="tx_failed")
    stream = await engine.read_stream(sent)
    assert (stream.statuses[-2:], stream.events[-1]["code"]) == (["submitted", "cancelled"], "owner")
