"""A halt that meets an order which is about to be sent: nothing is sent after it, and nothing is lost."""

import asyncio

import pytest

from app.dex.chain import Outcome
from app.orders.kill_switch.switch import CLEARANCE_SECONDS
from tests.engine import HAPPY, Engine, eventually
from tests.fakes import After, ScriptedChain, ScriptedVenue
from tests.integration.test_kill_switch import PRICE, all_confirmed, switch, taken_back
from worker.lease import Lease


async def test_an_order_that_meets_the_halt_before_it_is_sent_waits_and_uses_no_attempt(engine: Engine) -> None:
    quoted = asyncio.Event()
    venue, chain = ScriptedVenue("raydium", [After(quoted, PRICE), PRICE]), ScriptedChain([PRICE])
    await engine.start_worker(venues=[venue], chain=chain, max_attempts=1)
    order = (await engine.place())["orderId"]

    async def asked() -> bool:
        return len(venue.asked) == 1

    await eventually(asked)
    place = await engine.postgres.fetchval("SELECT ready_at FROM orders")
    await switch(engine, "halted")
    quoted.set()

    async def taken_back() -> bool:
        return bool((await engine.order(order))["code"] == "halted")

    await eventually(taken_back)
    assert chain.sends == []
    assert await engine.postgres.fetchval("SELECT ready_at FROM orders") == place
    await switch(engine, "active")
    stream = await engine.read_stream(order)
    assert stream.statuses == [*HAPPY[:3], "pending", *HAPPY[1:]]
    assert [event["attempt"] for event in stream.events] == [0, 1, 1, 1, 1, 1, 1, 1]


async def test_a_sent_swap_is_not_sent_again_while_halted_and_is_still_confirmed(engine: Engine) -> None:
    chain = ScriptedChain([None])
    await engine.start_worker(venues=[ScriptedVenue("raydium", [PRICE])], chain=chain, mock_execution_ms_max=0)
    order = (await engine.place())["orderId"]

    async def sent_again() -> bool:
        return len(chain.sends) > 1

    await eventually(sent_again)
    await switch(engine, "halted")
    sends, fences = len(chain.sends), set[int]()

    async def checked_twice() -> bool:  # each check is a claim of its own
        fences.add(await engine.postgres.fetchval("SELECT fence FROM orders"))
        return len(fences) > 2

    await eventually(checked_twice)
    assert len(chain.sends) == sends
    chain.outcomes[chain.sends[0].signature] = Outcome("landed", chain.slot, amount_out=PRICE)
    assert (await engine.read_stream(order)).statuses == HAPPY
    assert len(chain.sends) == sends


async def test_a_worker_frozen_between_its_commit_and_its_first_send_asks_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, clear_to_send, frozen = ScriptedChain([PRICE]), Lease.clear_to_send, asyncio.Event()

    async def thawed_later(lease: Lease) -> float:
        if not frozen.is_set():
            frozen.set()
            await switch(engine, "halted")
            lease._cleared_at -= CLEARANCE_SECONDS
        return await clear_to_send(lease)

    monkeypatch.setattr(Lease, "clear_to_send", thawed_later)
    await engine.start_worker(venues=[ScriptedVenue("raydium", [PRICE])], chain=chain)
    order = (await engine.place())["orderId"]
    await asyncio.wait_for(frozen.wait(), 10)
    await eventually(lambda: _released(engine))
    assert (await engine.order(order))["status"] == "submitted"
    assert chain.sends == []
    chain.slot += 1_000  # now it can no longer land
    await eventually(lambda: taken_back(engine, order))
    await switch(engine, "active")
    stream = await engine.read_stream(order)
    assert stream.statuses == [*HAPPY[:4], "pending", *HAPPY[1:]]
    assert {event["attempt"] for event in stream.events[1:]} == {1}
    assert len(chain.sends) == 1


async def test_a_worker_frozen_right_before_its_send_does_not_send(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear_to_send, frozen = Lease.clear_to_send, asyncio.Event()

    async def then_frozen(lease: Lease) -> float:
        until = await clear_to_send(lease)
        if not frozen.is_set():
            frozen.set()
            await switch(engine, "halted")
        return until

    monkeypatch.setattr(Lease, "clear_to_send", then_frozen)
    await engine.start_worker()
    await engine.place()
    await asyncio.wait_for(frozen.wait(), 10)
    await eventually(lambda: _released(engine))
    assert await engine.postgres.fetchval("SELECT count(*) FROM chain.transactions") == 0
    await switch(engine, "active")
    await eventually(lambda: all_confirmed(engine))


async def test_sends_that_the_chain_holds_up_until_after_the_halt_was_answered_are_not_sent(engine: Engine) -> None:
    await engine.start_worker()
    async with engine.postgres.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE chain.transactions")
        for _ in range(3):
            await engine.place()

        async def held_up() -> bool:
            waiting = (
                "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'chain.transactions'::regclass AND NOT granted)"
            )
            submitted = "SELECT bool_and(status = 'submitted') FROM orders"
            return bool(await engine.postgres.fetchval(waiting) and await engine.postgres.fetchval(submitted))

        await eventually(held_up)
        await switch(engine, "halted")
    await eventually(lambda: _released(engine))
    assert await engine.postgres.fetchval("SELECT count(*) FROM chain.transactions") == 0
    await switch(engine, "active")
    await eventually(lambda: all_confirmed(engine))


async def _released(engine: Engine) -> bool:
    released = "SELECT bool_and(lease_until IS NULL AND status = 'submitted') FROM orders"
    return bool(await engine.postgres.fetchval(released))
