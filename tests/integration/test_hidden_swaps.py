"""Swaps that the database lost are found, whatever one of three nodes tells to hide them, and after a look that broke
off: each order would be filled again.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.dex.chain import FoundSwap, Outcome
from app.dex.errors import DexError
from app.mockchain.ledger import MockChain
from app.orders.reconciling.state import begin
from tests.dump import dump, restore
from tests.engine import eventually, running_engine
from tests.integration.test_reconciling import (
    BLOCK_MS,
    confirmed,
    done,
    executed,
    fills,
    is_reconciling,
    lost_swaps,
)
from worker import comparison, reconciler


async def test_swaps_of_which_one_node_tells_another_slot_take_the_place_of_no_other_one(
    postgres_dsn: str, redis_dsn: str, primed_queue: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = MockChain.newest
    failed = Outcome("failed", 10**9, code="tx_failed")
    nothing: dict[str, Any] = dict.fromkeys(("venue", "token_in", "token_out", "amount_in"))
    moved = FoundSwap(memo="order", signature="1" * 88, at=10**9, outcome=failed, agreed=False, **nothing)

    async def newest_ones(chain: MockChain, limit: int, **places: Any) -> Sequence[FoundSwap]:
        return [*([] if places.get("before") else [moved]), *await newest(chain, limit, **places)]

    monkeypatch.setattr(MockChain, "newest", newest_ones)
    monkeypatch.setattr(reconciler, "COMPARED", 1)
    async with running_engine(postgres_dsn, redis_dsn, mock_block_ms=BLOCK_MS) as engine:
        order = (await engine.place())["orderId"]
        before = await dump(postgres_dsn)
        await executed(engine, await engine.start_worker(), order)
        await restore(postgres_dsn, before)
        await engine.start_worker()
        await eventually(lambda: confirmed(engine, order))
        assert len((await fills(engine))[order]) == 1


async def test_a_swap_of_which_one_node_tells_an_older_slot_is_found_behind_as_many_others(
    postgres_dsn: str, redis_dsn: str, primed_queue: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = MockChain.newest

    async def newest_ones(chain: MockChain, limit: int, **places: Any) -> Sequence[FoundSwap]:
        first, *others = await newest(chain, limit + 1, **places)
        return [*others, replace(first, agreed=False)]

    async with running_engine(postgres_dsn, redis_dsn, mock_block_ms=BLOCK_MS) as engine:
        known = (await engine.place())["orderId"]
        await executed(engine, await engine.start_worker(), known)
        order = (await engine.place())["orderId"]
        before = await dump(postgres_dsn)
        await executed(engine, await engine.start_worker(), order)
        await restore(postgres_dsn, before)
        monkeypatch.setattr(MockChain, "newest", newest_ones)
        monkeypatch.setattr(reconciler, "COMPARED", 1)
        await engine.start_worker()
        await eventually(lambda: is_reconciling(engine))
        assert len((await fills(engine))[order]) == 1


async def test_a_look_that_broke_off_after_it_knew_a_page_of_orders_hides_no_older_swap(
    postgres_dsn: str, redis_dsn: str, primed_queue: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest, older = MockChain.newest, list[str]()

    async def once_unavailable(chain: MockChain, limit: int, **places: Any) -> Sequence[FoundSwap]:
        if before := places.get("before"):
            older.append(before)
            if len(older) == 1:
                raise DexError("rpc_timeout", "")
        return await newest(chain, limit, **places)

    monkeypatch.setattr(MockChain, "newest", once_unavailable)
    monkeypatch.setattr(comparison, "PAGE", 1)
    async with running_engine(postgres_dsn, redis_dsn, mock_block_ms=BLOCK_MS) as engine:
        known = (await engine.place())["orderId"]
        before = await dump(postgres_dsn)
        await engine.postgres.execute("UPDATE orders SET ready_at = now() + interval '1 hour'")
        forgotten = (await engine.place(key="the key"))["orderId"]
        working = await engine.start_worker()
        await eventually(lambda: confirmed(engine, forgotten))
        await engine.postgres.execute("UPDATE orders SET ready_at = now(), look_at = now() WHERE status = 'pending'")
        await executed(engine, working, known)
        await restore(postgres_dsn, before)
        await engine.start_worker()
        await eventually(lambda: done(engine))
        assert (await engine.place(key="the key"))["orderId"] == forgotten
        assert {one: len(found) for one, found in (await fills(engine)).items()} == {known: 1, forgotten: 1}


async def test_a_page_of_swaps_that_failed_hides_no_older_one(
    postgres_dsn: str, redis_dsn: str, primed_queue: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "PAGE", 1)
    async with running_engine(postgres_dsn, redis_dsn, mock_block_ms=BLOCK_MS) as engine:
        before = await dump(postgres_dsn)
        working = await engine.start_worker()
        order = (await engine.place(key="the key"))["orderId"]
        await eventually(lambda: confirmed(engine, order))
        failed = (await engine.place())["orderId"]
        await executed(engine, working, failed)
        sql = "UPDATE chain.transactions SET status = 'failed', code = 'tx_failed', amount_out = NULL WHERE memo = $1"
        await engine.postgres.execute(sql, failed)
        await restore(postgres_dsn, before)
        await engine.start_worker()
        await begin(engine.postgres, "rows were put back")
        await eventually(lambda: done(engine))
        assert (await engine.place(key="the key"))["orderId"] == order
        assert (await fills(engine)).keys() == {order}


@pytest.mark.parametrize("then", ["", "it begins again", "a node names an old fill"])
async def test_a_page_of_swaps_whose_keys_were_repeated_after_a_look_that_broke_off_hides_no_older_one(
    postgres_dsn: str, redis_dsn: str, primed_queue: None, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    newest, is_down, named, left = MockChain.newest, True, "", list[str]()

    async def unavailable_at_first(chain: MockChain, limit: int, **places: Any) -> Sequence[FoundSwap]:
        if places.get("before") and is_down:
            raise DexError("rpc_timeout", "")
        if is_named := bool(named and limit == 1 and not places.get("before")):
            left.append((await newest(chain, 1))[-1].signature)
        elif left:  # what one node says moves no other one on
            places["before"] = left.pop()
        found = await newest(chain, limit, **places)
        return [*found, *(one for one in await newest(chain, 9) if is_named and one.about == named)]

    monkeypatch.setattr(MockChain, "newest", unavailable_at_first)
    monkeypatch.setattr(comparison, "PAGE", 1)
    async with running_engine(postgres_dsn, redis_dsn, mock_block_ms=BLOCK_MS) as engine:
        working = await engine.start_worker()
        first = (await engine.place())["orderId"]
        await eventually(lambda: confirmed(engine, first))
        before = await dump(postgres_dsn)
        old = (await engine.place(key="old"))["orderId"]
        await eventually(lambda: confirmed(engine, old))
        new = (await engine.place(key="new"))["orderId"]
        await executed(engine, working, new)
        await restore(postgres_dsn, before)
        await begin(engine.postgres, "rows were put back")
        await engine.start_worker()
        await eventually(lambda: lost_swaps(engine))
        assert (await engine.place(key="new"))["orderId"] == new
        if then == "it begins again":
            await begin(engine.postgres, "another fail-over")
        elif then:
            named = first
        is_down = False
        await eventually(lambda: done(engine))
        assert (await engine.place(key="old"))["orderId"] == old
        assert (await fills(engine)).keys() == {first, old, new}
