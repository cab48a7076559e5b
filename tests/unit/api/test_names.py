"""A pair that no venue trades is answered with the tokens that can be bought."""

from app.api.names import did_you_mean, unserved_pair
from app.dex.markets import Markets

MARKETS = Markets.parse(
    """
    tokens = [
        {symbol = "SOL", mint = "1", name = "", decimals = 9, usd = "150"},
        {symbol = "USDC", mint = "2", name = "", decimals = 6, usd = "1"},
        {symbol = "RAY", mint = "3", name = "", decimals = 6, usd = "2"},
        {symbol = "JUP", mint = "4", name = "", decimals = 6, usd = "1"},
    ]
    pools = [
        {venue = "raydium", x = "SOL", y = "USDC", depth_usd = 1},
        {venue = "meteora", x = "RAY", y = "USDC", depth_usd = 1},
    ]
    """
)


def test_a_pair_that_is_not_traded_names_the_tokens_that_can_be_bought() -> None:
    sol, jup = MARKETS.token("SOL"), MARKETS.token("JUP")
    assert unserved_pair(sol, MARKETS, None) == "cannot be swapped from SOL on any venue; SOL can be swapped to: USDC"
    assert unserved_pair(sol, MARKETS, ["meteora"]) == "cannot be swapped from SOL on these venues"
    assert unserved_pair(jup, MARKETS, None) == "cannot be swapped from JUP on any venue"


def test_a_name_that_is_too_long_is_not_compared() -> None:
    assert did_you_mean("amount" * 10_000, ["amount" * 10_000]) == ""
    assert did_you_mean(["amount"], ["amount"]) == ""
