"""The dead man's switch: an owner who falls silent has all orders cancelled, once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.dex.chain import Outcome
from app.orders.waiting.dead_men import PAGE, DeadMen, Fired
from app.postgres.pools import open_postgres
from tests.engine import SELL_SOL, Engine
from tests.fakes import ScriptedChain, ScriptedVenue
from tests.integration.test_access import Guarded, guarded
from tests.integration.test_api_cancel import has_status
from tests.integration.test_rearming import fire as fire_limit
from tests.integration.test_slices import DCA
from tests.integration.test_waiting_orders import LIMIT, STOP
from tests.integration.test_watcher import Market, market, watching
from tests.waiting import place_open

__all__ = ["guarded", "market"]
pytestmark = pytest.mark.usefixtures("primed_queue")

SILENT = "UPDATE dead_men SET cancels_at = clock_timestamp() - interval '1 millisecond'"

OVERDUE = "INSERT INTO dead_men (owner, seconds, cancels_at) VALUES ($1, 60, now() - $2 * interval '1 second')"


async def put(engine: Engine, seconds: Any) -> tuple[int, dict[str, Any]]:
    answer = await engine.http.put("/api/dead-man", json={"seconds": seconds})
    return answer.status_code, answer.json()


async def fire(engine: Engine, *, watchers: int = 1, limit: int = PAGE) -> list[Fired]:
    """Each watcher looks until it finds nobody."""
    postgres = await open_postgres(engine.settings.postgres_dsn or "", size=10)

    async def drain() -> list[Fired]:
        fired, store = [], DeadMen(postgres.writing)
        while one := await store.fire(limit):
            fired.append(one)
        return fired

    found = await asyncio.gather(*(drain() for _ in range(watchers)))
    await postgres.close()
    return [one for of_one in found for one in of_one]


async def test_a_silent_owner_has_all_orders_cancelled_and_the_switch_is_off_then(
    engine: Engine, market: Market
) -> None:
    orders = [(await engine.place(**body))["orderId"] for body in (LIMIT, STOP, DCA, SELL_SOL)]
    async with watching(engine, market):
        _, begun = await put(engine, 1)
        for order in orders:
            assert (await engine.read_stream(order)).statuses[-1] == "cancelled"
    for order in orders:
        shown = await engine.order(order)
        assert (shown["code"], shown["events"][-1]["code"]) == ("dead_man", "dead_man")
    assert await engine.postgres.fetchval("SELECT count(*) FROM triggers") == 0
    state = (await engine.http.get("/api/dead-man")).json()
    assert (state["seconds"], state["cancelsAt"]) == (0, None)
    assert state["cancelled"] in (4, 5)  # the DCA order may have made a slice
    assert state["firedAt"] >= begun["cancelsAt"]


async def test_a_renewal_in_time_keeps_the_orders_and_zero_switches_it_off(engine: Engine) -> None:
    order = (await engine.place(**LIMIT))["orderId"]
    now = datetime.now(UTC)
    _, state = await put(engine, 60)
    assert timedelta(seconds=59) < datetime.fromisoformat(state["cancelsAt"]) - now < timedelta(seconds=65)
    assert await fire(engine) == []
    await engine.postgres.execute(SILENT)
    await put(engine, 60)
    assert await fire(engine) == []
    await engine.postgres.execute(SILENT)
    assert (await put(engine, 0))[1] == {"seconds": 0, "cancelsAt": None, "firedAt": None, "cancelled": None}
    assert await fire(engine) == []
    assert (await engine.order(order))["status"] == "open"


async def test_several_watchers_cancel_once(engine: Engine) -> None:
    await place_open(engine.postgres, ["140"] * 300, owner="local")
    await place_open(engine.postgres, ["140"] * 20, owner="alice")
    await put(engine, 60)
    await engine.postgres.execute("INSERT INTO dead_men (owner, seconds, cancels_at) VALUES ('alice', 5, now())")
    await engine.postgres.execute(SILENT)
    fired = await fire(engine, watchers=4)
    assert sorted((one.owner, len(one.orders)) for one in fired) == [("alice", 20), ("local", 300)]
    events = "SELECT count(*), count(DISTINCT order_id) FROM order_events WHERE status = 'cancelled'"
    assert tuple(await engine.postgres.fetchrow(events) or ()) == (320, 320)
    entries = await engine.postgres.fetch(
        "SELECT action, outcome, owner, details->>'seconds' AS seconds, details->>'cancelled' AS cancelled"
        " FROM audit_log ORDER BY owner"
    )
    assert [tuple(row) for row in entries] == [
        ("dead_man.fired", "done", "alice", "5", "20"),
        ("dead_man.fired", "done", "local", "60", "300"),
    ]
    assert await fire(engine) == []


async def test_more_orders_than_one_statement_takes_are_cancelled_by_the_next(engine: Engine) -> None:
    await place_open(engine.postgres, ["140"] * 25, owner="local")
    for _ in range(2):  # what was cancelled before does not count
        await place_open(engine.postgres, ["140"] * 25, owner="local")
        await put(engine, 60)
        await engine.postgres.execute(SILENT)
        fired = await fire(engine, limit=20)
    assert [len(one.orders) for one in fired] == [20, 5]
    state = (await engine.http.get("/api/dead-man")).json()
    assert (state["seconds"], state["cancelsAt"], state["cancelled"]) == (0, None, 25)


async def test_it_cancels_nothing_of_others_and_nothing_that_was_sent_or_has_ended(engine: Engine) -> None:
    theirs = await place_open(engine.postgres, ["140"], owner="alice")
    sent = (await engine.place())["orderId"]
    for status in ("routing", "submitted"):
        await engine.postgres.execute("UPDATE orders SET status = $1 WHERE owner = 'local'", status)
    await put(engine, 60)
    await engine.postgres.execute(SILENT)
    assert [len(one.orders) for one in await fire(engine)] == [0]
    assert (await engine.order(sent))["status"] == "submitted"
    assert await engine.postgres.fetchval("SELECT status FROM orders WHERE id = $1", theirs[0]) == "open"


@pytest.mark.parametrize("body", [SELL_SOL, LIMIT])
async def test_what_was_sent_trades_no_more_once_that_is_proven_dead(engine: Engine, body: dict[str, Any]) -> None:
    venues, chain = [ScriptedVenue("raydium", [200_000_000_000])], ScriptedChain([None])  # no outcome yet
    first = await engine.start_worker(venues=venues, chain=chain)
    order = (await engine.place(**body))["orderId"]
    if body == LIMIT:
        await fire_limit(engine, order)
    await has_status(engine, order, "submitted")
    await put(engine, 60)
    await engine.postgres.execute(SILENT)
    assert [len(one.orders) for one in await fire(engine)] == [0]
    shown = await engine.order(order)
    assert (shown["status"], shown["cancelRequested"]) == ("submitted", True)
    if body == SELL_SOL:  # another worker takes over, and is told the same
        await engine.stop_worker(first)
        await engine.start_worker(venues=venues, chain=chain)
    chain.outcomes[chain.sends[0].signature] = Outcome("failed", chain.slot, code="slippage_exceeded")
    last = (await engine.read_stream(order)).events[-1]
    assert (last["status"], last["code"]) == ("cancelled", "dead_man")
    assert (await engine.order(order))["code"] == "dead_man"
    assert (await engine.http.get("/api/dead-man")).json()["cancelsAt"] is None


async def test_after_the_clock_was_set_back_the_time_begins_anew(engine: Engine) -> None:
    await put(engine, 60)
    await engine.postgres.execute("UPDATE dead_men SET cancels_at = now() + interval '1 hour'")
    assert await fire(engine) == []
    left = await engine.postgres.fetchval("SELECT cancels_at - now() FROM dead_men")
    assert timedelta(seconds=59) < left <= timedelta(seconds=60)


@pytest.mark.parametrize("seconds", [-1, 86_401, 1.5, "60", None, True])
async def test_a_time_that_is_out_of_range_is_refused(engine: Engine, seconds: Any) -> None:
    status, problem = await put(engine, seconds)
    assert (status, problem["code"]) == (422, "invalid_request")
    assert [error["pointer"] for error in problem["errors"]] == ["/seconds"]
    assert await engine.postgres.fetchval("SELECT count(*) FROM dead_men") == 0


async def test_each_owner_has_a_switch_of_their_own(guarded: Guarded) -> None:
    assert (await guarded.request("a", "PUT", "/api/dead-man", json={"seconds": 60})).status_code == 200
    assert (await guarded.request("b", "GET", "/api/dead-man")).json()["cancelsAt"] is None
    assert (await guarded.request("a", "GET", "/api/dead-man")).json()["seconds"] == 60


async def test_an_owner_whose_order_fails_stops_no_other_switch(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    [bad] = await place_open(engine.postgres, ["140"], owner="alice")
    [other] = await place_open(engine.postgres, ["140"], owner="bob")
    await engine.postgres.execute(
        "INSERT INTO order_events (order_id, seq, status, attempt, at) VALUES ($1, 2, 'open', 0, now())", bad
    )
    for owner, seconds in (("alice", 2), ("bob", 1)):
        await engine.postgres.execute(OVERDUE, owner, seconds)
    [fired] = await fire(engine)
    assert (fired.owner, [one.event.order_id for one in fired.orders]) == ("bob", [other])
    assert [vars(line)["row"] for line in caplog.records if "left out" in line.message] == ["alice"]
