"""The kill switch stops new orders, starts and sends, whatever Redis, the workers and their copies of it do."""

import asyncio
import math
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.orders.queue.order_queue import STARTS, OrderQueue
from app.orders.queue.start_limit import StartLimit
from app.orders.store.writes import OrderStore
from tests.engine import SELL_SOL, Engine, eventually
from tests.integration.test_access import Guarded, guarded, new_key

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


async def taken_back(engine: Engine, order: str) -> bool:
    return bool((await engine.order(order))["code"] == "halted")


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
    await eventually(lambda: all_confirmed(engine), within=12)
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
