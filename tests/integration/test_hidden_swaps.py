"""Swaps that the database lost are found at the start of a worker, whatever one of three nodes tells to hide them: each
order would be filled again.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.dex.chain import FoundSwap, Outcome
from app.mockchain.ledger import MockChain
from tests.dump import dump, restore
from tests.engine import eventually, running_engine
from tests.integration.test_reconciling import BLOCK_MS, confirmed, executed, fills, is_reconciling
from worker import reconciler


async def test_swaps_of_which_one_node_tells_another_slot_take_the_place_of_no_other_one(
    postgres_dsn: str, redis_dsn: str, primed_queue: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = MockChain.newest
    failed = Outcome("failed", 10**9, code="tx_failed")
    nothing: dict[str, Any] = dict.fromkeys(("venue", "token_in", "token_out", "amount_in"))
    moved = FoundSwap(memo="order", signature="1" * 88, at=10**9, outcome=failed, agreed=False, **nothing)

    async def newest_ones(chain: MockChain, limit: int, **places: Any) -> Sequence[FoundSwap]:
        return [moved, *await newest(chain, limit, **places)]

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
