"""What an amount is worth in dollars: from the mid prices of the pools, in whole millionths."""

from pathlib import Path

import pytest

from app.dex import markets as markets_module
from app.dex.markets import Leg, Markets
from app.dex.valuation import Valuation
from app.network import open_network
from app.settings import load

NETWORK = open_network(load(_env_file=None))
MARKETS = NETWORK.markets
SLOT = 1_795_000_000_000 // 400
MILLION = 10**6

ISOLATED = """
[[tokens]]
symbol = "{name}"
name = "Traded against SOL by one venue, which trades nothing else"
mint = "{name}"
decimals = 6
usd = "1"
[[pools]]
venue = "{venue}"
x = "{name}"
y = "{other}"
depth_usd = 1_000_000
"""


@pytest.mark.parametrize("symbol", ["SOL", "USDT", "RAY", "JUP", "BONK"])
@pytest.mark.parametrize("later", [0, 1_000, 100_000])
def test_a_value_is_within_the_swing_of_the_market_around_the_reference_price(symbol: str, later: int) -> None:
    token = MARKETS.token(symbol)
    value = NETWORK.usd(token, 1_000 * 10**token.decimals, SLOT + later)
    assert value is not None
    assert abs(value - 1_000 * token.usd // MILLION) < 1_000 * token.usd // MILLION * 5 // 100


def test_a_usdc_is_one_dollar_and_a_value_follows_the_amount_exactly() -> None:
    usdc, sol = MARKETS.token("USDC"), MARKETS.token("SOL")
    assert NETWORK.usd(usdc, 123_456_789, SLOT) == 123_456_789
    one, many = NETWORK.usd(sol, 10**9, SLOT), NETWORK.usd(sol, 10**18, SLOT)
    assert one
    assert many
    assert many // 10**9 == one  # no fee, no price impact, and no digits lost


class Flat:
    """Every pool gives two for one."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def at_mid(self, leg: Leg, amount_in: int, slot: int) -> int:
        pool, _ = leg
        self.asked.append(f"{pool.venue} {pool.x.symbol}-{pool.y.symbol}")
        return 2 * amount_in


def test_the_direct_way_through_the_deepest_pool_or_else_two_hops() -> None:
    flat = Flat()
    valuation = Valuation(MARKETS, {"raydium": flat, "meteora": flat})
    values = {name: valuation.usd(MARKETS.token(name), 1_000, SLOT) for name in ("SOL", "JUP", "BONK")}
    assert values == {"SOL": 2_000, "JUP": 2_000, "BONK": 4_000}
    assert flat.asked == ["raydium SOL-USDC", "meteora JUP-USDC", "raydium BONK-SOL", "raydium SOL-USDC"]


def test_a_token_without_a_way_to_usdc_has_no_price() -> None:
    text = "".join(
        ISOLATED.format(name=name, venue=venue, other=other)
        for name, venue, other in (("FAR", "raydium", "RAY"), ("NEAR", "raydium", "SOL"), ("ODD", "nowhere", "USDC"))
    )
    base = Path(markets_module.__file__).with_name("markets.toml").read_text(encoding="utf-8")
    markets, flat = Markets.parse(base + text), Flat()
    valuation = Valuation(markets, {"raydium": flat, "meteora": flat})
    values = [valuation.usd(markets.token(name), 1_000, SLOT) for name in ("FAR", "NEAR", "ODD")]
    assert values == [None, 4_000, None]  # three hops; two hops; a venue that does not exist
