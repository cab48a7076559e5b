"""Mid prices from the vaults of the pools on a local chain."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from copy import deepcopy
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from solders.pubkey import Pubkey

from app.dex.adapters.solana import prices as module
from app.dex.adapters.solana.prices import PoolPrices
from app.dex.adapters.solana.reading import MAX_APART
from app.dex.adapters.solana.rpc import Rpc
from app.dex.errors import DexError
from app.dex.markets import Markets
from app.dex.valuation import highest_at_mid
from app.localnet.faults import Faults
from app.localnet.genesis import mint_of, vaults
from app.localnet.validator import Validator
from app.localnet.view import Node
from app.settings import SettingsError
from tests.localnet import MARKETS, RAY, SOL, USDC, WALLET, land, open_validator, pool, served

[POOL] = [one for one in MARKETS.pools_of(SOL, USDC) if one.venue == "raydium"]


@pytest.fixture
def validator(tmp_path: Path) -> Validator:
    return open_validator(tmp_path / "journal")


@pytest.fixture
async def rpc(validator: Validator) -> AsyncIterator[Rpc]:
    async with served(Node(validator, Faults())) as url:
        opened = Rpc(url)
        yield opened
        await opened.close()


@pytest.fixture
def prices(rpc: Rpc) -> PoolPrices:
    return PoolPrices([rpc], MARKETS, vaults(MARKETS))


async def test_a_price_is_the_ratio_of_what_the_vaults_hold(prices: PoolPrices, validator: Validator) -> None:
    await prices.refresh()
    assert prices.at_mid((POOL, True), 10**9, 0) == 149_850_000
    assert prices.at_mid((POOL, False), 149_850_000, 0) == 10**9 - 1  # rounded down
    assert round(prices.mid(MARKETS, "raydium", SOL, USDC) or 0, 9) == Decimal("149.85")
    land(validator, pool().whole_swap(WALLET.pubkey(), mint_of(SOL), 10**10, 1))
    await prices.refresh()
    assert Decimal("149.8") < (prices.mid(MARKETS, "raydium", SOL, USDC) or 0) < Decimal("149.85")


async def test_a_pair_of_two_hops_has_a_price_and_a_pair_without_pools_has_none(prices: PoolPrices) -> None:
    await prices.refresh()
    two_hops = prices.mid(MARKETS, "raydium", RAY, USDC)
    assert two_hops is not None
    assert abs(two_hops - Decimal("2.35")) < Decimal("0.001")
    assert prices.mid(MARKETS, "meteora", SOL, SOL) is None


async def test_an_old_price_is_none(prices: PoolPrices, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, known in ((10.0, True), (0.0, False)):
        await prices.refresh()
        monkeypatch.setattr(module, "MAX_AGE_SECONDS", limit)
        assert (prices.mid(MARKETS, "raydium", SOL, USDC) is not None) == known
    with pytest.raises(DexError, match="venue_unavailable"):
        prices.at_mid((POOL, True), 1, 0)


@pytest.mark.parametrize("new", [True, False])
async def test_prices_are_asked_for_again_where_new_ones_are_needed(
    prices: PoolPrices, validator: Validator, monkeypatch: pytest.MonkeyPatch, new: bool
) -> None:
    monkeypatch.setattr(module, "NEW_SECONDS", 60.0)
    if new:
        await prices.refresh()
    validator.set_balances({str(pool().vault(mint_of(SOL))): 10**9, str(pool().vault(mint_of(USDC))): 300 * 10**6})
    await prices.renew()
    assert (prices.at_mid((POOL, True), 10**9, 0) == 300_000_000) != new


async def test_prices_that_are_old_by_the_time_they_are_told_are_not_new(
    prices: PoolPrices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NEW_SECONDS", 0.0)
    with pytest.raises(DexError, match="too long"):
        await prices.renew()


async def test_a_node_that_takes_its_time_is_not_waited_for_where_new_prices_are_needed(
    prices: PoolPrices, rpc: Rpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def call(*method: Any, **options: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(rpc, "call", call)
    monkeypatch.setattr(module, "NODE_SECONDS", 0.05)
    with pytest.raises(DexError, match="too long"):
        await prices.renew()


async def test_an_answer_that_comes_late_does_not_replace_a_newer_one(
    prices: PoolPrices, rpc: Rpc, validator: Validator, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, told, go_on = rpc.call, asyncio.Event(), asyncio.Event()

    async def call(*method: Any, **options: Any) -> Any:
        answer = await honest(*method, **options)
        if not told.is_set():
            told.set()
            await go_on.wait()
        return answer

    monkeypatch.setattr(rpc, "call", call)
    first = asyncio.create_task(prices.refresh())
    await told.wait()
    validator.set_balances({str(pool().vault(mint_of(SOL))): 10**9, str(pool().vault(mint_of(USDC))): 300 * 10**6})
    await prices.refresh()
    go_on.set()
    await first
    assert prices.at_mid((POOL, True), 10**9, 0) == 300_000_000


async def test_before_the_first_answer_there_is_no_price(prices: PoolPrices) -> None:
    assert prices.mid(MARKETS, "raydium", SOL, USDC) is None


@pytest.mark.parametrize("wrong", ["swapped", "of another pool", "no token account"])
async def test_an_account_that_is_not_the_vault_of_its_token_gives_no_price(rpc: Rpc, wrong: str) -> None:
    listed, other = vaults(MARKETS), next(one for one in MARKETS.pools_of(SOL, USDC) if one.venue == "meteora")
    x, y = listed[POOL.id]
    listed[POOL.id] = {
        "swapped": (y, x),
        "of another pool": (x, listed[other.id][1]),
        "no token account": (x, str(WALLET.pubkey())),
    }[wrong]
    prices = PoolPrices([rpc], MARKETS, listed)
    await prices.refresh()
    with pytest.raises(DexError, match="venue_unavailable"):
        prices.at_mid((POOL, True), 1, 0)
    assert prices.at_mid((other, True), 10**9, 0)
    with pytest.raises(SettingsError, match=r"^MARKETS_FILE: the vaults of the pool SOL-USDC of raydium"):
        await prices.check()


async def test_a_price_that_is_far_from_that_of_the_list_is_told(
    rpc: Rpc, prices: PoolPrices, caplog: pytest.LogCaptureFixture
) -> None:
    await prices.check()
    assert not caplog.records
    dear = [replace(one, x=replace(one.x, usd=one.x.usd * 2)) if one is POOL else one for one in MARKETS.pools]
    await PoolPrices([rpc], Markets(MARKETS.tokens, dear), vaults(MARKETS)).check()
    assert [record.__dict__["pool"] for record in caplog.records] == ["SOL-USDC"]


@pytest.fixture
async def three(validator: Validator) -> AsyncIterator[list[Rpc]]:
    async with AsyncExitStack() as stack:
        rpcs = [Rpc(await stack.enter_async_context(served(Node(validator, Faults())))) for _ in range(3)]
        yield rpcs
        for rpc in rpcs:
            await rpc.close()


def says(monkeypatch: pytest.MonkeyPatch, rpc: Rpc, lie: Callable[[list[str], Any], Any]) -> None:
    honest = rpc.call

    async def call(method: str, *params: Any, within: float | None = None) -> Any:
        return lie(params[0], await honest(method, *params, within=within))

    monkeypatch.setattr(rpc, "call", call)


def times(account: Pubkey, thousandths: int) -> Callable[[list[str], Any], Any]:
    """It holds so much of what it holds."""

    def lie(keys: list[str], answer: Any) -> Any:
        row = answer["value"][keys.index(str(account))]
        data = bytearray(b64decode(row["data"][0]))
        data[64:72] = (int.from_bytes(data[64:72], "little") * thousandths // 1_000).to_bytes(8, "little")
        row["data"][0] = b64encode(data).decode()
        return answer

    return lie


@pytest.mark.parametrize("liar", range(3))
@pytest.mark.parametrize("of", [2, 3])
async def test_one_of_several_nodes_alone_makes_no_price(
    three: list[Rpc], monkeypatch: pytest.MonkeyPatch, liar: int, of: int
) -> None:
    says(monkeypatch, three[liar], times(pool().vault(mint_of(SOL)), 1_000_000))
    prices = PoolPrices(three[:of], MARKETS, vaults(MARKETS))
    await prices.refresh()
    found = prices.mid(MARKETS, "raydium", SOL, USDC)
    assert found is None if liar < of == 2 else round(found or 0, 2) == Decimal("149.85")
    assert prices.mid(MARKETS, "meteora", SOL, USDC) is not None


@pytest.mark.parametrize("liar", range(2))
@pytest.mark.parametrize("lie", [1_100, 900, 0])
async def test_a_node_that_hides_one_pool_leaves_no_price_of_another_that_was_moved(
    three: list[Rpc], validator: Validator, monkeypatch: pytest.MonkeyPatch, liar: int, lie: int
) -> None:
    [other] = [one for one in MARKETS.pools_of(SOL, USDC) if one.venue == "meteora"]
    x, y = vaults(MARKETS)[other.id]
    validator.set_balances({x: 4 * 10**12, y: 300 * 10**9})  # half the price
    says(monkeypatch, three[liar], times(pool().vault(mint_of(SOL)), lie))
    listed = Markets(MARKETS.tokens, [POOL, other])
    two, all_of_them = (PoolPrices(three[:of], listed, vaults(MARKETS)) for of in (2, 3))
    await two.refresh()
    assert two.at_mid((other, True), 10**9, 0) == 75_000_000
    with pytest.raises(DexError, match="do not tell the same"):
        highest_at_mid(listed, two, SOL, USDC, 10**9, 0)
    await all_of_them.refresh()
    assert highest_at_mid(listed, all_of_them, SOL, USDC, 10**9, 0) == 149_850_000


@pytest.mark.parametrize("liar", range(2))
@pytest.mark.parametrize("of", [2, 3])
async def test_a_pool_holds_no_more_than_the_node_tells_that_says_least(
    three: list[Rpc], validator: Validator, monkeypatch: pytest.MonkeyPatch, liar: int, of: int
) -> None:
    """The other one tells its price as it is, and makes a deep pool of dust."""
    [other] = [one for one in MARKETS.pools_of(SOL, USDC) if one.venue == "meteora"]
    x, y = vaults(MARKETS)[other.id]
    validator.set_balances({x: 10**6, y: 75_000})

    def much(keys: list[str], answer: Any) -> Any:
        for vault in (x, y):
            times(Pubkey.from_string(vault), 10**9)(keys, answer)
        return answer | {"context": {"slot": answer["context"]["slot"] + 1}}

    says(monkeypatch, three[liar], much)
    prices = PoolPrices(three[:of], MARKETS, vaults(MARKETS))
    await prices.refresh()
    assert prices.at_mid((other, True), 10**9, 0) == 75_000_000
    assert prices.held_in((other, True)) == 10**6


async def test_two_nodes_may_differ_by_a_trade(three: list[Rpc], monkeypatch: pytest.MonkeyPatch) -> None:
    prices = PoolPrices(three[:2], MARKETS, vaults(MARKETS))
    for thousandths, known in ((1_009, True), (1_011, False)):
        with monkeypatch.context() as patch:
            says(patch, three[1], times(pool().vault(mint_of(SOL)), thousandths))
            await prices.refresh()
        assert (prices.mid(MARKETS, "raydium", SOL, USDC) is not None) == known


async def test_a_node_that_stands_still_has_no_part_in_a_price(
    three: list[Rpc], validator: Validator, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices, kept = PoolPrices(three, MARKETS, vaults(MARKETS)), dict[str, Any]()
    says(monkeypatch, three[0], lambda keys, answer: deepcopy(kept.setdefault(str(keys), answer)))
    await prices.refresh()
    land(validator, pool().whole_swap(WALLET.pubkey(), mint_of(SOL), 10**10, 1))
    validator.skip(MAX_APART + 1)
    await prices.refresh()
    assert (prices.mid(MARKETS, "raydium", SOL, USDC) or 0) < Decimal("149.85")
    alone = PoolPrices(three[:2], MARKETS, vaults(MARKETS))
    await alone.refresh()
    assert alone.mid(MARKETS, "raydium", SOL, USDC) is None


async def test_a_node_that_says_a_slot_far_ahead_does_not_make_the_others_old(
    three: list[Rpc], monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, three[0], lambda _, answer: answer | {"context": {"slot": 2**60}})
    prices = PoolPrices(three, MARKETS, vaults(MARKETS))
    await prices.refresh()
    assert prices.mid(MARKETS, "raydium", SOL, USDC) is not None


async def test_one_of_three_nodes_may_be_down_and_of_two_none(
    three: list[Rpc], monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, three[0], lambda *_: {})
    prices = PoolPrices(three, MARKETS, vaults(MARKETS))
    await prices.refresh()
    assert prices.mid(MARKETS, "raydium", SOL, USDC) is not None
    with pytest.raises(DexError, match="rpc_timeout"):
        await PoolPrices(three[:2], MARKETS, vaults(MARKETS)).refresh()
