"""A thousand orders through the router and the simulated chain: no fill below its floor, always the best venue."""

from collections import Counter
from random import Random

from app.dex.amounts import minimum_out
from app.dex.chain import BLOCKHASH_LIFE, Blockhash
from app.dex.errors import NEVER, RETRY, DexError
from app.dex.markets import Markets
from app.dex.quotes import BuiltSwap, QuoteRequest
from app.dex.router import Router
from app.dex.simulated.venues import open_venues
from app.mockchain.outcome import Conditions, plan_outcome
from app.mockchain.transaction import SimulatedSigner, sign

ORDERS = 1_000
BLOCK_MS = 400


async def test_a_thousand_orders() -> None:
    markets, random = Markets.load(), Random(6)
    venues = {venue.name: venue for venue in open_venues(markets, seed=6, block_ms=BLOCK_MS)}
    router = Router(list(venues.values()))
    conditions = Conditions(BLOCK_MS, 2_000, 3_000, failure_rate=0.05, seed=6)

    def fill(swap: BuiltSwap, slot: int) -> int:
        return venues[swap.venue].fill(swap, slot)

    ends: Counter[str] = Counter()
    winners: Counter[str] = Counter()
    now_ms = 1_795_000_000_000
    for number in range(ORDERS):
        now_ms += random.randrange(5_000)
        token_in, token_out = random.sample(markets.tokens, 2)
        # From a few cents to more than some pools hold.
        dollars = 10 ** random.uniform(-2, 6)
        amount = max(int(dollars * 10**12 / token_in.usd * 10**token_in.decimals), 1)
        request, slot = QuoteRequest(token_in, token_out, amount), now_ms // BLOCK_MS
        try:
            route = await router.route(request, slot)
        except DexError as error:
            ends[error.code] += 1
            continue

        trusted = [answer.quote for answer in route.answers if answer.code is None and answer.quote]
        assert route.best.net == max(quote.net for quote in trusted)
        assert [answer.quote for answer in route.answers if answer.won] == [route.best]
        # Neither did a venue keep a better way to itself.
        for name in router.names:
            if all(answer.venue != name or answer.code is None for answer in route.answers):
                assert venues[name].quote_now(request, slot).net <= route.best.net
        winners[route.best.venue] += 1

        floor = minimum_out(route.best.amount_out, random.choice([0, 1, 5, 50]))
        swap = await router.build(route.best, min_amount_out=floor)
        blockhash = Blockhash(str(slot), slot + BLOCKHASH_LIFE, slot)
        signed = await sign(swap, SimulatedSigner(), memo=str(number), attempt=1, blockhash=blockhash)
        end = plan_outcome(signed, swap, now_ms, conditions, fill)
        assert end.slot <= signed.last_valid_height
        ends[end.code or end.status] += 1
        if end.status == "landed":
            assert end.amount_out is not None
            assert end.amount_out >= floor
            # It is the venue's price at the landing slot, not the one that was quoted.
            landing = venues[route.best.venue].quote_now(request, end.slot)
            assert end.amount_out == landing.amount_out or landing.route != swap.route
        else:
            assert end.code in RETRY

    assert sum(ends.values()) == ORDERS
    assert set(ends) <= RETRY | NEVER | {"landed"}
    assert ends["landed"] > 600
    assert ends["slippage_exceeded"] > 50
    assert min(winners["raydium"], winners["meteora"]) > 150
