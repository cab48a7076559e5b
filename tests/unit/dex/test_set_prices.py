"""Prices that were set by hand: every pool of the pair has exactly that mid price, from its slot on."""

from decimal import Decimal

import pytest

from app.dex.errors import DexError
from app.dex.markets import Markets
from app.dex.quotes import Quote, QuoteRequest
from app.dex.simulated.set_prices import PriceOutOfRange, SetPrice, SetPrices, check, moved
from app.dex.simulated.venues import open_venues
from app.dex.valuation import Valuation

MARKETS = Markets.load()
SOL, USDC, RAY = (MARKETS.token(symbol) for symbol in ("SOL", "USDC", "RAY"))
BLOCK_MS = 400
SLOT = 4_487_500_000


class Market:
    """Venues whose prices can be set."""

    def __init__(self) -> None:
        self.set_prices = SetPrices()
        self.venues = open_venues(MARKETS, seed=1, block_ms=BLOCK_MS, set_prices=self.set_prices)
        self.usd = Valuation(MARKETS, {venue.name: venue for venue in self.venues}).usd

    def put(self, price: str | None, slot: int, *, pair: tuple[str, str] = ("SOL", "USDC")) -> None:
        exact = None if price is None else Decimal(price)
        one = SetPrice(self.set_prices.last_id + 1, *pair, exact, slot * BLOCK_MS)
        self.set_prices.add([one], forget_before_ms=0)

    def mids(self, token_in: str, token_out: str, slot: int) -> set[Decimal | None]:
        return {venue.mid(MARKETS.token(token_in), MARKETS.token(token_out), slot) for venue in self.venues}

    def quotes(self, token_in: str, token_out: str, amount: int, slot: int) -> list[Quote]:
        request = QuoteRequest(MARKETS.token(token_in), MARKETS.token(token_out), amount)
        return [venue.quote_now(request, slot) for venue in self.venues]


@pytest.mark.parametrize("price", ["150.25", "140", "0.000000000000000001", "149.123456789012345678"])
def test_every_venue_has_exactly_the_price_from_its_slot_on(price: str) -> None:
    market, undisturbed = Market(), Market()
    market.put(price, SLOT)
    assert market.mids("SOL", "USDC", SLOT) == {Decimal(price)}
    assert market.mids("SOL", "USDC", SLOT + 10_000) == {Decimal(price)}
    assert market.mids("SOL", "USDC", SLOT - 1) == undisturbed.mids("SOL", "USDC", SLOT - 1)
    assert market.mids("SOL", "USDT", SLOT) == undisturbed.mids("SOL", "USDT", SLOT)


def test_a_price_may_be_set_in_either_direction() -> None:
    market = Market()
    market.put("0.008", SLOT, pair=("USDC", "SOL"))
    assert market.mids("USDC", "SOL", SLOT) == {Decimal("0.008")}
    assert market.mids("SOL", "USDC", SLOT) == {Decimal("125")}


def test_the_last_price_holds_and_a_release_brings_the_own_movement_back() -> None:
    market, undisturbed = Market(), Market()
    market.put("150", SLOT)
    market.put("155", SLOT + 5)
    market.put("156", SLOT + 5)
    market.put(None, SLOT + 9)
    assert [market.mids("SOL", "USDC", SLOT + n) for n in (4, 5, 8)] == [{Decimal(p)} for p in (150, 156, 156)]
    assert market.mids("SOL", "USDC", SLOT + 9) == undisturbed.mids("SOL", "USDC", SLOT + 9)


def test_quotes_fills_and_values_follow_a_price_even_in_slots_that_were_asked_before() -> None:
    market = Market()
    before = market.quotes("SOL", "USDC", 10**9, SLOT)
    market.put("75", SLOT)
    for venue, old, new in zip(market.venues, before, market.quotes("SOL", "USDC", 10**9, SLOT), strict=True):
        assert abs(new.amount_out * 2 - old.amount_out) < old.amount_out // 50
        assert 0 < 75_000_000 - new.amount_out < 75_000_000 // 200  # the fee, and hardly any impact
        assert new.legs[0].at_mid in (74_999_999, 75_000_000)
        assert new.price_impact_bps <= 1
        assert venue.mid(SOL, USDC, SLOT) == 75
    assert market.usd(SOL, 10**9, SLOT) == 75_000_000
    over_sol = market.usd(RAY, 10**6, SLOT)
    assert over_sol is not None
    assert abs(over_sol - 1_175_000) < 60_000  # half of 2.35, as its pool with SOL moves


async def test_a_swap_whose_price_fell_below_its_floor_fails() -> None:
    market = Market()
    venue = market.venues[0]
    quote = venue.quote_now(QuoteRequest(SOL, USDC, 10**9), SLOT)
    swap = await venue.build(quote, min_amount_out=quote.amount_out * 99 // 100)
    market.put("100", SLOT + 3)
    assert venue.fill(swap, SLOT + 2)
    with pytest.raises(DexError, match="slippage_exceeded"):
        venue.fill(swap, SLOT + 3)


def test_a_move_is_exact_in_basis_points_and_rounds_down() -> None:
    assert moved(Decimal("150.25"), -100) == Decimal("148.7475")
    assert moved(Decimal("150.25"), 0) == Decimal("150.25")
    assert moved(Decimal("12345678901234567890.000000000000000001"), 10_000) == Decimal(
        "24691357802469135780.000000000000000002"
    )
    assert moved(Decimal("0.000000000000000003"), -5_000) == Decimal("0.000000000000000001")


def test_a_price_is_refused_beyond_a_hundred_times_the_reference_price() -> None:
    for price in ("1.4985", "14985", "150"):
        assert check(Decimal(price), SOL, USDC) == Decimal(price)
    for price in ("1.498499999999999999", "14985.000000000000000001"):
        with pytest.raises(PriceOutOfRange):
            check(Decimal(price), SOL, USDC)
    assert check(Decimal("0.0066"), USDC, SOL)
    with pytest.raises(PriceOutOfRange):
        check(Decimal("150"), USDC, SOL)


def test_replaced_prices_are_forgotten_once_they_are_old_and_the_last_one_never() -> None:
    prices = SetPrices()
    rows = [SetPrice(n, "SOL", "USDC", Decimal(n), n * 1_000) for n in range(1, 100)]
    prices.add(rows, forget_before_ms=90_000)
    assert prices.at("SOL-USDC", 89_000) is not None
    assert prices.at("SOL-USDC", 88_000) is None
    prices.add(rows, forget_before_ms=0)  # read twice
    prices.add([SetPrice(100, "SOL", "USDC", None, 10**9)], forget_before_ms=10**9)
    last = prices.at("SOL-USDC", 99_000)
    assert last is not None
    assert last.price == 99
