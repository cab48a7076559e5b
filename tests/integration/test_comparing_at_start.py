"""At its start a worker compares what the chain tells with the database."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.dex.chain import FoundSwap
from app.mockchain.ledger import MockChain
from tests.engine import Engine, eventually
from tests.integration.test_reconciling import confirmed, done, engine, lost_swaps
from worker import reconciler
from worker.reconciler import Reconciler

__all__ = ["engine"]  # the fixture, with blocks of 10 ms


async def test_at_its_start_a_worker_compares_what_came_after_a_fill_that_is_known(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is older was written down before it was sent, and strangers may have made it long."""
    newest, asked = MockChain.newest, list[str | None]()

    async def spied(chain: MockChain, limit: int, **range: Any) -> list[FoundSwap]:
        asked.append(range.get("after"))
        return await newest(chain, limit, **range)

    monkeypatch.setattr(reconciler, "HORIZON", timedelta(0))
    worker, orders = await engine.start_worker(), list[str]()
    for _ in range(2):
        orders.append((await engine.place())["orderId"])
        await eventually(lambda: confirmed(engine, *orders))
    await engine.stop_worker(worker)
    known, lost = orders
    for table, column in (("order_events", "order_id"), ("orders", "id")):
        await engine.postgres.execute(f"DELETE FROM {table} WHERE {column} = $1", lost)
    last = (await engine.order(known))["txHash"]
    monkeypatch.setattr(MockChain, "newest", spied)
    await engine.start_worker()
    assert asked[0] == last
    await eventually(lambda: done(engine))
    assert [one["order_id"] for one in await lost_swaps(engine)] == [lost]


async def test_a_worker_starts_nothing_before_it_has_compared_itself_with_the_chain(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare, may_compare, asked = Reconciler.compare, asyncio.Event(), asyncio.Event()

    async def held_up(one: Reconciler) -> None:
        asked.set()
        await may_compare.wait()
        await compare(one)

    monkeypatch.setattr(Reconciler, "start", lambda _: asyncio.sleep(0))
    monkeypatch.setattr(Reconciler, "compare", held_up)
    await engine.start_worker()
    order = (await engine.place())["orderId"]
    await asyncio.wait_for(asked.wait(), 5)
    await asyncio.sleep(0.1)
    assert (await engine.order(order))["status"] == "pending"
    may_compare.set()
    await eventually(lambda: confirmed(engine, order))
