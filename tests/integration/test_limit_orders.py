"""A limit order fires on a quote at its size, and limits that are not met take their turns."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from app.dex.errors import DexError
from app.watcher import limits
from tests.engine import Engine, eventually
from tests.fakes import Answer, ScriptedVenue
from tests.integration.test_watcher import SIZE, Market, ended, market, slots_later, watching
from tests.waiting import place_limit, statuses

__all__ = ["market"]


async def test_a_limit_fires_once_the_quote_at_its_size_reaches_it(engine: Engine, market: Market) -> None:
    near = await place_limit(engine.postgres, "150", limit_out=225_000_000, amount_in=SIZE)
    async with watching(engine, market, quotes={"raydium": [224_000_000], "meteora": [225_000_001]}):
        await ended(engine, near, "pending")
    [trigger] = await engine.postgres.fetch(
        "SELECT details->'trigger' ->> 'price' AS price, details->'trigger' ->> 'source' AS source,"
        " details->'trigger' ->> 'level' AS level FROM order_events WHERE order_id = $1 AND seq = 2",
        near,
    )
    assert dict(trigger) == {"price": "150.000000666", "source": "meteora", "level": "150"}


async def test_a_limit_beyond_the_best_mid_is_not_quoted(engine: Engine, market: Market) -> None:
    far = await place_limit(engine.postgres, "150.3", limit_out=1, amount_in=SIZE)
    near = await place_limit(engine.postgres, "150.2", limit_out=1, amount_in=SIZE)
    async with watching(engine, market):
        await ended(engine, near, "pending")
    assert await statuses(engine.postgres, [far]) == ["open"]


async def test_a_limit_honours_its_venues(engine: Engine, market: Market) -> None:
    order = await place_limit(engine.postgres, "150", limit_out=225_000_000, amount_in=SIZE, venues=["raydium"])
    async with watching(engine, market, quotes={"raydium": [224_000_000], "meteora": [225_000_001]}):
        await eventually(lambda: engine.postgres.fetchval("SELECT look_at IS NOT NULL FROM triggers"))
    assert await statuses(engine.postgres, [order]) == ["open"]


async def test_a_limit_whose_quote_says_no_is_put_aside_by_what_was_missing(engine: Engine, market: Market) -> None:
    """150.2 * 225 / 200 = 168.975: there the same cost would leave what it asks for."""
    order = await place_limit(engine.postgres, "150", limit_out=225_000_000, amount_in=SIZE)
    script: list[Answer] = [200_000_000, 200_000_000, 225_000_000]
    async with watching(engine, market, quotes={"raydium": script}) as network:
        [venue] = network.venues
        assert isinstance(venue, ScriptedVenue)
        aside = "SELECT level FROM triggers WHERE look_at BETWEEN now() + interval '50 s' AND now() + interval '60 s'"
        level = await eventually(lambda: engine.postgres.fetchval(aside))
        assert level == Decimal("168.975")
        asked = len(venue.asked)
        market.mids = {"raydium": "168.9"}
        await slots_later(engine, 2)
        assert len(venue.asked) == asked  # two slots later it was not quoted again
        market.mids = {"raydium": "168.98"}
        await eventually(lambda: engine.postgres.fetchval(f"SELECT EXISTS ({aside} AND level > 180)"))
        assert len(venue.asked) == asked + 1
        await engine.postgres.execute("UPDATE triggers SET look_at = now()")
        await ended(engine, order, "pending")


@pytest.mark.parametrize(("code", "shortest", "longest"), [("price_impact_too_high", 25, 45), ("rpc_timeout", 0, 5)])
async def test_a_limit_that_no_venue_can_serve_is_asked_for_less_and_less_often(
    engine: Engine, market: Market, code: str, shortest: int, longest: int
) -> None:
    await place_limit(engine.postgres, "150", limit_out=1, amount_in=SIZE)
    await engine.postgres.execute("UPDATE orders SET updated_at = now() - interval '30 seconds'")
    async with watching(engine, market, quotes={"raydium": [DexError(code, "no")]}):
        aside = "SELECT extract(epoch FROM look_at - now())::float8 FROM triggers"
        seconds = await eventually(lambda: engine.postgres.fetchval(aside))
    assert shortest < seconds <= longest


@pytest.mark.parametrize("fields", [{}, {"time_in_force": "ioc", "expires_in": 10}])
async def test_a_limit_is_quoted_again_soon_if_a_venue_was_late(
    engine: Engine, market: Market, fields: dict[str, Any]
) -> None:
    """The quote that said no was that of the worse venue."""
    order = await place_limit(engine.postgres, "150", limit_out=225_000_000, amount_in=SIZE, **fields)
    late: list[Answer] = [DexError("rpc_timeout", "late"), 225_000_001]
    async with watching(engine, market, quotes={"raydium": [200_000_000], "meteora": late}):
        aside = "SELECT level FROM triggers WHERE look_at BETWEEN now() AND now() + interval '5 s'"
        assert await eventually(lambda: engine.postgres.fetchval(aside)) == 150
        await engine.postgres.execute("UPDATE triggers SET look_at = now()")
        await ended(engine, order, "pending")


async def test_many_limits_of_one_owner_do_not_hold_up_those_of_another(
    engine: Engine, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_QUOTES", 4)
    for _ in range(20):  # which no quote reaches, and whose level comes first
        await place_limit(engine.postgres, "100", limit_out=10**15, amount_in=SIZE, owner="mallory")
    bob = await place_limit(engine.postgres, "150", limit_out=1, amount_in=SIZE + 1, owner="bob")
    async with watching(engine, market, quotes={"raydium": [225_000_000]}) as network:
        [venue] = network.venues
        assert isinstance(venue, ScriptedVenue)
        await ended(engine, bob, "pending")
        aside = "SELECT count(*) = 20 FROM triggers WHERE look_at IS NOT NULL"
        await eventually(lambda: engine.postgres.fetchval(aside))
    assert [request.amount_in for request, _ in venue.asked].index(SIZE + 1) == 4


async def test_a_page_of_limits_that_somebody_has_locked_is_asked_for_once_in_a_slot(
    engine: Engine, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_QUOTES", 2)
    locked = [await place_limit(engine.postgres, "150", limit_out=1, amount_in=SIZE) for _ in range(2)]
    async with engine.postgres.acquire() as somebody, somebody.transaction():
        await somebody.execute("SELECT FROM triggers FOR UPDATE")
        async with watching(engine, market, quotes={"raydium": [225_000_000]}) as network:
            [venue] = network.venues
            assert isinstance(venue, ScriptedVenue)
            await eventually(lambda: asyncio.sleep(0, bool(venue.asked)))
            slot = await engine.postgres.fetchval("SELECT max(slot) FROM prices")
            await slots_later(engine, 3)
            passed = await engine.postgres.fetchval("SELECT max(slot) FROM prices") - slot + 1
    assert len(venue.asked) <= len(locked) * (passed + 1)


async def test_several_watchers_fire_each_limit_once(engine: Engine, market: Market) -> None:
    orders = [await place_limit(engine.postgres, "150", limit_out=1, amount_in=SIZE) for _ in range(150)]
    async with watching(engine, market, watchers=3):
        waiting = "SELECT NOT EXISTS (SELECT FROM triggers)"
        await eventually(lambda: engine.postgres.fetchval(waiting))
    events = await engine.postgres.fetch("SELECT order_id FROM order_events WHERE seq > 1")
    assert sorted(row["order_id"] for row in events) == sorted(orders)
