"""Lost swaps are looked for again: after a look that told nothing, and after one that could not be confirmed."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from app.dex.chain import FoundSwap
from app.mockchain.ledger import MockChain
from app.orders.reconciling.state import begin
from tests.dump import Dump, dump, restore
from tests.engine import Engine, eventually
from tests.integration.test_reconciling import confirmed, done, engine, fills
from worker import comparison

__all__ = ["engine"]  # the fixture, with blocks of 10 ms


async def test_swaps_that_the_node_tells_only_after_a_look_are_all_looked_for(
    engine: Engine, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its index was short at first: it told none of them."""
    monkeypatch.setattr(comparison, "PAGE", 1)
    newest, looks = MockChain.newest, list[None]()

    async def none_at_first(chain: MockChain, limit: int, **places: Any) -> list[FoundSwap]:
        looks.extend([None] * (not places.get("before")))
        return await newest(chain, limit, **places) if len(looks) > 2 else []  # after that of the start

    working, orders = await engine.start_worker(), list[str]()
    before: Dump = {}
    for key in ("known", "forgotten", "newer"):
        orders.append((await engine.place(key=key))["orderId"])
        await eventually(partial(confirmed, engine, *orders))
        before = before or await dump(postgres_dsn)
    await engine.stop_worker(working)
    await restore(postgres_dsn, before)
    await begin(engine.postgres, "a fail-over")
    monkeypatch.setattr(MockChain, "newest", none_at_first)
    await engine.start_worker()
    await eventually(partial(done, engine))
    assert (await engine.place(key="forgotten"))["orderId"] == orders[1]
    await eventually(partial(confirmed, engine, orders[1]))
    assert {one: len(found) for one, found in (await fills(engine)).items()} == dict.fromkeys(orders, 1)


async def test_a_swap_of_a_repeated_key_that_could_not_be_confirmed_is_looked_for_again(
    engine: Engine, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner was halted, the cause was mended, and `engine reconcile` was run: as the guide says."""
    monkeypatch.setattr(comparison, "PAGE", 1)
    newest, orders, before = MockChain.newest, list[str](), await dump(postgres_dsn)

    async def untold(chain: MockChain, limit: int, **places: Any) -> list[FoundSwap]:
        found = await newest(chain, limit, **places)
        return [replace(swap, amount_in=None) if swap.about == orders[0] else swap for swap in found]

    working = await engine.start_worker()
    for key in ("forgotten", "newer"):
        orders.append((await engine.place(key=key))["orderId"])
        await eventually(partial(confirmed, engine, *orders))
    await engine.stop_worker(working)
    await restore(postgres_dsn, before)
    again, _ = [(await engine.place(key=key))["orderId"] for key in ("forgotten", "newer")]
    monkeypatch.setattr(MockChain, "newest", untold)
    await begin(engine.postgres, "a fail-over")
    await engine.start_worker()
    await eventually(partial(done, engine))
    assert await engine.postgres.fetchval("SELECT scope FROM trading_states WHERE state = 'halted'") == "local"
    monkeypatch.setattr(MockChain, "newest", newest)
    await begin(engine.postgres, "the cause was mended")
    await eventually(partial(done, engine))
    await engine.postgres.execute("UPDATE trading_states SET state = 'active'")
    await eventually(partial(confirmed, engine, again))
    assert {one: len(found) for one, found in (await fills(engine)).items()} == dict.fromkeys(orders, 1)
