"""Orders that were placed for another chain, in the same database: nothing of this chain moves them."""

from functools import partial
from typing import Any

import asyncpg
import pytest

from app.orders.waiting.plans import Decision, PlanStore
from app.orders.waiting.snipes import Decided, SnipeStore
from app.orders.waiting.trailing import Trail, TrailingStops
from app.orders.waiting.triggers import Backlog, Marketable, TriggerStore
from tests.engine import Engine
from tests.integration.test_firing import STOPS, fire
from tests.integration.test_order_groups import OCO, URL
from tests.integration.test_slices import DCA, SCALE, make
from tests.integration.test_snipers import MINT, SNIPER
from tests.integration.test_trailing_stops import Watcher
from tests.integration.test_wallet_owner import real
from tests.waiting import FEED, SLOT, place_limit, place_open, place_trailing, record

__all__ = ["real"]

THIS, OTHER = None, "genesis"
SECONDS = 60.0


async def of_other(pool: asyncpg.Pool) -> None:
    await pool.execute("UPDATE orders SET chain = $1", OTHER)


async def test_the_prices_of_this_chain_fire_no_stop_of_another_one(pool: asyncpg.Pool) -> None:
    await place_open(pool, ["145"])
    await of_other(pool)
    for slot in (SLOT - 1, SLOT):
        await record(pool, slot, "144")
    stores = [TriggerStore(pool, max_age=SECONDS, chain=one) for one in (THIS, OTHER)]
    assert [len(await fire(store, STOPS)) for store in stores] == [0, 1]


async def test_the_prices_of_this_chain_fire_no_limit_of_another_one(pool: asyncpg.Pool) -> None:
    await place_limit(pool, "144", limit_out=1)
    await of_other(pool)
    await record(pool, SLOT, "145")
    here, there = (TriggerStore(pool, max_age=SECONDS, chain=one) for one in (THIS, OTHER))
    assert await here.candidates(FEED, SLOT, 10) == []
    [candidate] = await there.candidates(FEED, SLOT, 10)
    quoted, backlog = [Marketable(candidate, "145", "raydium")], Backlog(0, 100)
    fired = [await store.fire_quoted(FEED, SLOT, quoted, backlog=backlog) for store in (here, there)]
    assert list(map(len, fired)) == [0, 1]


async def test_the_prices_of_this_chain_fire_no_trailing_stop_of_another_one(pool: asyncpg.Pool) -> None:
    await place_trailing(pool, ["150"])
    await of_other(pool)
    here, there = (Watcher(TrailingStops(pool, max_age=SECONDS, chain=one), Trail(FEED, 1, 2)) for one in (THIS, OTHER))
    await record(pool, SLOT, "160")
    assert await here.at(SLOT) == []
    await record(pool, SLOT + 1, "150")
    assert [len(await watcher.at(SLOT + 1)) for watcher in (here, there)] == [0, 1]


@pytest.mark.parametrize("price", ["600", None])
async def test_a_launch_on_this_chain_fires_no_sniper_of_another_one(engine: Engine, price: str | None) -> None:
    await engine.place(**SNIPER)
    here, there = (SnipeStore(engine.postgres, max_age=SECONDS, chain=one) for one in (THIS, OTHER))
    [snipe] = await here.met({MINT: 1}, 10, tokens_in=["SOL"])
    await of_other(engine.postgres)
    assert await here.met({MINT: 1}, 10, tokens_in=["SOL"]) == []
    decided = [Decided(snipe=snipe, floor=1, symbol="WIF", price=price, venue="raydium")]
    for store, moved in ((here, 0), (there, 1)):
        if price is None:
            fired = await store.wait_for_price(decided)
        else:
            fired = await store.fire(decided, 7, snipe.now, backlog=Backlog(0, 100))
        assert len(fired) == moved


async def test_no_slices_are_made_of_an_order_of_another_chain(engine: Engine) -> None:
    await engine.place(**DCA)
    here, there = (PlanStore(engine.postgres, max_age=SECONDS, chain=one) for one in (THIS, OTHER))
    [due] = await here.due()
    await of_other(engine.postgres)
    assert (await here.due(), await here.make([Decision(due, False, SCALE)])) == ([], [])
    assert await make(there) == 1


async def test_a_dead_letter_of_another_chain_is_not_retried_on_this_one(real: Engine) -> None:
    """Its amount may be of a token with other decimals, and its failure may have been a drill."""
    order = (await real.place())["orderId"]
    await real.postgres.execute("UPDATE orders SET status = 'failed', code = 'dry_run', chain = NULL")
    answer = await real.http.post(f"/api/dlq/{order}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "other_chain")
    await of_other(real.postgres)
    assert (await real.http.post(f"/api/dlq/{order}/retry")).status_code == 202


async def test_a_key_of_another_chain_is_not_answered_with_its_order(real: Engine) -> None:
    body: dict[str, Any] = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5"}
    place = partial(real.http.post, "/api/orders/execute", headers={"Idempotency-Key": "one"}, json=body)
    grouped = partial(real.http.post, URL, headers={"Idempotency-Key": "two"}, json=OCO)
    first = [(await place()).json()["orderId"], (await grouped()).json()["groupId"]]
    assert [(await place()).json()["orderId"], (await grouped()).json()["groupId"]] == first
    await real.postgres.execute("UPDATE orders SET chain = NULL")
    assert [(await one()).json()["code"] for one in (place, grouped)] == ["key_reused", "key_reused"]
