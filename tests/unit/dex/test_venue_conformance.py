"""What every venue has to do. A new adapter joins with one line in `VENUES`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import pytest_asyncio

from app.dex.errors import NEVER, RETRY, DexError
from app.dex.markets import Markets, Token
from app.dex.quotes import Quote, QuoteRequest
from app.dex.router import Router
from app.dex.simulated.venues import Meteora, Raydium
from app.dex.venue import Venue
from app.localnet.faults import Faults
from app.localnet.view import Node
from tests.fakes import ScriptedVenue
from tests.localnet import Vendors, open_validator, served, vendors

pytestmark = pytest.mark.asyncio(loop_scope="module")  # they share one local chain

MARKETS = Markets.load()
SOL, USDC, RAY, USDT = (MARKETS.token(symbol) for symbol in ("SOL", "USDC", "RAY", "USDT"))
UNLISTED = replace(USDC, symbol="XYZZY", mint="XYZZYnobodyTradesThisTokenXYZZY111111111111", name="Xyzzy")
SLOT = 4_487_500_000

VENUES: dict[str, Callable[[Vendors], Venue]] = {
    "raydium": lambda _: Raydium(MARKETS, seed=1),
    "meteora": lambda _: Meteora(MARKETS, seed=1),
    "scripted": lambda _: ScriptedVenue("scripted", [149_000_000]),
    "jupiter_raydium": lambda localnet: localnet.venues["jupiter_raydium"],
    "jupiter_meteora": lambda localnet: localnet.venues["jupiter_meteora"],
    "raydium_trade": lambda localnet: localnet.venues["raydium_trade"],
}

# Each of them trades the first three. A pool program of localnet swaps in one pool, so two hops are for the others.
SERVED = [QuoteRequest(SOL, USDC, 10**9), QuoteRequest(USDC, SOL, 150 * 10**6)]
TWO_HOPS, NO_SOL = QuoteRequest(RAY, USDC, 10**8), QuoteRequest(USDC, USDT, 10**8)
CASES = [(name, one) for name in VENUES for one in (*SERVED, NO_SOL)]
CASES += [(name, TWO_HOPS) for name in ("raydium", "meteora", "scripted")]
each_case = pytest.mark.parametrize(("venue", "request_"), CASES, indirect=["venue"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def localnet() -> AsyncIterator[Vendors]:
    with TemporaryDirectory() as folder:
        validator = open_validator(Path(folder) / "journal")
        async with served(Node(validator, Faults())) as url, vendors(url) as opened:
            yield opened
        validator.close()


@pytest_asyncio.fixture(loop_scope="module", params=VENUES)
async def venue(request: pytest.FixtureRequest, localnet: Vendors) -> Venue:
    return VENUES[request.param](localnet)


async def test_its_name_fits_requests_metrics_and_files(venue: Venue) -> None:
    assert venue.name == venue.name.lower()
    assert venue.name.isidentifier()


@each_case
async def test_a_quote_is_for_the_amount_and_the_slot_that_were_asked(venue: Venue, request_: QuoteRequest) -> None:
    quote = await venue.quote(request_, SLOT)
    assert (quote.venue, quote.amount_in, quote.slot) == (venue.name, request_.amount_in, SLOT)
    assert quote.amount_out > 0


@each_case
async def test_the_legs_of_a_quote_lead_from_one_token_to_the_other(venue: Venue, request_: QuoteRequest) -> None:
    quote = await venue.quote(request_, SLOT)
    first, last = quote.legs[0], quote.legs[-1]
    assert (quote.route[0], quote.route[-1]) == (request_.token_in.symbol, request_.token_out.symbol)
    assert (first.amount_in, last.amount_out) == (quote.amount_in, quote.amount_out)
    for leg, onward in zip(quote.legs, quote.legs[1:], strict=False):
        assert (leg.token_out, leg.amount_out) == (onward.token_in, onward.amount_in)


@each_case
async def test_the_router_accepts_its_quotes(venue: Venue, request_: QuoteRequest) -> None:
    """Price impact, fees and the pool's own mid are such that a usual amount is not refused."""
    route = await Router([venue]).route(request_, SLOT, max_price_impact_bps=100)
    assert route.best.net > 0


async def test_quotes_that_are_asked_for_at_once_do_not_mix(venue: Venue) -> None:
    requests = [QuoteRequest(SOL, USDC, 10**9 + n) for n in range(20)]
    quotes = await asyncio.gather(*(venue.quote(request, SLOT) for request in requests))
    assert [quote.amount_in for quote in quotes] == [request.amount_in for request in requests]


@pytest.mark.parametrize(
    "request_", [QuoteRequest(SOL, SOL, 10**9), QuoteRequest(SOL, UNLISTED, 10**9), QuoteRequest(UNLISTED, SOL, 10**6)]
)
async def test_a_pair_that_it_does_not_trade_is_unsupported(venue: Venue, request_: QuoteRequest) -> None:
    with pytest.raises(DexError) as refused:
        await venue.quote(request_, SLOT)
    assert refused.value.code == "unsupported_pair"


@pytest.mark.parametrize(("token_in", "token_out"), [(SOL, USDC), (USDC, SOL), (RAY, USDC), (SOL, UNLISTED)])
async def test_its_only_errors_are_known_dex_errors(venue: Venue, token_in: Token, token_out: Token) -> None:
    for amount in (1, 2, 1_000, 10**15, 2**63, 2**64 - 1):
        code = None
        try:
            assert (await venue.quote(QuoteRequest(token_in, token_out, amount), SLOT)).amount_out > 0
        except DexError as error:
            code = error.code
        assert code in {None, *RETRY, *NEVER}


async def quoted(venue: Venue, request: QuoteRequest) -> Quote:
    return await venue.quote(request, SLOT)


@pytest.mark.parametrize("least", [0, 1, 148_999_999])
async def test_the_floor_is_written_into_the_swap(venue: Venue, least: int) -> None:
    swap = await venue.build(await quoted(venue, SERVED[0]), min_amount_out=least)
    assert swap.min_amount_out == least


async def test_a_floor_that_the_price_does_not_reach_is_written_into_the_swap_or_refused(venue: Venue) -> None:
    """A venue that asks somebody else may know by then that the swap would fail."""
    quote = await quoted(venue, SERVED[0])
    code = None
    try:
        assert (await venue.build(quote, min_amount_out=2**64 - 1)).min_amount_out == 2**64 - 1
    except DexError as error:
        code = error.code
    assert code in (None, "slippage_exceeded")


@each_case
async def test_the_swap_is_what_was_quoted(venue: Venue, request_: QuoteRequest) -> None:
    quote = await quoted(venue, request_)
    swap = await venue.build(quote, min_amount_out=1)
    assert (swap.venue, swap.amount_in, swap.route) == (venue.name, quote.amount_in, quote.route)
    assert swap.pools == tuple(leg.pool for leg in quote.legs)


async def test_the_same_quote_builds_the_same_swap(venue: Venue) -> None:
    quote = await quoted(venue, SERVED[0])
    assert await venue.build(quote, min_amount_out=5) == await venue.build(quote, min_amount_out=5)


@pytest.mark.parametrize(
    ("request_", "wraps"), [(SERVED[0], (True, False)), (SERVED[1], (False, True)), (NO_SOL, (False, False))]
)
async def test_native_sol_is_wrapped_on_the_way_in_and_unwrapped_on_the_way_out(
    venue: Venue, request_: QuoteRequest, wraps: tuple[bool, bool]
) -> None:
    swap = await venue.build(await quoted(venue, request_), min_amount_out=1)
    assert (swap.wrap_sol, swap.unwrap_sol) == wraps
