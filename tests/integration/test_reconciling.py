"""After the database lost its newest writes, the chain is asked before anything starts."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.orders.kill_switch.states import RECONCILING
from app.orders.reconciling.state import begin
from app.orders.store.sweep import SweepStore
from tests.dump import dump, restore
from tests.engine import HAPPY, SELL_SOL, Engine, eventually, running_engine
from worker.arq_worker import ArqWorker

BLOCK_MS = 10  # so 151 blocks are 1.5 s

FILLS = "SELECT split_part(memo, ' ', 1) AS id, signature, amount_out FROM chain.transactions WHERE status = 'landed'"


@pytest.fixture
async def engine(postgres_dsn: str, redis_dsn: str, primed_queue: None) -> AsyncIterator[Engine]:
    async with running_engine(postgres_dsn, redis_dsn, mock_block_ms=BLOCK_MS) as started:
        yield started


async def fills(engine: Engine) -> dict[str, list[str]]:
    found = dict[str, list[str]]()
    for row in await engine.postgres.fetch(FILLS):
        found.setdefault(row["id"], []).append(row["signature"])
    return found


async def is_reconciling(engine: Engine) -> bool:
    sql = "SELECT state = 'halted' FROM trading_states WHERE scope = $1"
    return bool(await engine.postgres.fetchval(sql, RECONCILING))


async def done(engine: Engine) -> bool:
    ended = "SELECT EXISTS (SELECT FROM audit_log WHERE action = 'reconciling.end')"
    return bool(await engine.postgres.fetchval(ended)) and not await is_reconciling(engine)


async def confirmed(engine: Engine, *orders: str) -> bool:
    sql = "SELECT count(*) FROM orders WHERE id = ANY($1::uuid[]) AND status = 'confirmed'"
    return bool(await engine.postgres.fetchval(sql, orders) == len(orders))


async def executed(engine: Engine, worker: ArqWorker, *orders: str) -> None:
    await eventually(lambda: confirmed(engine, *orders))
    await engine.stop_worker(worker)


async def lost_swaps(engine: Engine) -> list[dict[str, Any]]:
    return [dict(row) for row in await engine.postgres.fetch("SELECT * FROM lost_swaps ORDER BY landed_at")]


async def test_orders_confirmed_after_the_dump_are_not_executed_again_after_the_restore(
    engine: Engine, postgres_dsn: str
) -> None:
    orders = [(await engine.place(key=key))["orderId"] for key in ("a", "b", None)]
    before = await dump(postgres_dsn)
    await executed(engine, await engine.start_worker(), *orders)
    truth = {one: await engine.order(one) for one in orders}
    await restore(postgres_dsn, before)
    assert not await confirmed(engine, *orders)

    await engine.start_worker()
    await eventually(lambda: confirmed(engine, *orders))
    found = await fills(engine)
    for one in orders:
        order = await engine.order(one)
        assert found[one] == [order["txHash"]]
        assert {name: order[name] for name in ("txHash", "dex", "amountOut", "executedPrice")} == {
            name: truth[one][name] for name in ("txHash", "dex", "amountOut", "executedPrice")
        }
        stream = await engine.read_stream(one)
        assert stream.statuses == HAPPY
        assert [event["seq"] for event in stream.events] == [1, 2, 3, 4, 5]
        assert stream.events[2]["code"] == "reconciled"
    await eventually(lambda: done(engine))
    assert await lost_swaps(engine) == []


async def test_an_order_that_the_chain_does_not_know_starts_once_a_forgotten_swap_can_no_longer_land(
    engine: Engine, postgres_dsn: str
) -> None:
    first = (await engine.place())["orderId"]
    before = await dump(postgres_dsn)
    await executed(engine, await engine.start_worker(), first)
    await restore(postgres_dsn, before)
    waiting = (await engine.place())["orderId"]
    began = asyncio.get_running_loop().time()
    await engine.start_worker()
    await eventually(lambda: confirmed(engine, first))
    assert await is_reconciling(engine)
    assert (await engine.order(waiting))["status"] == "pending"
    await eventually(lambda: confirmed(engine, waiting))
    assert asyncio.get_running_loop().time() - began > 151 * BLOCK_MS / 1000
    assert all(len(signatures) == 1 for signatures in (await fills(engine)).values())
    assert await done(engine)


async def test_a_swap_of_an_order_that_is_not_known_is_written_down(engine: Engine, postgres_dsn: str) -> None:
    before = await dump(postgres_dsn)
    forgotten, another = [(await engine.place())["orderId"] for _ in range(2)]
    await executed(engine, await engine.start_worker(), forgotten, another)
    await restore(postgres_dsn, before)
    await engine.start_worker()
    await eventually(lambda: done(engine))
    lost = {str(one["order_id"]): one for one in await lost_swaps(engine)}
    assert lost.keys() == {forgotten, another}
    one = lost[forgotten]
    assert (one["status"], one["token_in"], one["token_out"], one["amount_in"]) == (None, "SOL", "USDC", 1_500_000_000)
    assert one["signature"] == (await fills(engine))[forgotten][0]


async def test_an_order_that_ended_otherwise_but_was_filled_is_written_down(engine: Engine, postgres_dsn: str) -> None:
    order = (await engine.place())["orderId"]
    before = await dump(postgres_dsn)
    await executed(engine, await engine.start_worker(), order)
    await restore(postgres_dsn, before)
    assert (await engine.http.post(f"/api/orders/{order}/cancel")).status_code == 200
    await engine.start_worker()
    await eventually(lambda: done(engine))
    [lost] = await lost_swaps(engine)
    assert (lost["order_id"], lost["status"]) == (order, "cancelled")
    assert (await engine.order(order))["status"] == "cancelled"


async def test_an_order_placed_again_with_its_key_is_filled_by_the_old_swap(engine: Engine, postgres_dsn: str) -> None:
    before = await dump(postgres_dsn)
    old = (await engine.place(key="the key"))["orderId"]
    await executed(engine, await engine.start_worker(), old)
    signature = (await fills(engine))[old]
    await restore(postgres_dsn, before)
    again, other = [(await engine.place(key=key))["orderId"] for key in ("the key", "another")]
    assert again != old
    await engine.start_worker()
    await eventually(lambda: confirmed(engine, again, other))
    assert [(await engine.order(again))["txHash"]] == signature
    assert (await fills(engine)).keys() == {old, other}
    # The old swap's start was made long ago.
    assert len(await SweepStore(engine.postgres).recent_starts(60, 100)) == 1


async def test_a_key_that_is_repeated_later_gets_the_old_order_back(engine: Engine, postgres_dsn: str) -> None:
    before = await dump(postgres_dsn)
    old = (await engine.place(key="the key"))["orderId"]
    await executed(engine, await engine.start_worker(), old)
    await restore(postgres_dsn, before)
    await engine.start_worker()
    await eventually(lambda: done(engine))
    other = await engine.http.post(
        "/api/orders/execute", json=SELL_SOL | {"amount": 2}, headers={"Idempotency-Key": "the key"}
    )
    assert other.json()["code"] == "key_reused"
    for again in await asyncio.gather(engine.place(key="the key"), engine.place(key="the key")):
        assert (again["orderId"], again["status"], again["idempotent"]) == (old, "confirmed", True)
    assert (await engine.read_stream(old)).statuses == HAPPY
    assert [(await engine.order(old))["txHash"]] == (await fills(engine))[old]
    assert [str(one["adopted_by"]) for one in await lost_swaps(engine)] == [old]
    assert len(await fills(engine)) == 1


async def test_nothing_expires_while_the_engine_reconciles(engine: Engine, postgres_dsn: str) -> None:
    order = (await engine.place(expiresInSeconds=300))["orderId"]
    before = await dump(postgres_dsn)
    await executed(engine, await engine.start_worker(), order)
    await restore(postgres_dsn, before)
    await begin(engine.postgres, "a test")  # or the sweeper of the first worker, which goes on, may be faster
    await engine.postgres.execute("UPDATE orders SET expires_at = now(), look_at = now()")
    await engine.start_worker()
    await eventually(lambda: confirmed(engine, order))


async def test_what_would_have_expired_meanwhile_does_so_soon_after(engine: Engine) -> None:
    """It was looked at again after as long as it had waited before, up to 18 minutes."""
    order = (await engine.place())["orderId"]
    await engine.postgres.execute(
        "UPDATE orders SET updated_at = now() - interval '1 hour', expires_at = now(), look_at = now()"
    )
    async with engine.postgres.acquire() as connection, connection.transaction():
        await begin(connection, "a test")
    sweeps = SweepStore(engine.postgres)
    assert (await sweeps.sweep(10)).examined == 1
    assert (await engine.order(order))["status"] == "pending"
    await engine.start_worker()
    assert (await engine.read_stream(order, within=24)).statuses == ["pending", "expired"]


async def test_nothing_is_cancelled_while_the_engine_reconciles(engine: Engine, postgres_dsn: str) -> None:
    filled = (await engine.place())["orderId"]
    open_one = (await engine.place(orderType="limit", limitPrice="400", acknowledgePrice=True))["orderId"]
    before = await dump(postgres_dsn)
    await executed(engine, await engine.start_worker(), filled)
    await restore(postgres_dsn, before)
    await begin(engine.postgres, "a test")
    for path in (f"/api/orders/{filled}/cancel", f"/api/orders/{open_one}/cancel", "/api/orders/cancel-all"):
        answer = await engine.http.post(path, json={})
        assert (answer.status_code, answer.json()["code"]) == (503, "not_reconciled"), path
    assert await engine.postgres.fetchval("SELECT count(*) FROM triggers") == 1
    await engine.start_worker()
    await eventually(lambda: done(engine))
    assert (await engine.order(filled))["status"] == "confirmed"
    assert (await engine.http.post("/api/orders/cancel-all", json={})).json() == {"cancelled": 1}


async def test_an_operator_begins_it_and_a_worker_ends_it(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    await begin(engine.postgres, "a test")
    await engine.start_worker()
    await eventually(lambda: confirmed(engine, order))
    assert await done(engine)
    actions = "SELECT action FROM audit_log ORDER BY id"
    assert [row["action"] for row in await engine.postgres.fetch(actions)] == ["reconciling.begin", "reconciling.end"]
