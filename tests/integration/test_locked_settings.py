"""Somebody has locked a row with what an owner has set: nothing else waits for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx

from tests.engine import SELL_SOL, Engine, eventually

STATE = "INSERT INTO trading_states (scope, state, reason, set_by, set_at) VALUES ('ann', 'active', '', '', now())"
HALT = {"state": "halted", "reason": "a test"}


@contextlib.asynccontextmanager
async def waiting(engine: Engine, table: str, method: str, path: str, body: Any = None) -> AsyncIterator[None]:
    """Some of these requests wait for a row of the table that is locked, and all are answered once it is not."""
    async with engine.postgres.acquire() as somebody, somebody.transaction():
        await somebody.execute(f"SELECT FROM {table} FOR UPDATE")
        requests = [asyncio.create_task(engine.http.request(method, path, json=body)) for _ in range(6)]
        await asyncio.wait(requests, timeout=0.1)
        yield
        assert not any(request.done() for request in requests)
    answers: list[httpx.Response] = await asyncio.gather(*requests)
    assert {answer.status_code for answer in answers} <= {200, 204, 404, 503}


async def test_a_halt_of_all_does_not_wait_for_the_state_of_one_owner(engine: Engine) -> None:
    await engine.postgres.execute(STATE)
    async with waiting(engine, "trading_states", "PUT", "/api/kill-switch", HALT | {"owner": "ann"}):
        assert (await engine.http.put("/api/kill-switch", json=HALT)).status_code == 200
        assert (await engine.http.get("/health")).json()["postgres"] == "up"


async def test_no_order_waits_for_the_dead_mans_switch_of_one_owner(engine: Engine) -> None:
    assert (await engine.http.put("/api/dead-man", json={"seconds": 600})).status_code == 200
    async with waiting(engine, "dead_men", "PUT", "/api/dead-man", {"seconds": 600}):
        assert (await engine.http.post("/api/orders/execute", json=SELL_SOL)).status_code == 202


async def test_a_renewal_that_waits_does_not_come_after_the_end_of_the_switch(engine: Engine) -> None:
    """Its client gave it up and switched it off. It was on again in a moment, and would have cancelled all orders."""
    assert (await engine.http.put("/api/dead-man", json={"seconds": 60})).status_code == 200
    async with engine.postgres.acquire() as somebody, somebody.transaction():
        await somebody.execute("SELECT FROM dead_men FOR UPDATE")
        renewal = asyncio.create_task(engine.http.put("/api/dead-man", json={"seconds": 60}))
        await asyncio.wait([renewal], timeout=0.3)
    assert (await engine.http.put("/api/dead-man", json={"seconds": 0})).json()["seconds"] == 0
    assert (await renewal).status_code == 200
    assert (await engine.http.get("/api/dead-man")).json()["seconds"] == 0


async def test_no_operator_waits_for_the_webhook_of_one_owner(engine: Engine) -> None:
    made = await engine.http.post("/api/webhooks", json={"url": "http://127.0.0.1:9/"})
    path = f"/api/webhooks/{made.json()['id']}"
    async with waiting(engine, "webhooks", "DELETE", path):
        reducing = await engine.http.put("/api/kill-switch", json=HALT | {"state": "reducing"})
        assert reducing.status_code == 200


async def test_a_halt_does_not_wait_for_a_table_that_somebody_has_locked(engine: Engine) -> None:
    """As VACUUM FULL does: what counts orders and reads their logs waits for it."""
    order = await engine.place(orderType="limit", limitPrice="400")
    held_up = "SELECT count(*) >= 2 FROM pg_locks WHERE NOT granted AND relation = 'orders'::regclass"

    async with engine.socket(f"/api/orders/execute?orderId={order['orderId']}") as stream:
        await stream.recv()
        async with engine.postgres.acquire() as somebody, somebody.transaction():
            await somebody.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")

            async def is_held_up() -> bool:
                return bool(await somebody.fetchval(held_up))

            await eventually(is_held_up)
            assert (await engine.http.get("/health")).json()["postgres"] == "up"
            assert (await engine.http.put("/api/kill-switch", json=HALT)).status_code == 200
