"""While the engine reconciles, each look reads all swaps of a week, and older ones until it knows a page of them."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from app.dex.chain import FoundSwap
from app.mockchain.ledger import MockChain
from app.orders.reconciling.compared import ComparedSwaps
from app.orders.reconciling.state import begin
from tests.dump import dump, restore
from tests.engine import Engine, eventually
from tests.integration.test_reconciling import confirmed, done, engine, executed, fills, lost_swaps
from tests.integration.test_solana_history import counted, three_swaps
from tests.solana_world import World, tells
from worker import comparison, reconciler

__all__ = ["engine"]  # the fixture, with blocks of 10 ms

OLD = timedelta(hours=-1)  # as if all swaps were older than the days that are looked at


async def filled(engine: Engine, count: int) -> list[str]:
    """The oldest first."""
    worker, orders = await engine.start_worker(), list[str]()
    for _ in range(count):
        orders.append((await engine.place())["orderId"])
        await eventually(partial(confirmed, engine, *orders))
    await engine.stop_worker(worker)
    return orders


async def forget(engine: Engine, *orders: str) -> None:
    for table, column in (("order_events", "order_id"), ("orders", "id")):
        await engine.postgres.execute(f"DELETE FROM {table} WHERE {column} = ANY($1::uuid[])", orders)


def pages_of_one(monkeypatch: pytest.MonkeyPatch) -> list[list[FoundSwap]]:
    """All pages that are read from now on, each of which has one swap."""
    newest, pages = MockChain.newest, list[list[FoundSwap]]()

    async def spied(chain: MockChain, limit: int, **places: Any) -> list[FoundSwap]:
        page = await newest(chain, limit, **places)
        pages.append(page)
        return page

    monkeypatch.setattr(MockChain, "newest", spied)
    monkeypatch.setattr(comparison, "PAGE", 1)
    return pages


async def reconciled(engine: Engine) -> None:
    await begin(engine.postgres, "rows were put back")
    await engine.start_worker()
    await eventually(lambda: done(engine))


async def test_a_swap_of_the_last_week_is_found_behind_any_number_of_known_ones(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    oldest, *_ = await filled(engine, 3)
    await forget(engine, oldest)
    pages_of_one(monkeypatch)
    await reconciled(engine)
    assert [one["order_id"] for one in await lost_swaps(engine)] == [oldest]


async def test_of_older_ones_nothing_is_read_behind_a_page_that_is_known(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(engine, 3)
    pages = pages_of_one(monkeypatch)
    monkeypatch.setattr(comparison, "LOOK_BACK", OLD)
    await reconciled(engine)
    newest = pages[0][0].signature
    assert {page[0].signature for page in pages[1:]} == {newest}


async def test_a_backup_older_than_a_week_hides_no_swap(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    known, *lost = await filled(engine, 4)
    await forget(engine, *lost)
    pages = pages_of_one(monkeypatch)
    monkeypatch.setattr(comparison, "LOOK_BACK", OLD)
    await reconciled(engine)
    assert [one["order_id"] for one in await lost_swaps(engine)] == lost
    assert known in {page[0].about for page in pages}


@pytest.mark.parametrize("newest", ["was repeated", "failed"])
async def test_of_a_backup_older_than_a_week_only_a_page_with_a_fill_of_before_ends_a_look(
    engine: Engine, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch, newest: str
) -> None:
    [known], dumped, orders = await filled(engine, 1), await dump(postgres_dsn), list[str]()
    worker = await engine.start_worker()
    for key in ("lost", "newest"):
        orders.append((await engine.place(key=key))["orderId"])
        await eventually(partial(confirmed, engine, *orders))
    await engine.stop_worker(worker)
    if newest == "failed":
        sql = "UPDATE chain.transactions SET status = 'failed', code = 'x', amount_out = NULL WHERE memo ^@ $1"
        await engine.postgres.execute(sql, orders.pop())
    await restore(postgres_dsn, dumped)
    pages = pages_of_one(monkeypatch)
    monkeypatch.setattr(comparison, "LOOK_BACK", OLD)
    if newest == "was repeated":
        await reconciled(engine)
        await engine.place(key="newest")
        lost = "DELETE FROM lost_swaps WHERE order_id = $1"  # as if that look had broken off after the first page
        await engine.postgres.execute(lost, orders[0])
        for worker, _ in engine.workers:
            await engine.stop_worker(worker)
    pages.clear()
    await reconciled(engine)
    again = (await engine.place(key="lost"))["orderId"]
    await eventually(partial(confirmed, engine, again))
    assert (await fills(engine)).keys() == {known, *orders}
    assert known in {page[0].about for page in pages}


async def test_a_fill_is_known_unless_reconciling_has_confirmed_it(engine: Engine, postgres_dsn: str) -> None:
    """What reconciling has confirmed may not have been counted in the limits of its day yet."""
    [before] = await filled(engine, 1)
    again = (await engine.place())["orderId"]
    dumped = await dump(postgres_dsn)
    await executed(engine, await engine.start_worker(), again)
    await restore(postgres_dsn, dumped)
    await reconciled(engine)
    await eventually(lambda: confirmed(engine, again))
    swaps = {(await engine.order(one))["txHash"]: one for one in (before, again)}
    swaps |= {"1" * 88: before, "2" * 88: "a stranger's"}
    assert await ComparedSwaps(engine.postgres).known(swaps) == {(await engine.order(before))["txHash"]}


async def test_swaps_that_are_known_are_told_without_a_call(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    newest, known, oldest = await three_swaps(world)
    calls = counted(monkeypatch, world)

    async def is_known(swaps: Mapping[str, str]) -> set[str]:
        assert swaps[known.signature] == "order-1"
        return {known.signature}

    found = await world.chain.newest(10, known=is_known)
    assert [(one.signature, one.is_known) for one in found] == [
        (newest.signature, False),
        (known.signature, True),
        (oldest.signature, False),
    ]
    assert calls.count("getTransaction") == 2


@pytest.mark.parametrize("liar", [0, 1])
async def test_a_swap_that_one_node_names_otherwise_is_known_still(
    two: World, monkeypatch: pytest.MonkeyPatch, liar: int
) -> None:
    """It would count as one that nobody can value, each time."""
    await two.sent(await two.signed())
    tells(monkeypatch, two, liar, "getSignaturesForAddress", lambda told: [row | {"memo": "[4] a #1"} for row in told])

    async def is_known(swaps: Mapping[str, str]) -> set[str]:
        return {one for one, about in swaps.items() if about == "order"}

    assert [one.is_known for one in await two.chain.newest(10, known=is_known)] == [True]


@pytest.mark.parametrize("liar", [0, 1])
async def test_one_node_alone_puts_no_swap_that_is_known_before_the_newest(
    two: World, monkeypatch: pytest.MonkeyPatch, liar: int
) -> None:
    """As many known ones as a worker compares at its start would hide one that was lost, and it would be paid again."""
    for name in ("known", "lost"):
        await two.sent(await two.signed(name=name))
        two.validator.skip(1)
    tells(monkeypatch, two, liar, "getSignaturesForAddress", lambda told: [row | {"blockTime": 2**32} for row in told])

    async def is_known(swaps: Mapping[str, str]) -> set[str]:
        return {one for one, about in swaps.items() if about == "known"}

    found = await two.chain.newest(10, known=is_known)
    assert [one.about for one in found] == ["known", "lost"]
    assert "lost" in [one.about for one in reconciler._first_agreed(found, 1)]
