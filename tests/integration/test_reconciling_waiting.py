"""Orders that wait, their groups and their slices, after the database lost the newest writes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from hashlib import md5
from typing import Any
from uuid import UUID

import pytest

from app.dex.chain import FoundSwap
from app.mockchain.ledger import MockChain
from app.orders.memo import Memos
from app.orders.reconciling.state import begin
from app.orders.waiting.groups import Groups
from app.orders.waiting.plans import PlanStore
from tests.dump import dump, restore
from tests.engine import HAPPY, Engine, eventually, running_engine
from tests.integration.test_order_groups import BRACKET, OCO, URL, place, statuses
from tests.integration.test_reconciling import BLOCK_MS, confirmed, done, lost_swaps
from tests.integration.test_slices import DCA, make, make_due, slices
from tests.integration.test_waiting_orders import LIMIT, trigger_rows
from worker import comparison, reconciler

LANDED = """
INSERT INTO chain.transactions (signature, memo, status, amount_out, slot, landed_at, last_valid_height, sent_at, venue,
                                token_in, token_out, amount_in)
SELECT md5($1::text), $1, 'landed', $2, 1, now(), 1, now(), 'raydium', $3, $4, $5
"""


@pytest.fixture
async def engine(postgres_dsn: str, redis_dsn: str, primed_queue: None) -> AsyncIterator[Engine]:
    async with running_engine(postgres_dsn, redis_dsn, mock_block_ms=BLOCK_MS) as started:
        yield started


async def land(engine: Engine, order: str, *, brings: int = 200_000_000, sold: int = 1_500_000_000) -> None:
    """The chain has a swap of this order, and the database has forgotten it."""
    row = await engine.postgres.fetchrow("SELECT token_in, token_out FROM orders WHERE id = $1", UUID(order))
    await engine.postgres.execute(LANDED, order, brings, *(row or ("SOL", "USDC")), sold)


async def land_tagged(engine: Engine, order: str) -> None:
    """As `land`, with the memo that a worker writes."""
    [row] = await engine.postgres.fetch("SELECT * FROM orders WHERE id = $1", UUID(order))
    memos = Memos.of(engine.settings)
    memo = f"{order} {row['tag'] or memos.tag(row['owner'], row['idempotency_key'])}"
    await engine.postgres.execute(LANDED, memo, 200_000_000, row["token_in"], row["token_out"], int(row["amount_in"]))


async def settled(engine: Engine, group: dict[str, Any], wanted: list[str]) -> bool:
    await Groups(engine.postgres).settle()
    return await statuses(engine, group) == wanted


async def test_an_order_that_waits_and_was_filled_makes_every_move(engine: Engine) -> None:
    order = (await engine.place(**LIMIT))["orderId"]
    await land(engine, order)
    await engine.start_worker()
    stream = await engine.read_stream(order)
    assert stream.statuses == ["open", *HAPPY]
    assert [event["seq"] for event in stream.events] == [1, 2, 3, 4, 5, 6]
    assert [event["attempt"] for event in stream.events] == [0, 0, 1, 1, 1, 1]
    assert stream.events[-1]["amountOut"] == "200"
    assert await trigger_rows(engine) == []


@pytest.mark.parametrize("under_way", [False, True])
async def test_a_leg_that_was_filled_ends_the_others(engine: Engine, under_way: bool) -> None:
    group = await place(engine)
    profit, stop = (order["orderId"] for order in group["orders"])
    if under_way:  # as the database has it, the other leg was fired
        await engine.postgres.execute(
            "WITH gone AS (DELETE FROM triggers WHERE order_id = $1), held AS (UPDATE order_groups SET holder = $1)"
            " UPDATE orders SET status = 'pending', look_at = now() WHERE id = $1",
            UUID(profit),
        )
    await land(engine, stop)
    await engine.start_worker()
    await eventually(partial(settled, engine, group, ["cancelled", "confirmed"]))
    assert (await engine.order(profit))["code"] == "sibling_filled"
    assert await trigger_rows(engine) == []
    assert await engine.postgres.fetchval("SELECT count(*) FROM chain.transactions") == 1


async def test_of_a_bracket_entry_and_leg_may_both_have_been_filled(engine: Engine) -> None:
    bracket = await place(engine, BRACKET)
    entry, _, stop = (order["orderId"] for order in bracket["orders"])
    await land(engine, entry, brings=1_100_000_000, sold=150_000_000)
    await land(engine, stop, brings=140_000_000, sold=1_100_000_000)
    await engine.start_worker()
    await eventually(partial(settled, engine, bracket, ["confirmed", "cancelled", "confirmed"]))
    sold = await engine.order(stop)
    assert (sold["amount"], sold["amountOut"]) == ("1.1", "140")
    assert sold["executedPrice"] == pytest.approx(140 / 1.1)


async def test_a_forgotten_order_in_slices_is_not_placed_again_while_nobody_knows_what_one_of_them_brought(
    engine: Engine, postgres_dsn: str
) -> None:
    """Only the other one was taken for filled: of three slices four were paid."""
    before = await dump(postgres_dsn)
    parent = UUID((await engine.place(key="the key", **DCA))["orderId"])
    store, new = PlanStore(engine.postgres, max_age=10.0), "SELECT id FROM orders WHERE parent_id = $1 AND slice = $2"
    for number in (1, 2):
        await make_due(engine)
        assert await make(store) == 1
        part = await engine.postgres.fetchval(new, parent, number)
        await land_tagged(engine, str(part))
        await engine.postgres.execute("UPDATE orders SET status = 'failed' WHERE id = $1", part)
    untold = "UPDATE chain.transactions SET amount_in = NULL WHERE memo ^@ $1"
    await engine.postgres.execute(untold, str(part))
    await restore(postgres_dsn, before)
    await engine.start_worker()
    await eventually(partial(done, engine))
    answer = await engine.http.post("/api/orders/execute", json=DCA, headers={"Idempotency-Key": "the key"})
    assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")
    assert await engine.postgres.fetchval("SELECT count(*) FROM plans") == 0


async def test_a_group_that_is_placed_again_after_the_swap_was_found_is_refused(
    engine: Engine, postgres_dsn: str
) -> None:
    before = await dump(postgres_dsn)
    group = await place(engine, Idempotency_Key="the key")
    await land_tagged(engine, group["orders"][1]["orderId"])
    await restore(postgres_dsn, before)
    await engine.start_worker()
    await eventually(partial(done, engine))
    answer = await engine.http.post(URL, json=OCO, headers={"Idempotency-Key": "the key"})
    assert (answer.status_code, answer.json()["code"]) == (422, "key_reused")
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 0
    assert await engine.postgres.fetchval("SELECT count(*) FROM order_groups") == 0


async def test_a_group_that_is_placed_again_before_the_swap_is_found_is_filled_by_it(
    engine: Engine, postgres_dsn: str
) -> None:
    before = await dump(postgres_dsn)
    await land_tagged(engine, (await place(engine, Idempotency_Key="the key"))["orders"][1]["orderId"])
    await restore(postgres_dsn, before)
    again = await place(engine, Idempotency_Key="the key")
    await engine.start_worker()

    async def one_is_filled() -> bool:  # which one, the memo does not say
        await Groups(engine.postgres).settle()
        return sorted(await statuses(engine, again)) == ["cancelled", "confirmed"]

    await eventually(one_is_filled)
    assert await engine.postgres.fetchval("SELECT count(*) FROM chain.transactions") == 1
    [lost] = await lost_swaps(engine)
    assert (await engine.order(str(lost["adopted_by"])))["status"] == "confirmed"


@pytest.mark.parametrize("page", [comparison.PAGE, 1])
async def test_slices_that_were_filled_are_not_made_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(comparison, "PAGE", page)
    parent = (await engine.place(**DCA))["orderId"]
    ids = [str(UUID(md5(f"{parent}/{number}".encode()).hexdigest())) for number in (1, 2, 3)]
    for number in (0, 2):
        await land(engine, ids[number], sold=333_333_366)
    await engine.start_worker()
    await eventually(partial(confirmed, engine, ids[0], ids[2]))
    third = 333_333_366
    assert await slices(engine, parent) == [(1, third, "confirmed"), (3, third, "confirmed")]
    assert (await engine.order(parent))["slices"] | {"nextAt": None} == {
        **{"total": 3, "filled": 2, "failed": 0, "skipped": 1, "nextAt": None}
    }
    assert (await engine.read_stream(ids[0])).statuses == HAPPY
    [completed] = await PlanStore(engine.postgres, max_age=4.0).finish()
    assert completed.event.status == "completed"
    assert await lost_swaps(engine) == []


async def test_a_filled_slice_of_which_the_nodes_do_not_say_the_same_is_not_made_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a swap moved is not a part of what is signed: one of two nodes named other tokens. Once they say the same,
    `engine reconcile` finds it, although it was written down, and behind a page of fills of before.
    """
    monkeypatch.setattr(comparison, "PAGE", 1)
    parent, newest = (await engine.place(**DCA))["orderId"], MockChain.newest
    await land(engine, str(UUID(md5(f"{parent}/1".encode()).hexdigest())), sold=333_333_366)

    async def newest_ones(chain: MockChain, limit: int, **places: Any) -> list[FoundSwap]:
        return [replace(swap, agreed=False, token_out="BONK") for swap in await newest(chain, limit, **places)]

    monkeypatch.setattr(MockChain, "newest", newest_ones)
    monkeypatch.setattr(reconciler, "PATIENCE_SECONDS", 0)
    await engine.start_worker()
    await eventually(partial(lost_swaps, engine))
    await eventually(partial(done, engine))
    assert await engine.postgres.fetchval("SELECT scope FROM trading_states WHERE state = 'halted'") == "local"
    assert await make(PlanStore(engine.postgres, max_age=4.0)) == 0
    monkeypatch.setattr(MockChain, "newest", newest)
    await engine.postgres.execute("UPDATE trading_states SET state = 'active'")
    await eventually(partial(confirmed, engine, (await engine.place())["orderId"]))
    await begin(engine.postgres, "a test")
    await eventually(partial(done, engine))
    assert await slices(engine, parent) == [(1, 333_333_366, "confirmed")]


async def test_a_filled_slice_behind_orders_that_a_look_has_confirmed_is_not_made_again_if_it_begins_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "PAGE", 1)
    parent, known = [(await engine.place(**more))["orderId"] for more in (DCA, {})]
    part, newest = str(UUID(md5(f"{parent}/1".encode()).hexdigest())), MockChain.newest
    await land(engine, part, sold=333_333_366)
    await land(engine, known)

    async def newest_ones(chain: MockChain, limit: int, **places: Any) -> list[FoundSwap]:
        return [replace(swap, agreed=swap.memo != part) for swap in await newest(chain, limit, **places)]

    monkeypatch.setattr(MockChain, "newest", newest_ones)
    await engine.start_worker()
    await eventually(partial(confirmed, engine, known))
    monkeypatch.setattr(reconciler, "PATIENCE_SECONDS", 0)
    await begin(engine.postgres, "another fail-over")
    await eventually(partial(done, engine))
    assert await engine.postgres.fetchval("SELECT scope FROM trading_states WHERE state = 'halted'") == "local"
    assert await make(PlanStore(engine.postgres, max_age=4.0)) == 0


async def test_a_slice_of_a_parent_that_has_ended_is_not_cancelled_while_the_engine_reconciles(engine: Engine) -> None:
    parent, store = (await engine.place(**DCA))["orderId"], PlanStore(engine.postgres, max_age=4.0)
    assert await make(store) == 1
    assert (await engine.http.post(f"/api/orders/{parent}/cancel")).status_code == 200
    await begin(engine.postgres, "a test")
    assert await store.finish() == []
    assert [status for _, _, status in await slices(engine, parent)] == ["pending"]
    await engine.postgres.execute("UPDATE trading_states SET state = 'active'")
    assert [moved.event.details["code"] for moved in await store.finish()] == ["parent_ended"]
