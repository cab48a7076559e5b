"""The router chooses the best net outcome of the venues that answer, and gives the reasons."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from app.dex.errors import DexError
from app.dex.markets import Markets
from app.dex.quotes import BuiltSwap, Quote, QuoteRequest
from app.dex.router import NoRoute, Route, Router
from app.dex.simulated.venues import open_venues
from app.dex.venue import UnavailableVenue
from tests.fakes import After, Answer, ScriptedVenue, simple_quote

MARKETS = Markets.load()
SOL, USDC, RAY = (MARKETS.token(symbol) for symbol in ("SOL", "USDC", "RAY"))
FREE: Mapping[str, int] = {}
REQUEST = QuoteRequest(SOL, USDC, 10**9)


def scripted(scripts: Mapping[str, Answer], *, timeout: float = 1.0, costs: Mapping[str, int] = FREE) -> Router:
    venues = [ScriptedVenue(name, [answer], network_cost=costs.get(name, 0)) for name, answer in scripts.items()]
    return Router(venues, timeout=timeout)


async def routed(router: Router, **limits: Any) -> Route:
    return await router.route(REQUEST, 1, **limits)


def rows(route: Route) -> dict[str, Any]:
    return {row["venue"]: row for row in route.to_json()["quotes"]}


async def test_the_best_net_outcome_wins_not_the_largest_amount() -> None:
    route = await routed(scripted({"a": 149_000_000, "b": 149_000_400}, costs={"b": 500}))
    assert route.best.venue == "a"
    assert rows(route)["a"] | {"won": True, "reason": "best net outcome"} == rows(route)["a"]
    assert rows(route)["b"]["reason"] == "less than 0.01 % less"


async def test_the_reason_states_how_much_less_the_loser_offers() -> None:
    route = await routed(scripted({"a": 150_000_000, "b": 149_820_000}))
    assert rows(route)["b"]["reason"] == "0.12 % less"


async def test_ties_are_broken_the_same_way_in_any_order_of_answers() -> None:
    for slow in ("a", "b"):
        answers: dict[str, Answer] = {"a": 1_000, "b": 1_000}
        answers[slow] = After(0.01, 1_000)
        assert (await routed(scripted(answers))).best.venue == "a"
    by_amount = await routed(scripted({"a": 1_000, "b": 1_005}, costs={"b": 5}))
    assert by_amount.best.venue == "b"


async def test_a_venue_that_fails_loses_only_its_own_quote() -> None:
    never = asyncio.Event()
    for dead, code in (
        (After(never, 1), "rpc_timeout"),
        (DexError("venue_unavailable", "down for repair"), "venue_unavailable"),
        (RuntimeError("a bug"), "venue_unavailable"),
    ):
        route = await routed(scripted({"a": dead, "b": 7_000}, timeout=0.05))
        assert route.best.venue == "b"
        assert (rows(route)["a"]["won"], rows(route)["a"]["error"]) == (False, code)


async def test_a_venue_that_cancels_itself_counts_as_failed() -> None:
    class Quitter(ScriptedVenue):
        async def quote(self, request: QuoteRequest, slot: int) -> Any:
            raise asyncio.CancelledError

    route = await Router([Quitter("a", [1]), ScriptedVenue("b", [7_000])]).route(REQUEST, 1)
    assert rows(route)["a"]["error"] == "venue_unavailable"


async def test_both_quotes_are_asked_for_at_once() -> None:
    both = asyncio.Barrier(2)

    class Meeting(ScriptedVenue):
        async def quote(self, request: QuoteRequest, slot: int) -> Any:
            await both.wait()
            return await super().quote(request, slot)

    await Router([Meeting("a", [1_000]), Meeting("b", [1_000])], timeout=5).route(REQUEST, 1)


async def test_cancelling_the_router_cancels_its_requests() -> None:
    never = asyncio.Event()
    before = asyncio.all_tasks()
    task = asyncio.create_task(routed(scripted({"a": After(never, 1), "b": After(never, 1)})))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize(
    ("out", "at_mid", "trusted"),
    [
        (1_200_000, 1_000_000, True),
        (1_210_000, 1_000_000, False),
        (800_000, 1_000_000, True),
        (790_000, 1_000_000, False),
        (1, 2, True),  # one unit of rounding explains it
    ],
)
async def test_a_quote_far_from_its_pools_mid_is_refused(out: int, at_mid: int, trusted: bool) -> None:
    absurd = simple_quote("a", REQUEST, out, at_mid=at_mid)
    route = await routed(scripted({"a": absurd, "b": 1}))
    if trusted:
        assert "error" not in rows(route)["a"]
    else:
        assert route.best.venue == "b"
        assert rows(route)["a"]["reason"].endswith("above the 20 % limit")


async def test_a_real_chain_is_stricter() -> None:
    far = simple_quote("a", REQUEST, 106_000_000, at_mid=100_000_000)
    venues = [ScriptedVenue("a", [far]), ScriptedVenue("b", [1])]
    route = await routed(Router(venues, max_deviation_percent=5))
    assert rows(route)["a"]["reason"].endswith("price 6 % better than the pool's own, above the 5 % limit")


async def test_a_quote_for_another_amount_is_refused() -> None:
    other = simple_quote("a", QuoteRequest(SOL, USDC, 2 * 10**9), 300_000_000)
    assert (await routed(scripted({"a": other, "b": 149_000_000}))).best.venue == "b"


async def test_a_limit_on_price_impact_excludes_quotes() -> None:
    steep, flat = simple_quote("a", REQUEST, 1_000, price_impact_bps=51), simple_quote("b", REQUEST, 900)
    assert (await routed(scripted({"a": steep, "b": flat}))).best.venue == "a"
    assert (await routed(scripted({"a": steep, "b": flat}), max_price_impact_bps=51)).best.venue == "a"
    assert (await routed(scripted({"a": steep, "b": flat}), max_price_impact_bps=50)).best.venue == "b"
    with pytest.raises(NoRoute, match="price_impact_too_high"):
        await routed(scripted({"a": steep}), max_price_impact_bps=50)


async def test_only_the_venues_asked_for_are_asked() -> None:
    a, b = ScriptedVenue("a", [2_000]), ScriptedVenue("b", [1_000])
    route = await Router([a, b]).route(REQUEST, 7, only=["b"])
    assert (route.best.venue, len(route.answers)) == ("b", 1)
    assert (a.asked, b.asked) == ([], [(REQUEST, 7)])
    with pytest.raises(NoRoute, match="unsupported_pair"):
        await Router([a, b]).route(REQUEST, 7, only=["c"])


def failing(code: str) -> DexError:
    return DexError(code, code)


@pytest.mark.parametrize(
    ("a", "b", "code"),
    [
        ("insufficient_liquidity", "insufficient_liquidity", "insufficient_liquidity"),
        ("insufficient_liquidity", "unsupported_pair", "insufficient_liquidity"),
        ("unsupported_pair", "zero_output", "zero_output"),
        ("unsupported_pair", "unsupported_pair", "unsupported_pair"),
        ("insufficient_liquidity", "venue_unavailable", "venue_unavailable"),
        ("rpc_timeout", "price_impact_too_high", "rpc_timeout"),
    ],
)
async def test_a_failure_is_final_only_if_no_venue_could_do_better_later(a: str, b: str, code: str) -> None:
    for first, second in ((a, b), (b, a)):
        with pytest.raises(NoRoute) as refused:
            await routed(scripted({"a": failing(first), "b": failing(second)}))
        assert refused.value.code == code
        assert [answer.venue for answer in refused.value.answers] == ["a", "b"]


async def test_the_decision_is_plain_json_with_exact_decimals() -> None:
    router = Router(open_venues(MARKETS, seed=1))
    decision = (await router.route(QuoteRequest(RAY, USDC, 10**8), 4_487_500_000)).to_json()
    assert json.loads(json.dumps(decision)) == decision
    assert decision["route"] == {"dex": decision["dex"], "tokens": ["RAY", "SOL", "USDC"]}
    winner = next(row for row in decision["quotes"] if row["won"])
    assert (winner["venue"], winner["amountOut"]) == (decision["dex"], decision["amountOut"])
    assert {"fee", "priceImpactBps", "slot", "reason"} <= set(winner)


async def test_preview_and_worker_agree_at_equal_slots() -> None:
    one, other = (Router(open_venues(Markets.load(), seed=3)) for _ in range(2))
    for slot in range(4_487_500_000, 4_487_500_200, 7):
        assert await one.route(REQUEST, slot) == await other.route(REQUEST, slot)


async def test_an_unlisted_venue_is_asked_only_by_name() -> None:
    router = Router([ScriptedVenue("a", [7_000])], unlisted=[UnavailableVenue()])
    assert router.names == ("a",)
    assert list(rows(await router.route(REQUEST, 1))) == ["a"]
    with pytest.raises(NoRoute) as failure:
        await router.route(REQUEST, 1, only=["unavailable"])
    assert failure.value.code == "venue_unavailable"


async def test_the_venue_that_quoted_builds_the_swap() -> None:
    router = scripted({"a": 7_000, "b": 8_000})
    swap = await router.build((await routed(router)).best, min_amount_out=7_900)
    assert (swap.venue, swap.amount_in, swap.min_amount_out) == ("b", 10**9, 7_900)


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (None, "rpc_timeout"),  # it never answers
        (RuntimeError("a bug"), "venue_unavailable"),
        (DexError("insufficient_liquidity", "gone"), "insufficient_liquidity"),
    ],
)
async def test_a_venue_that_does_not_build_fails_the_attempt_in_bounded_time(
    trouble: Exception | None, code: str
) -> None:
    class Stuck(ScriptedVenue):
        async def build(self, quote: Quote, *, min_amount_out: int) -> BuiltSwap:
            if trouble is not None:
                raise trouble
            await asyncio.Event().wait()
            raise AssertionError

    router = Router([Stuck("a", [7_000])], timeout=0.02)
    with pytest.raises(DexError) as failure:
        await router.build((await routed(router)).best, min_amount_out=1)
    assert failure.value.code == code


async def test_a_venue_that_asks_nobody_is_given_no_task() -> None:
    tasks: set[asyncio.Task[Any] | None] = set()

    class Here(ScriptedVenue):
        in_process = True

        async def quote(self, request: QuoteRequest, slot: int) -> Any:
            tasks.add(asyncio.current_task())
            return await super().quote(request, slot)

    broken = DexError("venue_unavailable", "down for repair")
    route = await Router([Here("a", [broken]), Here("b", [7_000]), ScriptedVenue("c", [8_000])]).route(REQUEST, 1)

    assert tasks == {asyncio.current_task()}
    assert [answer.won for answer in route.answers] == [False, False, True]
