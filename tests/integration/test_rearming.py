"""An order with a condition is not failed because the price was lost: it waits again, at the same floor."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from app.dex.errors import DexError
from tests.engine import Engine, eventually
from tests.fakes import ScriptedChain, ScriptedVenue
from tests.integration.test_order_groups import BRACKET, place
from tests.integration.test_waiting_orders import LIMIT, STOP
from worker import conditions

pytestmark = pytest.mark.usefixtures("primed_queue")

TOO_LITTLE, ENOUGH = 1_000, 200_000_000_000


async def fire(engine: Engine, order: str) -> None:
    """As a watcher does, except for the event."""
    await engine.postgres.execute("DELETE FROM triggers WHERE order_id = $1", UUID(order))
    await engine.postgres.execute("UPDATE orders SET status = 'pending', look_at = now() WHERE id = $1", UUID(order))


async def waits(engine: Engine, order: str) -> dict[str, Any]:
    async def armed() -> Any:
        return await engine.postgres.fetchrow("SELECT * FROM triggers WHERE order_id = $1", UUID(order))

    return dict(await eventually(armed))


async def test_a_limit_order_whose_price_was_lost_waits_again_for_twice_as_long(engine: Engine) -> None:
    await engine.start_worker(venues=[ScriptedVenue("raydium", [TOO_LITTLE])], chain=ScriptedChain())
    order = (await engine.place(**LIMIT))["orderId"]
    floor = "SELECT limit_out FROM orders"
    before = await engine.postgres.fetchval(floor)
    for times in (1, 2):
        await fire(engine, order)
        row = await waits(engine, order)
        assert (row["op"], row["persist"], row["level"]) == ("ge", 0, 100_000)
        events = (await engine.order(order))["events"]
        last = events[-1]
        assert (last["status"], last["code"], last["why"]) == ("open", "rearmed", "slippage_exceeded")
        assert last["retryInMs"] == times * 1000
        assert await engine.postgres.fetchval("SELECT attempt FROM orders") == 0
    assert await engine.postgres.fetchval(floor) == before


async def test_an_order_that_waited_again_too_often_fails(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time adds to its log."""
    monkeypatch.setattr(conditions, "MAX_REARMS", 1)
    await engine.start_worker(venues=[ScriptedVenue("raydium", [TOO_LITTLE])], chain=ScriptedChain(), max_attempts=1)
    order = (await engine.place(**LIMIT))["orderId"]
    await fire(engine, order)
    await waits(engine, order)
    await fire(engine, order)

    async def failed() -> bool:
        found = await engine.order(order)
        return (found["status"], found["code"]) == ("failed", "slippage_exceeded")

    await eventually(failed)


async def test_a_cancel_of_one_that_goes_back_to_open_just_then_takes_its_trigger_along(engine: Engine) -> None:
    order = (await engine.place(**LIMIT))["orderId"]
    [trigger] = await engine.postgres.fetch("SELECT * FROM triggers")
    await fire(engine, order)
    async with engine.postgres.acquire() as worker, worker.transaction():
        await worker.execute("UPDATE orders SET status = 'open'")
        await worker.copy_records_to_table("triggers", records=[tuple(trigger)], columns=list(trigger.keys()))
        cancelling = asyncio.create_task(engine.http.post(f"/api/orders/{order}/cancel"))
        await eventually(lambda: engine.postgres.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))
    assert (await cancelling).json()["status"] == "cancelled"
    assert await engine.postgres.fetchval("SELECT count(*) FROM triggers") == 0


async def test_a_stop_that_fired_stays_due_at_its_floor(engine: Engine) -> None:
    await engine.start_worker(venues=[ScriptedVenue("raydium", [TOO_LITTLE])], chain=ScriptedChain())
    order = (await engine.place(**STOP))["orderId"]
    await fire(engine, order)
    row = await waits(engine, order)
    assert (row["op"], row["persist"], str(row["level"]).rstrip("0")) == ("ge", 0, "0.97")


@pytest.mark.parametrize("code", ["venue_unavailable", "rpc_timeout"])
async def test_a_stop_that_nobody_answered_is_not_lost(engine: Engine, code: str) -> None:
    venue = ScriptedVenue("raydium", [DexError(code, "scripted")])
    await engine.start_worker(venues=[venue], chain=ScriptedChain(), max_attempts=2, retry_base_seconds=0.01)
    order = (await engine.place(**STOP))["orderId"]
    await fire(engine, order)
    await waits(engine, order)
    events = (await engine.order(order))["events"]
    assert [event["status"] for event in events] == ["open", "routing", "pending", "routing", "open"]
    assert (events[-1]["code"], events[-1]["why"]) == ("rearmed", code)


async def test_a_swap_that_the_chain_refused_because_of_the_price_is_not_repeated_until_it_is_met(
    engine: Engine,
) -> None:
    chain = ScriptedChain(["slippage_exceeded"])
    await engine.start_worker(venues=[ScriptedVenue("raydium", [ENOUGH])], chain=chain)
    order = (await engine.place(**LIMIT))["orderId"]
    await fire(engine, order)
    await waits(engine, order)
    assert len(chain.sends) == 1
    assert (await engine.order(order))["txHash"] is None


async def test_an_order_whose_time_ran_out_meanwhile_expires_instead(engine: Engine) -> None:
    await engine.start_worker(venues=[ScriptedVenue("raydium", [TOO_LITTLE])], chain=ScriptedChain())
    order = (await engine.place(**LIMIT, expiresInSeconds=3600))["orderId"]
    # It has begun its first attempt, so the sweeper does not end it.
    await engine.postgres.execute("UPDATE orders SET expires_at = now() - interval '1 s', attempt = 1")
    await fire(engine, order)

    async def expired() -> bool:
        return bool((await engine.order(order))["status"] == "expired")

    await eventually(expired)
    assert await engine.postgres.fetchval("SELECT count(*) FROM triggers") == 0


async def test_the_entry_of_a_bracket_can_fire_again(engine: Engine) -> None:
    await engine.start_worker(venues=[ScriptedVenue("raydium", [TOO_LITTLE])], chain=ScriptedChain())
    entry = (await place(engine, BRACKET))["orders"][0]["orderId"]
    await fire(engine, entry)
    row = await waits(engine, entry)
    assert (row["armed"], row["group_id"]) == (True, None)
