"""After a restore no order of any kind is executed twice, in whatever status the database has it, or forgotten."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from app.orders.memo import Memos
from app.orders.store.reads import OrderReader
from app.orders.waiting.groups import Groups
from app.orders.waiting.plans import PlanStore
from tests.dump import dump, restore
from tests.engine import SELL_SOL, Engine, eventually, running_engine
from tests.integration import test_order_groups as groups
from tests.integration.test_launches import launch
from tests.integration.test_reconciling import BLOCK_MS, confirmed, done, executed, fills, lost_swaps
from tests.integration.test_reconciling_waiting import LANDED
from tests.integration.test_slices import DCA, make, make_due, slices
from tests.integration.test_snipers import SNIPER
from tests.integration.test_trailing_orders import TRAILING
from tests.integration.test_waiting_orders import LIMIT, STOP, TAKE_PROFIT

KINDS: dict[str, dict[str, Any]] = {
    "market": {},
    "limit": LIMIT,
    "stop": STOP,
    "take-profit": TAKE_PROFIT,
    "trailing stop": TRAILING,
    "sniper": SNIPER,
}
STATUSES = ("open", "pending", "routing", "building", "submitted")


@pytest.fixture
async def engine(postgres_dsn: str, redis_dsn: str, primed_queue: None) -> AsyncIterator[Engine]:
    async with running_engine(postgres_dsn, redis_dsn, mock_block_ms=BLOCK_MS) as started:
        yield started


async def land(engine: Engine, *ids: str, brings: int = 200_000_000, sold: int | None = None) -> None:
    """The chain has the swap of each of these orders, with the memo that a worker writes."""
    for one in ids:
        order = await OrderReader(engine.postgres).order(UUID(one), None)
        assert order
        memo, bought = Memos.of(engine.settings).memo(order), "WIF" if order.type == "sniper" else order.token_out
        await engine.postgres.execute(LANDED, memo, brings, order.token_in, bought, sold or order.amount_in)


async def advance(engine: Engine, order: str, status: str, swap: Any = None) -> None:
    """As the database has the order, it has come so far."""
    if status != "open":
        await engine.postgres.execute("DELETE FROM triggers WHERE order_id = $1", UUID(order))
        fired = "UPDATE orders SET token_out = 'WIF', limit_out = 1 WHERE id = $1 AND type = 'sniper'"
        await engine.postgres.execute(fired, UUID(order))
    move = """UPDATE orders SET status = $2, look_at = now(), attempt = 1, swap = $3::json,
                                tx_hash = $3::json->>'signature' WHERE id = $1 AND status <> $2"""
    for one in STATUSES[1 : STATUSES.index(status) + 1]:
        await engine.postgres.execute(move, UUID(order), one, swap)


async def dead_swap(engine: Engine) -> str:
    """Of an order that was not filled by it: it was signed, and is on the chain as one that failed."""
    other = (await engine.place())["orderId"]
    await executed(engine, await engine.start_worker(), other)
    swap = await engine.postgres.fetchval("SELECT swap FROM orders WHERE id = $1", UUID(other))
    await engine.postgres.execute(
        "UPDATE chain.transactions SET status = 'failed', code = 'tx_failed', amount_out = NULL"
    )
    await engine.postgres.execute("DELETE FROM order_events")
    await engine.postgres.execute("DELETE FROM orders")
    return str(swap)


async def fail(engine: Engine, order: str) -> None:
    await engine.postgres.execute(
        "UPDATE orders SET status = 'failed', code = 'venue_unavailable', error = 'x' WHERE id = $1", UUID(order)
    )


async def retry(engine: Engine, order: str) -> str:
    answer = await engine.http.post(f"/api/dlq/{order}/retry")
    assert answer.status_code in (200, 202), answer.text
    return str(answer.json()["orderId"])


async def retry_twice(engine: Engine, order: str) -> str:
    await fail(engine, again := await retry(engine, order))
    return await retry(engine, again)


async def slice_of(engine: Engine, parent: str) -> str:
    await make_due(engine)
    assert await make(PlanStore(engine.postgres, max_age=10.0)) == 1
    newest = "SELECT id FROM orders WHERE parent_id = $1 ORDER BY slice DESC LIMIT 1"
    return str(await engine.postgres.fetchval(newest, UUID(parent)))


async def reconciled(engine: Engine) -> None:
    await engine.start_worker()
    await eventually(partial(done, engine))


async def in_batch(engine: Engine) -> str:
    item = SELL_SOL | {"idempotencyKey": "of a batch"}
    answer = await engine.http.post("/api/orders/batch", json={"orders": [item]})
    return str(answer.json()["results"][0]["orderId"])


async def unfinished(engine: Engine) -> list[str]:
    rows = await engine.postgres.fetch(
        "SELECT type, status FROM orders WHERE status NOT IN ('confirmed', 'cancelled', 'failed', 'expired')"
    )
    return [f"{row['type']} {row['status']}" for row in rows]


@pytest.mark.parametrize("is_found", [False, True], ids=["before its swap is found", "after it"])
async def test_a_forgotten_order_of_any_kind_is_not_executed_again_when_its_key_is_repeated(
    engine: Engine, postgres_dsn: str, is_found: bool
) -> None:
    letter, keyed_letter = [(await engine.place(key=key))["orderId"] for key in (None, "of a letter")]
    await fail(engine, letter)
    await fail(engine, keyed_letter)
    before = await dump(postgres_dsn)

    async def place_all() -> dict[str, str]:
        placed = {kind: (await engine.place(key=kind, **fields))["orderId"] for kind, fields in KINDS.items()}
        return placed | {"batch": await in_batch(engine), "retry": await retry(engine, letter)}

    old = await place_all() | {"retried twice": await retry_twice(engine, keyed_letter)}
    await fail(engine, lost_letter := (await engine.place(key="lost letter"))["orderId"])
    old["lost letter"] = await retry(engine, lost_letter)
    parent = (await engine.place(key="dca", **DCA))["orderId"]
    oco = await groups.place(engine, Idempotency_Key="oco")
    bracket = await groups.place(engine, groups.BRACKET, Idempotency_Key="bracket")
    entry, _, stop = (one["orderId"] for one in bracket["orders"])
    await launch(engine)
    await land(engine, *old.values(), oco["orders"][1]["orderId"])
    await land(engine, entry, brings=1_100_000_000)
    await land(engine, stop, brings=140_000_000, sold=1_100_000_000)
    for _ in range(2):
        await land(engine, part := await slice_of(engine, parent))
        await fail(engine, part)  # only in the database that is lost: so that the next one is made
    landed = await engine.postgres.fetchval("SELECT count(*) FROM chain.transactions")
    await restore(postgres_dsn, before)

    if is_found:
        await reconciled(engine)
    again = await place_all() | {"retried twice": await retry(engine, keyed_letter)}
    again["lost letter"] = (await engine.place(key="lost letter"))["orderId"]
    parent = (await engine.place(key="dca", **DCA))["orderId"]
    for key, body in ("oco", groups.OCO), ("bracket", groups.BRACKET):
        answer = await engine.http.post(groups.URL, json=body, headers={"Idempotency-Key": key})
        assert answer.json().get("code") == ("key_reused" if is_found else None), answer.text
    if is_found:
        assert again == old
    else:
        await reconciled(engine)
    await Groups(engine.postgres).settle()
    assert await confirmed(engine, *again.values())
    third = 333_333_366
    assert await slices(engine, parent) == [(1, third, "confirmed"), (2, third, "confirmed")]
    # Only what was not executed is left: the last slice, and nothing of a group.
    assert await unfinished(engine) == ["dca open"]
    assert await engine.postgres.fetchval("SELECT count(*) FROM chain.transactions") == landed
    of_groups = {one["signature"] for one in await lost_swaps(engine) if one["adopted_by"] is None}
    assert len(of_groups) == (3 if is_found else 0)
    assert (await engine.order(parent))["slices"]["filled"] == 2
    await slice_of(engine, parent)
    assert (await slices(engine, parent))[2][:2] == (3, third + 2)


async def test_an_order_that_the_database_has_in_whatever_status_is_not_executed_again(engine: Engine) -> None:
    swap, orders = await dead_swap(engine), list[str]()
    parents = [(await engine.place(**DCA))["orderId"] for _ in STATUSES[1:]]
    await make_due(engine)
    assert await make(PlanStore(engine.postgres, max_age=10.0)) == len(parents)
    sliced = [str(row["id"]) for row in await engine.postgres.fetch("SELECT id FROM orders WHERE slice = 1")]
    for part, status in zip(sliced, STATUSES[1:], strict=True):
        await land(engine, part)
        await advance(engine, part, status, swap)
    for status in STATUSES:
        for kind, fields in KINDS.items():
            if (kind, status) != ("market", "open"):
                orders.append(order := (await engine.place(**fields))["orderId"])
                await land(engine, order)
                await advance(engine, order, status, swap)
    brackets = [await groups.place(engine, groups.BRACKET) for _ in STATUSES]
    for bracket, status in zip(brackets, STATUSES, strict=True):
        entry, _, stop = (one["orderId"] for one in bracket["orders"])
        await land(engine, entry, brings=1_100_000_000)
        await land(engine, stop, brings=140_000_000, sold=1_100_000_000)
        await advance(engine, entry, status, swap)
    await launch(engine)
    landed = await engine.postgres.fetchval("SELECT count(*) FROM chain.transactions")
    await reconciled(engine)
    assert await confirmed(engine, *orders, *sliced)
    await Groups(engine.postgres).settle()
    assert [await groups.statuses(engine, one) for one in brackets] == [["confirmed", "cancelled", "confirmed"]] * 5
    assert await engine.postgres.fetchval("SELECT count(*) FROM chain.transactions") == landed
    assert await lost_swaps(engine) == []
    bought = "SELECT DISTINCT token_out, limit_price IS NULL FROM orders WHERE type = 'sniper'"
    assert [tuple(row) for row in await engine.postgres.fetch(bought)] == [("WIF", False)]


@pytest.mark.parametrize("key", ["the key", None])
async def test_an_order_whose_retry_was_filled_is_not_executed_in_whatever_status_the_database_has_it(
    engine: Engine, postgres_dsn: str, key: str | None
) -> None:
    swap, old = await dead_swap(engine), list[str]()
    for status in STATUSES:
        fields = LIMIT if status == "open" else {}
        old.append(order := (await engine.place(key=key and f"{key} {status}", **fields))["orderId"])
        await advance(engine, order, status, swap)
    before = await dump(postgres_dsn)
    for order in old:
        await fail(engine, order)
        await land(engine, await (retry if key is None else retry_twice)(engine, order))
    await restore(postgres_dsn, before)
    await reconciled(engine)
    assert await confirmed(engine, *old)
    assert {one["adopted_by"] for one in await lost_swaps(engine)} == {UUID(one) for one in old}


@pytest.mark.parametrize(
    "status", [pytest.param(one, marks=[pytest.mark.slow] * (one in STATUSES[1:-1])) for one in STATUSES]
)
async def test_a_leg_is_not_filled_after_another_one_in_whatever_status_the_database_has_it(
    engine: Engine, status: str
) -> None:
    swap = await dead_swap(engine)
    group = await groups.place(engine)
    one, other = (order["orderId"] for order in group["orders"])
    if status != "open":
        await engine.postgres.execute("UPDATE order_groups SET holder = $1", UUID(one))
        await engine.postgres.execute("UPDATE triggers SET armed = false")
    await advance(engine, one, status, swap)
    await engine.postgres.execute("UPDATE chain.transactions SET memo = $1", one)
    await land(engine, other)
    await reconciled(engine)

    async def ended() -> bool:
        await Groups(engine.postgres).settle()
        return await groups.statuses(engine, group) == ["cancelled", "confirmed"]

    await eventually(ended)
    assert (await engine.order(one))["code"] == "sibling_filled"
    assert await fills(engine) == {other: [(await engine.order(other))["txHash"]]}
