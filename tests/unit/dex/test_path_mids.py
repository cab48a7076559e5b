"""The past price of a pair is put together from those of its pools."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations

import pytest

from app.dex.markets import Markets, Token, new_pool
from app.dex.path_mids import pairs_between, path_mids
from app.network import Network, open_network
from app.settings import load
from app.watcher.pairs import pool_mids
from tests.engine import FAST

MOMENT = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture(scope="module")
def network() -> Network:
    return open_network(load(**FAST))


async def test_it_is_what_the_market_said_of_the_pair_in_either_direction_and_in_two_hops(network: Network) -> None:
    markets, mids = network.markets, await pool_mids(network, MOMENT)
    for token_in, token_out in permutations(markets.tokens, 2):
        then = network.mids(token_in, token_out, network.slot_at(MOMENT))
        found = path_mids(markets, token_in, token_out, mids)
        assert found.keys() == then.keys()
        # What the market says is rounded to 18 places, of a price far below one to fewer digits than others have.
        assert found == {venue: pytest.approx(price, rel=Decimal("1e-9")) for venue, price in then.items()}
        assert pairs_between(markets, token_in, token_out) <= mids.keys()


def test_a_pool_may_have_its_tokens_in_the_other_order(network: Network) -> None:
    sol, usdc = map(network.markets.token, ("SOL", "USDC"))
    markets = Markets([sol, usdc], [new_pool("raydium", usdc, sol, 1_000, 1, {})])
    mids = {"SOL-USDC": {"raydium": Decimal(160)}}
    assert path_mids(markets, sol, usdc, mids) == {"raydium": 160}
    assert path_mids(markets, usdc, sol, mids) == {"raydium": Decimal("0.00625")}


async def test_a_venue_of_which_one_hop_is_unknown_has_no_price(network: Network) -> None:
    markets, mids = network.markets, await pool_mids(network, MOMENT)
    bonk, sol, usdt = map(markets.token, ("BONK", "SOL", "USDT"))
    [hop] = pairs_between(markets, bonk, sol)
    del mids[hop]["raydium"]
    assert path_mids(markets, bonk, usdt, mids).keys() == {"meteora"}
    mids[hop]["meteora"] = Decimal(0)  # rounded down
    assert path_mids(markets, usdt, bonk, mids) == {}


async def test_a_pair_whose_price_fails_leaves_the_others_theirs(network: Network) -> None:
    def mids(token_in: Token, token_out: Token, slot: int) -> Mapping[str, Decimal]:
        if (token_in.symbol, token_out.symbol) == ("SOL", "USDC"):
            raise ZeroDivisionError
        return network.mids(token_in, token_out, slot)

    found = await pool_mids(replace(network, mids=mids), MOMENT)
    assert found.keys() == {pool.pair for pool in network.markets.pools} - {"SOL-USDC"}
