"""A swap that may fill an order fills it, or that order does not start: also if only some of it is known."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.dex.chain import FoundSwap
from app.mockchain.ledger import MockChain
from app.orders.reconciling.state import begin
from tests.dump import dump, restore
from tests.engine import Engine, eventually
from tests.integration.test_reconciling import confirmed, engine, executed, fills, is_reconciling, lost_swaps
from tests.integration.test_reconciling_once import advance, dead_swap, fail, land, retry
from worker import reconciler

__all__ = ["engine"]  # the fixture, with blocks of 10 ms


async def reconcile(engine: Engine) -> None:
    await begin(engine.postgres, "a test")
    await engine.start_worker()

    async def ended() -> bool:
        return not await is_reconciling(engine)

    await eventually(ended)
    for worker, _ in engine.workers:
        await engine.stop_worker(worker)


@pytest.mark.parametrize("key", ["the key", None])
async def test_an_order_whose_retry_was_filled_is_not_executed_if_nodes_do_not_say_alike_how_its_own_swap_ended(
    engine: Engine, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    """One of them may not have that swap any more. The order would be sent again once it is proven dead."""
    swap = await dead_swap(engine)
    order = (await engine.place(key=key))["orderId"]
    await advance(engine, order, "submitted", swap)
    await engine.postgres.execute("UPDATE chain.transactions SET memo = $1", order)
    before = await dump(postgres_dsn)
    await fail(engine, order)
    await land(engine, again := await retry(engine, order))
    await restore(postgres_dsn, before)
    find = MockChain.find

    async def found(chain: MockChain, about: Sequence[str], **since: Any) -> tuple[int, list[FoundSwap]]:
        height, swaps = await find(chain, about, **since)
        return height, [replace(one, agreed=one.has_landed) for one in swaps]

    monkeypatch.setattr(reconciler, "PATIENCE_SECONDS", 0.1)
    with monkeypatch.context() as doubted:
        doubted.setattr(MockChain, "find", found)
        await reconcile(engine)
    halted = "SELECT scope FROM trading_states WHERE state = 'halted'"
    assert await engine.postgres.fetchval(halted) == "local"
    assert not await confirmed(engine, order)
    await reconcile(engine)
    assert await confirmed(engine, order)
    assert list(await fills(engine)) == [again]


@pytest.mark.parametrize("key_is_repeated", ["before its swap is found", "after it"])
async def test_an_order_that_was_put_back_without_the_swap_that_it_had_is_filled_by_it_again(
    engine: Engine, postgres_dsn: str, key_is_repeated: str
) -> None:
    """Only the rows of the orders were put back: the swap seemed to have filled an order, which did not have it."""
    is_early, before = key_is_repeated.startswith("before"), await dump(postgres_dsn)
    old = (await engine.place(key="the key"))["orderId"]
    await executed(engine, await engine.start_worker(), old)
    await restore(postgres_dsn, before)
    if is_early:
        await engine.place(key="the key")
        before = await dump(postgres_dsn)
    await reconcile(engine)
    assert (await engine.place(key="the key"))["status"] == "confirmed"
    assert [one["adopted_by"] is None for one in await lost_swaps(engine)] == [False]
    await restore(postgres_dsn, {table: rows for table, rows in before.items() if table != "lost_swaps"})
    await reconcile(engine)
    again = await engine.place(key="the key")
    assert again["status"] == "confirmed"
    await engine.start_worker()
    assert await confirmed(engine, again["orderId"])
    assert list(await fills(engine)) == [old]
