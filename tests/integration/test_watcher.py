"""A watcher that runs: prices of each slot, quotes at the size of a limit, and what becomes of the orders."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from uuid import UUID

import pytest

from app.dex.markets import Token
from app.network import Network, open_network
from app.orders.waiting.triggers import BATCH
from app.watcher.main import watcher
from tests.engine import Engine, eventually
from tests.fakes import After, Answer, ScriptedVenue
from tests.waiting import place_limit, place_open, record, statuses

SIZE = 1_500_000_000  # 1.5 SOL


@dataclass
class Market:
    """Its mids are the same in every slot until the test sets others; its quotes follow a script."""

    mids: dict[str, str] = field(default_factory=lambda: {"meteora": "150", "raydium": "150.2"})

    def at(self, token_in: Token, token_out: Token, _: int) -> Mapping[str, Decimal]:
        return {venue: Decimal(mid) for venue, mid in self.mids.items()} if token_in.symbol == "SOL" else {}


@contextlib.asynccontextmanager
async def watching(
    engine: Engine, market: Market, *, quotes: Mapping[str, list[Answer]] | None = None, watchers: int = 1
) -> AsyncIterator[Network]:
    network = open_network(engine.settings)
    venues = [ScriptedVenue(name, script) for name, script in (quotes or {}).items()] or network.venues
    network = replace(network, venues=venues, mids=market.at)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(watchers):
            await stack.enter_async_context(watcher(engine.settings, network=network))
        yield network


@pytest.fixture
def market() -> Market:
    return Market()


async def ended(engine: Engine, order: UUID, status: str) -> None:
    async def reached() -> bool:
        return await statuses(engine.postgres, [order]) == [status]

    await eventually(reached)


async def slots_later(engine: Engine, slots: int) -> None:
    """Wait until so many slots have been recorded and compared since the next one."""
    newest = await engine.postgres.fetchval("SELECT max(slot) FROM prices")
    later = "SELECT max(slot) > $1::bigint + $2::int FROM prices"
    await eventually(lambda: engine.postgres.fetchval(later, newest, slots))


async def test_a_stop_fires_when_the_market_falls_and_a_worker_executes_it(engine: Engine, market: Market) -> None:
    await engine.start_worker()
    [order, other] = await place_open(engine.postgres, ["145", "140"], owner="local")
    async with watching(engine, market):
        recorded = "SELECT count(*) >= 2 FROM prices"
        await eventually(lambda: engine.postgres.fetchval(recorded))
        assert await statuses(engine.postgres, [order]) == ["open"]
        market.mids = {"meteora": "144", "raydium": "144.9"}
        await ended(engine, order, "confirmed")
    assert await statuses(engine.postgres, [other]) == ["open"]
    waited = await engine.postgres.fetchval(
        "SELECT max(at) FILTER (WHERE status = 'routing') - max(at) FILTER (WHERE status = 'pending')"
        " FROM order_events WHERE order_id = $1",
        order,
    )
    assert waited.total_seconds() < 2  # it was queued by the watcher, and not found by the sweeper after 5 s


async def test_a_watcher_fires_what_a_slot_met_that_another_one_recorded_and_did_not_compare(
    engine: Engine, market: Market
) -> None:
    """The market has turned since. One order's time has run out, so a batch fires fewer than it has met."""
    orders = await place_open(engine.postgres, ["145"] * (BATCH + 1))
    await place_open(engine.postgres, ["146"], expires_in=-1)
    now = await engine.postgres.fetchval("SELECT clock_timestamp()")
    for back in (3, 2):
        await record(engine.postgres, open_network(engine.settings).slot_at(now) - back, "144")
    async with watching(engine, market):
        fired = "SELECT count(*) FROM order_events WHERE status = 'pending'"

        async def all_fired() -> bool:
            return bool(await engine.postgres.fetchval(fired) == len(orders))

        await eventually(all_fired)


async def test_an_order_for_now_or_never_that_no_venue_fills_ends_at_once(engine: Engine, market: Market) -> None:
    fields = {"time_in_force": "ioc", "expires_in": 10, "amount_in": SIZE}
    beyond = await place_limit(engine.postgres, "150.3", limit_out=1, **fields)
    refused = await place_limit(engine.postgres, "150", limit_out=225_000_000, **fields)
    filled = await place_limit(engine.postgres, "150", limit_out=224_000_000, **fields)
    async with watching(engine, market, quotes={"raydium": [224_000_000]}):
        await ended(engine, filled, "pending")
        await ended(engine, beyond, "expired")
        await ended(engine, refused, "expired")
    codes = await engine.postgres.fetch("SELECT DISTINCT details ->> 'code' FROM order_events WHERE status = 'expired'")
    assert [code for (code,) in codes] == ["not_marketable"]
    assert await engine.postgres.fetchval("SELECT count(*) FROM triggers") == 0


async def test_a_slow_quote_does_not_fire_an_order_that_was_changed_meanwhile(engine: Engine, market: Market) -> None:
    answered = asyncio.Event()
    order = await place_limit(engine.postgres, "150", limit_out=1, amount_in=SIZE)
    async with watching(engine, market, quotes={"raydium": [After(answered, 225_000_000)]}) as network:
        [venue] = network.venues
        assert isinstance(venue, ScriptedVenue)

        async def asked() -> bool:
            return isinstance(venue, ScriptedVenue) and bool(venue.asked)

        await eventually(asked)
        await engine.postgres.execute("UPDATE triggers SET level = 151, base_level = 151")
        answered.set()
        await slots_later(engine, 1)
    assert await statuses(engine.postgres, [order]) == ["open"]


async def test_a_price_beyond_what_can_be_stored_stops_no_other_pair(engine: Engine) -> None:
    class Wild(Market):
        def at(self, token_in: Token, token_out: Token, slot: int) -> Mapping[str, Decimal]:
            return super().at(token_in, token_out, slot) or {"raydium": Decimal(10) ** 20}

    await place_open(engine.postgres, ["1"], pair=("USDC", "SOL"))
    [order] = await place_open(engine.postgres, ["151"])
    async with watching(engine, Wild()):
        await ended(engine, order, "pending")
    assert await engine.postgres.fetchval("SELECT DISTINCT feed FROM prices") == "SOL/USDC"
