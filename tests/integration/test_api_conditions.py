"""Optional conditions of an order: minimum amount out, maximum price impact, venues, time to start."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.dex.chain import Blockhash, SignedSwap
from app.dex.errors import DexError
from app.dex.markets import Markets
from app.dex.quotes import BuiltSwap, Quote, QuoteRequest
from tests.engine import HAPPY, SELL_SOL, Engine, StreamResult, eventually
from tests.fakes import After, ScriptedChain, ScriptedVenue, simple_quote

MARKETS = Markets.load()
LATER = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
SELLING = QuoteRequest(MARKETS.token("SOL"), MARKETS.token("USDC"), 1_500_000_000)


def quote(venue: str, amount_out: int, impact_bps: int = 0) -> Quote:
    return simple_quote(venue, SELLING, amount_out, price_impact_bps=impact_bps)


async def test_the_higher_of_minimum_amount_and_slippage_bound_holds(engine: Engine) -> None:
    chain = ScriptedChain()
    await engine.start_worker(venues=[ScriptedVenue("raydium", [200_000_000])], chain=chain)
    fixed = []
    for minimum, slippage_bps in (("199.5", 100), ("150", 100), (199, 0), (None, 50)):
        asked: dict[str, Any] = {} if minimum is None else {"minAmountOut": minimum}
        order = (await engine.place(slippageBps=slippage_bps, **asked))["orderId"]
        building = (await engine.read_stream(order)).events[2]
        assert (await engine.order(order))["minAmountOut"] == building["minAmountOut"]
        fixed.append(building["minAmountOut"])
    assert fixed == ["199.5", "198", "200", "199"]
    assert [chain.signed[sent.payload][0].min_amount_out for sent in chain.sends] == [
        199_500_000,
        198_000_000,
        200_000_000,
        199_000_000,
    ]


class ChainThatRefusesTheFirst(ScriptedChain):
    """As one does whose simulation brings more than the venue quoted."""

    async def sign(self, swap: BuiltSwap, *, memo: str, attempt: int, blockhash: Blockhash) -> SignedSwap:
        if attempt == 1:
            raise DexError("venue_unavailable", "The venue quoted less than the swap brings.")
        return await super().sign(swap, memo=memo, attempt=attempt, blockhash=blockhash)


async def test_a_quote_that_was_too_low_to_be_signed_leaves_no_low_floor(engine: Engine) -> None:
    """Else the venue could have the next swap filled at that floor."""
    chain = ChainThatRefusesTheFirst()
    await engine.start_worker(venues=[ScriptedVenue("raydium", [162_000_000, 200_000_000])], chain=chain)
    stream = await engine.read_stream((await engine.place(slippageBps=100))["orderId"])
    built = [event["minAmountOut"] for event in stream.events if event["status"] == "building"]
    assert built == ["160.38", "198"]
    assert [chain.signed[sent.payload][0].min_amount_out for sent in chain.sends] == [198_000_000]


@pytest.mark.parametrize(("later", "floor"), [(199_000_000, 198_000_000), (300_000_000, 297_000_000)])
async def test_no_later_swap_has_a_lower_floor_than_the_first_one_or_than_its_own_quote(
    engine: Engine, later: int, floor: int
) -> None:
    """If the price has risen, the first floor is far too low: a trade just before ours could take the difference."""
    chain = ScriptedChain(["slippage_exceeded", later])
    await engine.start_worker(venues=[ScriptedVenue("raydium", [200_000_000, later])], chain=chain)
    await engine.read_stream((await engine.place(slippageBps=100))["orderId"])
    assert [chain.signed[sent.payload][0].min_amount_out for sent in chain.sends] == [198_000_000, floor]


async def test_before_it_is_built_an_order_shows_the_requested_minimum_amount(engine: Engine) -> None:
    order = await engine.order((await engine.place(minAmountOut="150.0"))["orderId"])
    assert order["minAmountOut"] == "150"
    assert (await engine.order((await engine.place())["orderId"]))["minAmountOut"] is None


async def test_a_venue_with_too_high_a_price_impact_does_not_get_the_order(engine: Engine) -> None:
    better, worse = quote("meteora", 210_000_000, 101), quote("raydium", 200_000_000, 100)
    venues = [ScriptedVenue("meteora", [better]), ScriptedVenue("raydium", [worse])]
    await engine.start_worker(venues=venues, chain=ScriptedChain())

    async def building(**asked: Any) -> tuple[str, list[tuple[str, str | None]]]:
        event = (await engine.read_stream((await engine.place(**asked))["orderId"])).events[2]
        return event["dex"], [(one["venue"], one.get("error")) for one in event["quotes"]]

    assert await building() == ("meteora", [("meteora", None), ("raydium", None)])
    assert await building(maxPriceImpactBps=100) == (
        "raydium",
        [("meteora", "price_impact_too_high"), ("raydium", None)],
    )

    refused = await engine.read_stream((await engine.place(maxPriceImpactBps=99))["orderId"])
    assert refused.statuses == ["pending", "routing", "failed"]
    assert refused.events[-1]["code"] == "price_impact_too_high"


async def test_only_the_named_venues_are_asked(engine: Engine) -> None:
    meteora, raydium = ScriptedVenue("meteora", [200_000_000]), ScriptedVenue("raydium", [210_000_000])
    await engine.start_worker(venues=[meteora, raydium], chain=ScriptedChain())
    order = (await engine.place(venues=["meteora", "meteora"]))["orderId"]
    building = (await engine.read_stream(order)).events[2]
    assert building["dex"] == "meteora"
    assert [one["venue"] for one in building["quotes"]] == ["meteora"]
    assert (await engine.order(order))["venues"] == ["meteora"]
    assert raydium.asked == []
    both = (await engine.place(venues=["raydium", "meteora"]))["orderId"]
    assert (await engine.read_stream(both)).events[2]["dex"] == "raydium"


async def test_an_order_that_is_not_started_in_time_expires_on_its_stream_too(engine: Engine) -> None:
    venue = ScriptedVenue("raydium", [200_000_000])
    hasty = await engine.place(expiresInSeconds=1)
    patient, eternal = await engine.place(expiresInSeconds=60), await engine.place(expiresInSeconds=0)
    await engine.http.post("/api/queue/pause")
    await engine.start_worker(venues=[venue], chain=ScriptedChain())

    async def stream_of(order: str) -> StreamResult:
        return await engine.read_stream(order, within=20)

    stream = await stream_of(hasty["orderId"])
    assert (stream.statuses, stream.code) == (["pending", "expired"], 1000)
    assert stream.events[-1]["code"] == "expired"
    order = await engine.order(hasty["orderId"])
    assert (order["status"], order["code"], order["attempt"]) == ("expired", "expired", 0)
    late = await engine.postgres.fetchval("SELECT updated_at - expires_at FROM orders WHERE status = 'expired'")
    assert 0 <= late.total_seconds() < 2.5

    await engine.http.post("/api/queue/resume")
    for placed in (patient, eternal):
        assert (await stream_of(placed["orderId"])).statuses == HAPPY
    assert len(venue.asked) == 2


async def test_a_market_order_has_until_its_end_to_start(engine: Engine) -> None:
    ends: list[tuple[dict[str, Any], str, int | None]] = [
        ({}, "gtd", 300),
        ({"expiresInSeconds": 60}, "gtd", 60),
        ({"timeInForce": "gtd", "expiresInSeconds": 60}, "gtd", 60),
        ({"expiresInSeconds": 0}, "gtc", None),
        ({"timeInForce": "gtc"}, "gtc", None),
        ({"timeInForce": "gtc", "expiresInSeconds": 0}, "gtc", None),
        ({"timeInForce": "ioc"}, "ioc", 10),
        ({"timeInForce": "fok"}, "ioc", 10),
    ]
    for said, time_in_force, seconds in ends:
        order = (await engine.place(**said))["orderId"]
        lives = await engine.postgres.fetchval("SELECT expires_at - created_at FROM orders WHERE id = $1", order)
        assert (None if lives is None else lives.total_seconds()) == seconds, said
        assert (await engine.order(order))["timeInForce"] == time_in_force, said


async def test_a_market_order_takes_its_end_as_a_moment(engine: Engine) -> None:
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    for said in ({}, {"timeInForce": "gtd"}):
        order = await engine.order((await engine.place(expiresAt=moment.isoformat(), **said))["orderId"])
        assert (order["timeInForce"], datetime.fromisoformat(order["expiresAt"])) == ("gtd", moment)


async def test_ends_of_a_market_order_that_contradict_each_other_are_refused(engine: Engine) -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "/expiresAt"),
        ({"expiresAt": "2999-01-01T00:00:00Z"}, "/expiresAt"),
        ({"expiresAt": LATER, "expiresInSeconds": 60}, "/expiresAt"),
        ({"timeInForce": "gtd"}, "/expiresAt"),
        ({"timeInForce": "gtd", "expiresInSeconds": 0}, "/expiresInSeconds"),
        ({"timeInForce": "gtc", "expiresInSeconds": 60}, "/expiresInSeconds"),
        ({"timeInForce": "ioc", "expiresAt": LATER}, "/expiresAt"),
        ({"timeInForce": "day"}, "/timeInForce"),
    ]
    for said, pointer in refused:
        answer = await engine.http.post("/api/orders/execute", json=SELL_SOL | said)
        assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer]), said


async def test_an_order_that_was_started_in_time_does_not_expire(engine: Engine) -> None:
    answered = asyncio.Event()
    await engine.start_worker(venues=[ScriptedVenue("raydium", [After(answered, 200_000_000)])], chain=ScriptedChain())
    order = (await engine.place(expiresInSeconds=60))["orderId"]

    async def routing() -> bool:
        return bool((await engine.order(order))["status"] == "routing")

    await eventually(routing)
    await engine.postgres.execute("UPDATE orders SET expires_at = now(), look_at = '-infinity'")

    async def swept() -> bool:
        return bool(await engine.postgres.fetchval("SELECT look_at > now() FROM orders"))

    await eventually(swept)
    answered.set()
    assert (await engine.read_stream(order)).statuses == HAPPY
