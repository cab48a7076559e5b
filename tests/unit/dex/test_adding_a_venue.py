"""The worked example of `docs/adding-a-venue.md`, run as printed."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app.dex import markets
from app.dex.markets import Markets
from app.dex.quotes import QuoteRequest
from app.dex.router import Router
from app.dex.simulated.venues import Meteora, PoolVenue, Raydium

PAGE = (Path(__file__).parents[3] / "docs" / "adding-a-venue.md").read_text(encoding="utf-8")
CONFIGURED = Path(markets.__file__).with_name("markets.toml").read_text(encoding="utf-8")


def printed(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def venues() -> Sequence[PoolVenue]:
    [entries] = printed("toml")
    names: dict[str, Any] = {"Raydium": Raydium, "Meteora": Meteora}
    for block in printed("python"):
        exec(compile(block, "adding-a-venue.md", "exec", dont_inherit=True), names)
    configured = Markets.parse(CONFIGURED + entries)
    return [kind(configured, seed=1) for kind in names["KINDS"]]


async def test_the_third_venue_is_asked_and_wins_when_it_is_best(venues: Sequence[PoolVenue]) -> None:
    known = Markets.load()
    request = QuoteRequest(known.token("SOL"), known.token("USDC"), 10**9)
    winners = set()
    for slot in range(4_487_500_000, 4_487_504_000, 5):
        route = await Router(venues).route(request, slot)
        assert [answer.venue for answer in route.answers] == ["fixed", "meteora", "raydium"]
        assert route.best.net == max(answer.quote.net for answer in route.answers if answer.quote)
        winners.add(route.best.venue)
    assert {"fixed", "meteora"} <= winners


async def test_an_order_can_be_restricted_to_it_and_gets_what_it_quoted(venues: Sequence[PoolVenue]) -> None:
    known, slot = Markets.load(), 4_487_500_000
    request = QuoteRequest(known.token("USDC"), known.token("SOL"), 150 * 10**6)
    route = await Router(venues).route(request, slot, only=["fixed"])
    swap = await venues[-1].build(route.best, min_amount_out=route.best.amount_out)
    assert (swap.venue, swap.unwrap_sol) == ("fixed", True)
    assert venues[-1].fill(swap, slot) == route.best.amount_out


async def test_it_is_excluded_without_a_pool_or_with_too_little_liquidity(venues: Sequence[PoolVenue]) -> None:
    known = Markets.load()
    elsewhere = QuoteRequest(known.token("JUP"), known.token("SOL"), 10**9)
    route = await Router(venues).route(elsewhere, 4_487_500_000)
    assert route.answers[0].code == "unsupported_pair"
    vast = QuoteRequest(known.token("SOL"), known.token("USDC"), 20_000 * 10**9)
    with pytest.raises(Exception, match="insufficient_liquidity"):
        await Router(venues).route(vast, 4_487_500_000, only=["fixed"])
