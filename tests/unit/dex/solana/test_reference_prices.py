"""What a quote of a vendor and a limit in dollars are measured by: all listed pools, not one that somebody moved."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from app.dex.adapters.answers import quote_of
from app.dex.adapters.solana.rpc import Rpc
from app.dex.errors import DexError
from app.dex.markets import Leg, Markets
from app.dex.quotes import PARTS, QuoteRequest
from app.dex.router import NoRoute, Router, _objection
from app.dex.valuation import highest_at_mid
from app.localnet.faults import Faults
from app.localnet.genesis import mint_of
from app.localnet.view import Node
from tests.localnet import MARKETS, SOL, USDC, held, open_validator, pool, served, vendors

REQUEST = QuoteRequest(SOL, USDC, 10**9)


class Pools:
    """So many millionths out for one in, by venue and pair; 0: not known."""

    def __init__(self, **millionths: int) -> None:
        self._millionths = millionths
        self.units: dict[str, int] = {}  # out of all that goes in, by pair
        self.held: dict[str, int] = {}  # of the token that goes in, by venue

    def at_mid(self, leg: Leg, amount_in: int, slot: int) -> int:
        of, _ = leg
        if (units := self.units.get(f"{of.x.symbol}_{of.y.symbol}")) is not None:
            return units
        found = self._millionths.get(f"{of.venue}_{of.x.symbol}_{of.y.symbol}")
        if not found:
            raise DexError("venue_unavailable", "The price of this pool is not known.")
        return amount_in * found // 10**6

    at_most = at_mid

    def held_in(self, leg: Leg) -> int:
        self.at_mid(leg, 1, 0)
        return self.held.get(leg[0].venue, 2**64)


async def test_a_venue_whose_pool_was_moved_is_measured_by_the_other_one(tmp_path: Path) -> None:
    validator = open_validator(tmp_path / "journal")
    async with served(Node(validator, Faults())) as url, vendors(url) as opened:
        rpc, moved = Rpc(url), pool("meteora")
        sol, usdc = moved.vault(mint_of(SOL)), moved.vault(mint_of(USDC))
        balances = {str(sol): held(validator, sol) * 10 // 7, str(usdc): held(validator, usdc) * 7 // 10}
        await rpc.call("localnet_setBalances", balances)
        await opened.prices.refresh()
        with pytest.raises(NoRoute, match="price_impact_too_high"):
            await Router([opened.venues["jupiter_meteora"]]).route(REQUEST, 7)
        assert (await Router([opened.venues["jupiter_raydium"]]).route(REQUEST, 7)).best.venue == "raydium"
        await rpc.close()
    validator.close()


def test_a_way_over_another_token_is_measured_by_the_direct_one() -> None:
    """Here SOL-USDT was moved to half its price."""
    pools = Pools(raydium_SOL_USDC=150_000, meteora_SOL_USDC=0, raydium_SOL_USDT=75_000, raydium_USDC_USDT=10**6)
    route = [("one", "SOL", "USDT"), ("other", "USDT", "USDC")]
    quote = quote_of("raydium", MARKETS, pools, REQUEST, 7, 75_000_000, route)
    assert (quote.legs[-1].at_mid, quote.price_impact_bps) == (150_000_000, 5_000)


@pytest.mark.parametrize(
    ("raydium", "meteora", "worth"), [(150_000, 75_000, 150), (75_000, 150_000, 150), (0, 149_000, 149), (0, 0, None)]
)
def test_a_value_in_dollars_is_the_highest_that_is_known(raydium: int, meteora: int, worth: int | None) -> None:
    pools = Pools(raydium_SOL_USDC=raydium, meteora_SOL_USDC=meteora)
    assert highest_at_mid(MARKETS, pools, SOL, USDC, 10**9, 7) == (worth and worth * 10**6)


@pytest.mark.parametrize(("direct", "over_sol", "worth"), [(2, 4, 4), (4, 2, 4), (0, 4, 4), (4, 0, 4), (0, 0, None)])
def test_a_pair_with_one_pool_is_measured_by_the_ways_over_one_more_token(
    direct: int, over_sol: int, worth: int | None
) -> None:
    """Its one pool was moved to half its price."""
    rates = {"meteora_JUP_USDC": direct * 10**6, "raydium_JUP_SOL": over_sol * 10**6, "raydium_SOL_USDC": 10**6}
    assert highest_at_mid(MARKETS, Pools(**rates), MARKETS.token("JUP"), USDC, 10**6, 7) == (worth and worth * 10**6)


def test_a_pair_of_which_one_pool_is_empty_is_measured_by_the_ways_over_one_more_token() -> None:
    """The other one was moved to half its price."""
    pools = Pools(raydium_SOL_USDC=75_000, meteora_SOL_USDC=0, raydium_SOL_USDT=150_000, raydium_USDC_USDT=10**6)
    assert highest_at_mid(MARKETS, pools, SOL, USDC, 10**9, 7) == 150 * 10**6


@pytest.mark.parametrize(("meteora", "worth"), [(10, 75), (9, 150), (1, 150)])
def test_a_pool_that_holds_little_of_what_is_sold_does_not_count_as_the_second_one(meteora: int, worth: int) -> None:
    """Anybody could move it to half, and somebody has moved the other one."""
    pools = Pools(raydium_SOL_USDC=75_000, meteora_SOL_USDC=75_000, raydium_SOL_USDT=150_000, raydium_USDC_USDT=10**6)
    pools.held["meteora"] = meteora * 10**9
    assert highest_at_mid(MARKETS, pools, SOL, USDC, 10**9, 7) == worth * 10**6


@pytest.mark.parametrize("dust", [100, 2, 1, 0])
def test_a_route_over_a_pool_with_dust_explains_no_price(dust: int) -> None:
    """SOL-USDT brings so few units for the order. The venue quotes a hundredth."""
    pools = Pools(raydium_SOL_USDC=150_000, meteora_SOL_USDC=150_000, raydium_SOL_USDT=0, raydium_USDC_USDT=10**6)
    pools.units["SOL_USDT"] = dust
    route = [("one", "SOL", "USDT"), ("other", "USDT", "USDC")]
    quote = quote_of("raydium", MARKETS, pools, REQUEST, 7, 1_500_000, route)
    objection = _objection(quote, REQUEST, None, 5)
    assert objection is not None
    assert objection.code == "price_impact_too_high"


def test_a_few_dear_units_are_not_lost_in_rounding() -> None:
    """270 dollars for one of 90 dollars."""
    request, pools = QuoteRequest(USDC, SOL, 270 * 10**6), Pools()
    pools.units["SOL_USDC"] = 3
    quote = quote_of("raydium", MARKETS, pools, request, 7, 1, [("one", "USDC", "SOL")])
    objection = _objection(quote, request, None, 5)
    assert objection is not None
    assert objection.code == "price_impact_too_high"


@pytest.mark.parametrize(
    ("pays", "brings", "trusted"), [(178, 1, False), (182, 2, True), (900, 9, False), (905, 10, True)]
)
def test_what_is_left_of_a_dear_unit_counts(pays: int, brings: int, trusted: bool) -> None:
    """One unit is 90 dollars: rounded down, two dollars less than two units were one."""
    request, a_dollar = QuoteRequest(USDC, SOL, pays * 10**6), Fraction(1, 90 * 10**6)
    pools = Pools()
    pools.at_mid = pools.at_most = lambda leg, amount_in, slot: int(amount_in * a_dollar)  # type: ignore[method-assign]
    quote = quote_of("raydium", MARKETS, pools, request, 7, brings, [("one", "USDC", "SOL")])
    assert (_objection(quote, request, None, 5) is None) == trusted


def test_what_is_left_of_a_dear_unit_is_price_impact() -> None:
    """Of 1.6 units one comes out: an order that accepts 1 % is not filled by it."""
    pools = Pools(raydium_SOL_USDC=1_600_000, meteora_SOL_USDC=1_600_000)
    quote = quote_of("raydium", MARKETS, pools, QuoteRequest(SOL, USDC, 1), 7, 1, [("one", "SOL", "USDC")])
    assert quote.price_impact_bps == 3_750


def test_a_value_is_not_lost_in_a_dear_token_in_between() -> None:
    """Of JUP-USDC and JUP-SOL one unit of JUP is 90 dollars here, and 89 dollars of SOL are sold."""
    prices = {"JUP_SOL": Fraction(1, 600 * 10**6), "JUP_USDC": Fraction(90 * 10**6)}
    pools = Pools()

    def at_mid(leg: Leg, amount_in: int, slot: int) -> int:
        of, _ = leg
        if (found := prices.get(f"{of.x.symbol}_{of.y.symbol}")) is None:
            raise DexError("venue_unavailable", "The price of this pool is not known.")
        return int(amount_in * found)

    pools.at_mid = pools.at_most = at_mid  # type: ignore[method-assign]
    worth = highest_at_mid(MARKETS, pools, SOL, USDC, 593_400_000, 7, parts=PARTS)
    assert worth is not None
    assert worth // PARTS == 89_010_000


def test_an_order_of_one_dear_unit_has_a_price_too() -> None:
    request, dear = QuoteRequest(SOL, USDC, 1), 90 * 10**12
    pools = Pools(raydium_SOL_USDC=dear, meteora_SOL_USDC=dear)
    quote = quote_of("raydium", MARKETS, pools, request, 7, 10**6, [("one", "SOL", "USDC")])
    assert _objection(quote, request, None, 5)


@pytest.mark.parametrize(("meteora", "worth"), [(["x", "y"], 150), (["y", "x"], 150), (["u", "v"], 75)])
def test_two_venues_that_name_the_vaults_of_one_pool_are_one_pool(meteora: list[str], worth: int) -> None:
    """Its price was moved to half, and so that of both."""
    named = {"raydium": ["x", "y"], "meteora": meteora}
    pools = [
        replace(one, options={"vaults": named[one.venue]}) if one.pair == "SOL-USDC" else one for one in MARKETS.pools
    ]
    rates = {"raydium_SOL_USDC": 75_000, "meteora_SOL_USDC": 75_000}
    over_usdt = {"raydium_SOL_USDT": 150_000, "raydium_USDC_USDT": 10**6}
    markets = Markets(MARKETS.tokens, pools)
    assert highest_at_mid(markets, Pools(**rates, **over_usdt), SOL, USDC, 10**9, 7) == worth * 10**6
