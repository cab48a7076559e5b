"""The kill switch stops new orders, starts and sends, whatever Redis, the workers and their copies of it do."""

import asyncio
import math
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.dex.chain import Outcome
from app.orders.queue.order_queue import STARTS, OrderQueue
from app.orders.queue.start_limit import StartLimit
from app.orders.store.kill_switch import CLEARANCE_SECONDS
from app.orders.store.writes import OrderStore
from tests.engine import HAPPY, SELL_SOL, Engine, eventually
from tests.fakes import After, ScriptedChain, ScriptedVenue
from tests.integration.test_access import Guarded, guarded, new_key
from worker.lease import Lease

__all__ = ["guarded"]

PRICE = 200_000_000


async def switch(engine: Engine, state: str, **more: str) -> dict[str, Any]:
    answer = await engine.http.put("/api/kill-switch", json={"state": state, "reason": "a test"} | more)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def set_behind_the_api(engine: Engine, state: str) -> None:
    """As another API process does it: this one does not know yet."""
    await engine.postgres.execute(
        """INSERT INTO trading_states VALUES ('*', $1, 'a test', 'someone', now())
           ON CONFLICT (scope) DO UPDATE SET state = excluded.state""",
        state,
    )


async def all_confirmed(engine: Engine) -> bool:
    return bool(await engine.postgres.fetchval("SELECT bool_and(status = 'confirmed') FROM orders"))


async def examined_by_the_sweeper(engine: Engine) -> None:
    """All waiting orders, now."""
    await engine.postgres.execute("UPDATE orders SET look_at = now() WHERE status = 'pending'")

    async def examined() -> bool:
        due = "SELECT count(*) FROM orders WHERE status = 'pending' AND look_at <= now()"
        return bool(await engine.postgres.fetchval(due) == 0)

    await eventually(examined)


async def test_two_workers_start_nothing_while_halted_also_after_a_flush_of_redis(engine: Engine) -> None:
    orders = [(await engine.place())["orderId"] for _ in range(6)]
    await switch(engine, "halted")
    for _ in range(2):
        await engine.start_worker()
    await engine.redis.flushall()

    async def restored() -> bool:
        return bool(await engine.redis.zcard(STARTS))  # the marker

    await eventually(restored)
    await examined_by_the_sweeper(engine)
    assert await engine.starts() == []
    await switch(engine, "active")
    await eventually(lambda: all_confirmed(engine))
    started = await engine.postgres.fetch(
        "SELECT order_id FROM order_events WHERE status = 'routing' ORDER BY at, order_id"
    )
    assert {str(row["order_id"]) for row in started} == set(orders)


async def test_a_worker_that_does_not_know_of_the_halt_yet_claims_nothing(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    await set_behind_the_api(engine, "halted")
    store = OrderStore(engine.postgres)
    refused = await store.claim(UUID(order), start_by=math.inf)
    assert (refused.seconds, refused.halted_owner) == (None, "local")  # type: ignore[union-attr]
    await set_behind_the_api(engine, "reducing")
    assert (await store.claim(UUID(order), start_by=math.inf)).status == "routing"


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
    await eventually(lambda: _taken_back(engine, order))
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


async def _taken_back(engine: Engine, order: str) -> bool:
    return bool((await engine.order(order))["code"] == "halted")


async def test_the_orders_of_a_halted_owner_wait_outside_the_queue_and_start_in_their_old_order(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = OrderQueue(engine.redis, StartLimit(0))
    claims, claim = [0], OrderStore.claim

    async def counted(store: OrderStore, order: UUID, *, start_by: float) -> Any:
        claims[0] += 1
        return await claim(store, order, start_by=start_by)

    monkeypatch.setattr(OrderStore, "claim", counted)
    halted = [UUID((await engine.place())["orderId"]) for _ in range(4)]
    other = UUID((await engine.place())["orderId"])
    await engine.postgres.execute("UPDATE orders SET owner = 'other' WHERE id = $1", other)
    await engine.lose(str(other))
    await switch(engine, "halted", owner="local")
    await engine.start_worker(worker_concurrency=1)

    async def other_confirmed_and_the_rest_dropped() -> bool:
        confirmed = await engine.postgres.fetchval("SELECT status = 'confirmed' FROM orders WHERE id = $1", other)
        return bool(confirmed) and (await queue.depth()).waiting == 0

    await eventually(other_confirmed_and_the_rest_dropped)
    assert claims[0] == 5
    for _ in range(2):
        await examined_by_the_sweeper(engine)
    assert (await queue.depth()).waiting == 0
    assert claims[0] == 5
    await switch(engine, "active", owner="local")
    await eventually(lambda: all_confirmed(engine), within=4)
    started = await engine.postgres.fetch("SELECT order_id FROM order_events WHERE status = 'routing' ORDER BY at")
    assert [row["order_id"] for row in started] == [other, *halted]


async def test_the_stricter_of_the_two_states_applies(engine: Engine) -> None:
    await switch(engine, "reducing")
    await switch(engine, "halted", owner="local")
    assert (await engine.http.get("/api/kill-switch")).json()["state"] == "halted"
    await switch(engine, "active", owner="local")
    assert (await engine.http.get("/api/kill-switch")).json()["state"] == "reducing"


async def test_orders_under_way_go_on_while_new_ones_are_refused(engine: Engine) -> None:
    await engine.place()
    await switch(engine, "reducing")
    await engine.start_worker()
    await eventually(lambda: all_confirmed(engine))
    refused = await engine.http.post("/api/orders/execute", json=SELL_SOL)
    assert (refused.status_code, refused.json()["code"]) == (503, "trading_reducing")


@pytest.mark.parametrize("owner", [None, "local"])
async def test_no_way_in_is_open_while_halted(engine: Engine, owner: str | None) -> None:
    failed = (await engine.place())["orderId"]
    await engine.postgres.execute("UPDATE orders SET status = 'failed'")
    await switch(engine, "halted", **({} if owner is None else {"owner": owner}))
    for path, body in [
        ("/api/orders/execute", SELL_SOL),
        ("/api/orders/batch", {"orders": [SELL_SOL]}),
        ("/order", SELL_SOL),
        (f"/api/dlq/{failed}/retry", None),
        ("/test/dlq", None),
        ("/test/dlq/bulk", None),
    ]:
        answer = await engine.http.post(path, json=body)
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["retryable"]) == (503, "trading_halted", True), path
        assert int(answer.headers["retry-after"]) > 0
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 1


@pytest.mark.parametrize("state", ["reducing", "halted"])
async def test_an_api_process_that_does_not_know_of_the_halt_yet_places_nothing(engine: Engine, state: str) -> None:
    placed = await engine.place(key="before")
    await set_behind_the_api(engine, state)
    single, batch = await asyncio.gather(
        engine.http.post("/api/orders/execute", json=SELL_SOL),
        engine.http.post("/api/orders/batch", json={"orders": [SELL_SOL | {"idempotencyKey": "before"}, SELL_SOL]}),
    )
    assert (single.status_code, single.json()["code"]) == (503, f"trading_{state}")
    repeated, refused = batch.json()["results"]
    assert repeated["orderId"] == placed["orderId"]
    assert refused["code"] == f"trading_{state}"
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 1


async def test_an_order_that_was_taken_back_expires_while_halted(engine: Engine) -> None:
    order = (await engine.place(expiresInSeconds=60))["orderId"]
    await switch(engine, "halted")
    await engine.postgres.execute("UPDATE orders SET attempt = 1, code = 'halted', expires_at = now(), look_at = now()")
    await engine.start_worker()
    assert (await engine.read_stream(order)).events[-1]["code"] == "expired"


async def test_it_says_who_set_it_when_and_why_and_refuses_nonsense(engine: Engine) -> None:
    assert (await engine.http.get("/api/kill-switch")).json() == {
        **{"state": "active", "all": None, "own": None, "owners": []}
    }
    await engine.place()
    await engine.postgres.execute("UPDATE orders SET owner = 'desk-7'")
    entry = await switch(engine, "halted", owner="desk-7")
    assert (entry["owner"], entry["state"], entry["reason"], entry["setBy"]) == ("desk-7", "halted", "a test", "local")
    seen = (await engine.http.get("/api/kill-switch")).json()
    assert (seen["state"], seen["owners"]) == ("active", [entry])
    for body in (
        {"state": "halted"},
        {"state": "off", "reason": "x"},
        {"state": "halted", "reason": ""},
        {"state": "halted", "reason": "x" * 501},
        {"state": "halted", "reason": "a\nb"},
        {"state": "halted", "reason": "x", "owner": "*"},
        {"state": "halted", "reason": "x", "owner": "a b"},
        {"state": "halted", "reason": "x", "scope": "*"},
    ):
        answer = await engine.http.put("/api/kill-switch", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), body
    assert await engine.postgres.fetchval("SELECT count(*) FROM trading_states") == 1


async def test_an_owner_who_does_not_exist_is_not_halted(guarded: Guarded) -> None:
    async def halt(owner: str) -> tuple[int, list[dict[str, str]]]:
        body = {"state": "halted", "reason": "a test", "owner": owner}
        answer = await guarded.request("op", "PUT", "/api/kill-switch", json=body)
        return answer.status_code, answer.json().get("errors", [])

    await new_key(guarded.dsn, "desk-7")
    await guarded.engine.postgres.execute("UPDATE api_keys SET revoked_at = now() WHERE owner = 'desk-7'")
    status, errors = await halt("desk_7")
    assert (status, errors[0]["pointer"]) == (422, "/owner")
    assert errors[0]["message"].endswith("did you mean desk-7?")
    assert await guarded.engine.postgres.fetchval("SELECT count(*) FROM trading_states") == 0
    assert (await halt("desk-7"))[0] == 200


async def test_the_engine_stays_ready_while_an_operator_has_halted_it_and_says_so(engine: Engine) -> None:
    await engine.start_worker()
    await switch(engine, "halted")

    async def ready() -> httpx.Response | None:
        answer = await engine.http.get("/health/ready")
        return answer if answer.status_code == 200 else None

    found = await eventually(ready)
    assert found is not None
    assert found.json()["trading"] == "halted"
