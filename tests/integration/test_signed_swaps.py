"""The day's account of signatures on a real chain: what counts, when, and for whom."""

import asyncio
import itertools
import math
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

import worker.main
from app import main
from app.dex.chain import Blockhash, FoundSwap, Outcome, SignedSwap
from app.dex.errors import DexError
from app.dex.quotes import BuiltSwap
from app.network import Network, open_network
from app.orders import signed_swaps
from app.orders.model import Order
from app.orders.risk import UNITS
from app.orders.signed_swaps import Signed, SignedSwaps
from app.postgres.pools import open_postgres
from app.settings import Settings, load
from tests.engine import Engine, eventually, running_engine
from tests.fakes import ScriptedChain
from tests.integration.test_limits_at_signing import FEE, PAYS_USDC, network, placed
from tests.integration.test_orders_of_another_chain import OTHER
from tests.integration.test_reconciling import done
from worker import execution
from worker.risk import RiskChecks

pytestmark = pytest.mark.usefixtures("primed_queue")

ROWS = "SELECT owner, usd, fee FROM signed_swaps ORDER BY usd, owner"


@pytest.fixture
async def trading(monkeypatch: pytest.MonkeyPatch, postgres_dsn: str, redis_dsn: str) -> AsyncIterator[Engine]:
    """An engine that takes the simulated market for that of a real chain."""

    def real(settings: Settings) -> Network:
        return replace(open_network(settings), chain_id=lambda: OTHER, max_fee=FEE, confirm_timeout=0.1)

    monkeypatch.setattr(main, "open_network", real)
    monkeypatch.setattr(worker.main, "open_network", real)
    async with running_engine(postgres_dsn, redis_dsn, max_attempts=2, retry_base_seconds=0.05) as engine:
        yield engine


def swap(name: str) -> SignedSwap:
    return SignedSwap(name, b"", 1, "raydium")


def found(name: str, **changes: Any) -> FoundSwap:
    landed = Outcome("landed", 1, amount_out=70 * UNITS, fee=5_000)
    told: dict[str, Any] = {"memo": name, "signature": name, "at": time.time(), "outcome": landed, "venue": "raydium"}
    moved: dict[str, Any] = {"token_in": "SOL", "token_out": "USDC", "amount_in": None}  # how much was sold is not told
    return FoundSwap(**told | moved | changes)


async def checked(engine: Engine, **fields: Any) -> tuple[RiskChecks, Order]:
    """With a limit of 100 USD, and an order that is worth 60."""
    settings = load(_env_file=None, max_daily_usd=100)
    changed, order = network(**fields), await placed(engine, **PAYS_USDC, amount=60)
    return RiskChecks(changed, settings, SignedSwaps(engine.postgres)), order


async def rows(engine: Engine) -> list[tuple[str, int, int]]:
    return [(row["owner"], int(row["usd"]), row["fee"]) for row in await engine.postgres.fetch(ROWS)]


@pytest.mark.parametrize("limit", [{"max_daily_usd": 100}, {"max_daily_fee_lamports": FEE}])
async def test_of_swaps_that_are_signed_at_the_same_moment_only_one_uses_up_the_day(
    engine: Engine, postgres_dsn: str, limit: dict[str, Any]
) -> None:
    other, order = await open_postgres(postgres_dsn, size=4), await placed(engine, **PAYS_USDC, amount=60)
    pools = engine.postgres, other.writing
    workers = [RiskChecks(network(), load(_env_file=None, **limit), SignedSwaps(pool)) for pool in pools]
    values = [await one.check(order, 1) for one in workers]  # each has seen a day with room for it
    counts = [workers[n % 2].count(order, swap(str(n)), values[n % 2]) for n in range(6)]
    refused = await asyncio.gather(*counts, return_exceptions=True)
    await other.close()
    assert [type(one) for one in refused if one is not None] == [DexError] * 5
    assert await rows(engine) == [("local", 60 * UNITS, FEE)]


async def test_a_swap_is_counted_once_the_one_that_another_worker_counts_now_is_known(
    engine: Engine, postgres_dsn: str
) -> None:
    checks, order = await checked(engine)
    value, other = await checks.check(order, 1), await asyncpg.connect(postgres_dsn)
    waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
    async with other.transaction():
        await other.execute(signed_swaps.LOCK, OTHER)
        await other.execute(signed_swaps.COUNT, "of the other one", OTHER, "local", value, FEE)
        count = asyncio.create_task(checks.count(order, swap("of this one"), value))

        async def waiting() -> bool:
            return count.done() or await other.fetchval(waits)

        await eventually(waiting)
    with pytest.raises(DexError, match="day_limit"):
        await count
    await other.close()


async def test_a_swap_counts_with_its_value_when_it_was_signed(engine: Engine) -> None:
    risen, order = await checked(engine, usd=lambda token, units, slot: 90 * UNITS)
    await risen.count(order, swap("risen"), await risen.check(order, 1))
    with pytest.raises(DexError, match=r"day_limit: today's swaps are worth 180 USD"):
        await risen.check(order, 1)


async def test_a_swap_whose_value_is_not_known_once_it_is_signed_is_not_counted(engine: Engine) -> None:
    """One of two nodes told another price meanwhile."""
    real, order = network(usd=lambda *_: None), await placed(engine, **PAYS_USDC, amount=60)
    checks = RiskChecks(real, load(_env_file=None, max_order_usd=0, max_daily_usd=100), SignedSwaps(engine.postgres))
    value = await checks.value_now(order, 1, 1)
    with pytest.raises(DexError, match="venue_unavailable"):
        await checks.count(order, swap("of no value"), value)
    assert await rows(engine) == []


async def test_a_swap_whose_count_is_repeated_counts_once(engine: Engine) -> None:
    checks, order = await checked(engine)
    for _ in range(2):
        await checks.count(order, swap("same"), 60 * UNITS)
    assert await rows(engine) == [("local", 60 * UNITS, FEE)]


async def test_a_swap_that_was_taken_back_counts_once_it_is_signed_again_with_the_same_bytes(engine: Engine) -> None:
    checks, order = await checked(engine)
    await checks.count(order, swap("same"), 60 * UNITS)
    await checks.failed(swap("same"))
    await checks.count(order, swap("same"), 60 * UNITS)
    assert await rows(engine) == [("local", 60 * UNITS, FEE)]


async def test_only_swaps_of_today_and_of_this_chain_and_owner_count(engine: Engine) -> None:
    store, nothing = SignedSwaps(engine.postgres), Signed(0, 0, ())
    await store.count("one", OTHER, "ann", usd=5, fee=7, allow=lambda signed: None)
    assert await store.today(OTHER, "ann") == Signed(7, 5, ())
    assert await store.today(OTHER, "bob") == Signed(7, 0, ())  # one wallet pays the fees of all
    assert await store.today("a third one", "ann") == nothing
    await engine.postgres.execute("UPDATE signed_swaps SET day = day - 1")
    assert await store.today(OTHER, "ann") == nothing


async def test_what_reconciling_finds_counts_once_and_for_each_owner_if_nobody_knows_whose_it_is(
    engine: Engine,
) -> None:
    checks, order = await checked(engine)
    await checks.count(order, swap("known"), 60 * UNITS)
    failed = Outcome("failed", 1, code="slippage_exceeded", fee=None)
    swaps = [found("known"), found("forgotten"), found(str(order.id)), found("failed", outcome=failed)]
    swaps += [found("on its way", outcome=None), found("told by one node", agreed=False)]
    swaps += [found("a payment", outcome=Outcome("landed", 1, fee=5_000))]
    swaps += [found("yesterday", at=time.time() - timedelta(days=1).total_seconds())]
    for _ in range(2):
        await checks.count_found(swaps)
    seventy = 70 * UNITS  # what it brought
    assert await rows(engine) == [
        ("", 0, FEE),
        ("local", 60 * UNITS, FEE),
        *((o, seventy, 5_000) for o in ("", "local")),
        ("", most := load(_env_file=None).max_order_usd * UNITS, FEE),
    ]
    assert (await SignedSwaps(engine.postgres).today(OTHER, "ann")).usd == seventy + most


async def test_a_swap_that_nobody_can_value_counts_as_much_as_an_order_may_be_worth(engine: Engine) -> None:
    settings = load(_env_file=None, max_order_usd=500)
    await RiskChecks(network(), settings, SignedSwaps(engine.postgres)).count_found([found("x", token_out="gone")])
    assert await rows(engine) == [("", 500 * UNITS, 5_000)]


async def test_a_swap_that_failed_on_the_chain_keeps_its_fee_only_and_one_that_expired_its_value(
    trading: Engine,
) -> None:
    chain = ScriptedChain(["slippage_exceeded", None, 10**9])

    def expires(chain: ScriptedChain) -> None:
        chain.slot += 200 * (len(chain.outcomes) == 2)

    chain.on_ask = expires
    await trading.start_worker(chain=chain)
    for _ in range(2):  # each in two attempts at most
        await trading.read_stream((await trading.place(**PAYS_USDC, amount=60, slippageBps=10_000))["orderId"])
    assert [usd for _, usd, _ in await rows(trading)] == [0, 60 * UNITS, 60 * UNITS]


async def test_a_swap_whose_price_rose_while_it_was_signed_is_neither_counted_nor_sent(
    trading: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Venue and nodes took their time, and what was quoted has become little."""
    mid = list[int]()

    async def mid_now(*_: Any) -> int:
        return max(mid)

    risen: dict[str, Any] = {"chain_id": lambda: OTHER, "mid_now": mid_now}
    monkeypatch.setattr(worker.main, "open_network", lambda settings: replace(open_network(settings), **risen))

    class Late(ScriptedChain):
        async def sign(self, *swap: Any, **of: Any) -> SignedSwap:
            mid.append(10**18)
            return await super().sign(*swap, **of)

    await trading.start_worker(chain=(chain := Late()))
    ended = await trading.read_stream((await trading.place())["orderId"])
    assert (ended.statuses[-1], ended.log[-1]["code"], len(mid)) == ("failed", "slippage_exceeded", 2)
    assert (chain.sends, await rows(trading)) == ([], [])


@pytest.mark.parametrize("agreed_from", [0, 3, math.inf])
async def test_a_forgotten_swap_counts_once_the_engine_has_reconciled(
    trading: Engine, monkeypatch: pytest.MonkeyPatch, agreed_from: float
) -> None:
    """As much as an order may be worth, if the nodes do not tell it alike: one of them would begin the day anew. But
    one that was behind at first tells it later: the day would be used up.
    """
    known, asked = ScriptedChain._known, itertools.count()

    def found(chain: ScriptedChain) -> list[FoundSwap]:
        agreed = next(asked) >= agreed_from  # both workers compare, and then the second one looks
        return [replace(swap, agreed=agreed) for swap in known(chain)]

    monkeypatch.setattr(ScriptedChain, "_known", found)
    chain = ScriptedChain(on_ask=lambda chain: setattr(chain, "slot", chain.slot + 200))
    first = await trading.start_worker(chain=chain)
    await trading.read_stream((await trading.place(**PAYS_USDC, amount=60))["orderId"])
    await trading.stop_worker(first)
    await trading.postgres.execute("DELETE FROM order_events; DELETE FROM orders; DELETE FROM signed_swaps")
    await trading.start_worker(chain=chain)
    await eventually(lambda: done(trading))
    assert await rows(trading) == [
        ("", (60 if agreed_from < math.inf else trading.settings.max_order_usd) * UNITS, FEE)
    ]


class Young(ScriptedChain):
    """Says at once that a swap can no longer land, which nobody believes of one that was signed just now."""

    async def sign(self, swap: BuiltSwap, *, memo: str, attempt: int, blockhash: Blockhash) -> SignedSwap:
        signed = await super().sign(swap, memo=memo, attempt=attempt, blockhash=blockhash)
        return replace(signed, young_until=time.time() + 45)


async def test_that_a_swap_expired_is_not_believed_before_so_many_blocks_can_have_passed(
    trading: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "CHECK_SECONDS", 0.05)
    asked = list[int]()

    def expires(chain: ScriptedChain) -> None:
        chain.slot += 200
        asked.append(chain.slot)

    chain = Young([None], on_ask=expires)
    first = await trading.start_worker(chain=chain)
    order = (await trading.place(slippageBps=10_000))["orderId"]
    young = "UPDATE orders SET swap = swap::jsonb || '{\"youngUntil\": 1}' WHERE swap IS NOT NULL"

    async def was_asked() -> bool:
        return len(asked) > 5

    await eventually(was_asked)
    await trading.stop_worker(first)
    assert (await trading.order(order))["status"] == "submitted"
    await trading.postgres.execute(young)
    await trading.start_worker(chain=chain)

    async def signed_again() -> bool:
        return len(chain.outcomes) > 1

    await eventually(signed_again)


async def test_on_the_simulated_chain_nothing_is_counted(engine: Engine) -> None:
    await engine.start_worker()
    await engine.read_stream((await engine.place())["orderId"])
    assert await rows(engine) == []
