"""Trailing stops: what the API accepts, shows and amends, and how they fire when the market moves."""

import asyncio
from decimal import Decimal
from functools import partial
from typing import Any

import asyncpg
import pytest

from app import tasks
from app.orders.waiting import trailing
from app.orders.waiting.trailing import Trail, TrailingStops
from tests.engine import HAPPY, Engine, eventually
from tests.fakes import ScriptedChain, ScriptedVenue
from tests.integration.test_changing_orders import patch
from tests.integration.test_order_groups import place
from tests.integration.test_orders_that_wait import move, stream, watched
from tests.integration.test_rearming import TOO_LITTLE, waits
from tests.integration.test_waiting_orders import PAIR, TAKE_PROFIT, refused, refused_at, trigger_rows
from tests.waiting import FEED, SLOT, record

__all__ = ["watched"]  # a fixture

TRAILING: dict[str, Any] = {**PAIR, "orderType": "trailing_stop", "trigger": {"trailBps": 500}}
ACTIVATED = {"trailBps": 500, "activationPrice": "160", "persistSlots": 1}
LATER: dict[str, Any] = {**TRAILING, "trigger": {"trailBps": 500, "activationPrice": "100000"}}


async def shown(engine: Engine, order: str) -> dict[str, Any]:
    return dict((await engine.order(order))["trigger"])


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({}, "invalid_order", "/trigger/trailBps"),
    ({"trailBps": 0}, "invalid_order", "/trigger/trailBps"),
    ({"trailBps": 10_000}, "invalid_order", "/trigger/trailBps"),
    ({"trailBps": 1.5}, "invalid_order", "/trigger/trailBps"),
    ({"trailBps": 500, "price": "1"}, "invalid_order", "/trigger/price"),
    ({"trailBps": 500, "activationPrice": "0"}, "invalid_order", "/trigger/activationPrice"),
    ({"trailBps": 500, "activationPrice": "1"}, "would_trigger_immediately", "/trigger/activationPrice"),
]


@pytest.mark.usefixtures("primed_queue")
class TestWithoutWatcher:
    async def test_it_has_seen_the_price_of_when_it_was_placed(self, engine: Engine) -> None:
        await move(engine, "150")
        placed = await engine.place(**TRAILING)
        trigger = {"trailBps": 500, "persistSlots": 2, "extreme": "150", "level": "142.5", "distanceBps": 500}
        assert (placed["status"], placed["trigger"]) == ("open", trigger)
        assert await shown(engine, placed["orderId"]) == trigger
        [row] = await trigger_rows(engine)
        assert (row["op"], row["level"], row["base_level"], row["trail_bps"]) == ("start", 0, 150, 500)
        assert await engine.postgres.fetchval("SELECT limit_out FROM orders") is None

    async def test_with_an_activation_price_it_follows_nothing_yet(self, engine: Engine) -> None:
        await move(engine, "150")
        placed = await engine.place(**LATER)
        assert placed["trigger"] == {
            "trailBps": 500,
            "activationPrice": "100000",
            "persistSlots": 2,
            "extreme": None,
            "level": None,
            "distanceBps": 6_656_666,
        }
        [row] = await trigger_rows(engine)
        assert (row["op"], row["level"], row["base_level"]) == ("start", 100_000, 0)

    async def test_what_cannot_wait_is_refused(self, engine: Engine) -> None:
        for trigger, code, pointer in REFUSED:
            assert await refused(engine, {**TRAILING, "trigger": trigger}) == (422, code, [pointer]), trigger

    async def test_a_limit_price_is_of_another_type(self, engine: Engine) -> None:
        assert await refused(engine, {**TRAILING, "limitPrice": "1"}) == (422, "invalid_order", ["/limitPrice"])

    async def test_it_is_amended_as_far_as_it_does_not_fire_at_once(self, engine: Engine) -> None:
        await move(engine, "150")
        order = (await engine.place(**TRAILING))["orderId"]
        await engine.postgres.execute("UPDATE triggers SET base_level = 160")  # the price was there
        status, amended = await patch(engine, order, 1, trigger={"trailBps": 700})
        assert (status, amended["trigger"]["extreme"], amended["trigger"]["level"]) == (200, "160", "148.8")
        status, problem = await patch(engine, order, 2, trigger={"trailBps": 600})
        assert (problem["code"], problem["errors"][0]["pointer"]) == ("would_trigger_immediately", "/trigger/trailBps")
        status, problem = await patch(engine, order, 2, trigger={"activationPrice": "170"})
        assert (status, problem["errors"][0]["pointer"]) == (422, "/trigger/activationPrice")

    async def test_its_activation_price_is_amended_and_taken_away(self, engine: Engine) -> None:
        await move(engine, "150")
        order = (await engine.place(**LATER))["orderId"]
        _, amended = await patch(engine, order, 1, trigger={"activationPrice": "200"})
        assert (amended["trigger"]["activationPrice"], amended["trigger"]["extreme"]) == ("200", None)
        _, amended = await patch(engine, order, 2, trigger={"activationPrice": None})
        assert (amended["trigger"]["level"], "activationPrice" in amended["trigger"]) == ("142.5", False)

    async def test_it_is_the_protective_leg_of_a_group(self, engine: Engine) -> None:
        placed = await place(engine, {"type": "oco", "legs": [TAKE_PROFIT, TRAILING]})
        group = (await engine.http.get(f"/api/order-groups/{placed['groupId']}")).json()
        shown = {order["orderType"]: order["trigger"] for order in group["orders"]}
        assert shown["trailing_stop"]["trailBps"] == 500
        ranks = {row["order_type"]: row["rank"] for row in await trigger_rows(engine)}
        assert ranks == {"take_profit": 1, "trailing_stop": 0}
        two = {"type": "oco", "legs": [{**PAIR, "orderType": "stop", "trigger": {"price": "1"}}, TRAILING]}
        assert await refused_at(engine, "/api/order-groups", two) == (422, "group_shape", [])

    async def test_one_that_fired_stays_due_at_its_floor_and_keeps_its_extreme(self, engine: Engine) -> None:
        await engine.start_worker(venues=[ScriptedVenue("raydium", [TOO_LITTLE])], chain=ScriptedChain())
        order = (await engine.place(**TRAILING))["orderId"]
        await engine.postgres.execute("DELETE FROM triggers")
        await engine.postgres.execute(
            "UPDATE orders SET status = 'pending', look_at = now(), extreme = 160, limit_out = 221160000"
        )
        row = await waits(engine, order)
        assert (row["op"], row["persist"], row["level"]) == ("ge", 0, Decimal("147.44"))  # 152 less 3 %
        assert await engine.postgres.fetchval("SELECT limit_out FROM orders") == 221_160_000
        trigger = await shown(engine, order)
        assert (trigger["extreme"], trigger["level"]) == ("160", "152")


async def test_it_follows_the_market_and_is_filled_once_that_has_fallen(watched: Engine) -> None:
    order = (await watched.place(**TRAILING))["orderId"]
    await move(watched, "170")

    async def follows() -> bool:
        return bool((await shown(watched, order))["extreme"] == "170")

    await eventually(follows)
    trigger = await shown(watched, order)
    assert (trigger["level"], trigger["distanceBps"]) == ("161.5", 500)
    await move(watched, "161")
    fired = await stream(watched, {"orderId": order})
    assert [event["status"] for event in fired] == ["open", *HAPPY]
    assert fired[1]["trigger"] | {"slot": 0} == {
        "slot": 0,
        "price": "161",
        "level": "161.5",
        "source": "venues",
        "extreme": "170",
    }
    assert await watched.postgres.fetchval("SELECT limit_out FROM orders") == 234_982_500  # 161.5 less 3 %, of 1.5
    assert (await shown(watched, order))["extreme"] == "170"


async def test_an_amended_one_goes_on_from_what_it_has_seen(watched: Engine) -> None:
    order = (await watched.place(**TRAILING))["orderId"]
    follows = "SELECT op = 'trail' FROM triggers"
    await eventually(lambda: watched.postgres.fetchval(follows))
    _, amended = await patch(watched, order, 1, trigger={"trailBps": 300})
    assert (amended["trigger"]["extreme"], amended["trigger"]["level"]) == ("150", "145.5")
    await eventually(lambda: watched.postgres.fetchval(follows))
    assert await watched.postgres.fetchval("SELECT array_agg(extreme) FROM watermarks") == [150]
    await move(watched, "145")
    assert [event["status"] for event in await stream(watched, {"orderId": order})] == ["open", "open", *HAPPY]


@pytest.mark.usefixtures("primed_queue")
async def test_an_amendment_loses_no_price_that_was_recorded_before_it(engine: Engine, pool: asyncpg.Pool) -> None:
    follow = partial(TrailingStops(pool, max_age=4.0).follow, Trail(FEED, 2, 2))
    await move(engine, "150")
    order = (await engine.place(**TRAILING | {"trigger": {"trailBps": 5000}}))["orderId"]
    await record(pool, SLOT, "155")
    await record(pool, SLOT + 1, "155")
    assert await follow(SLOT + 1) == Decimal("77.5")
    await record(pool, SLOT + 2, "160")
    await record(pool, SLOT + 3, "160")
    _, amended = await patch(engine, order, 1, trigger={"trailBps": 4000})
    assert (amended["trigger"]["extreme"], amended["trigger"]["trailBps"]) == ("155", 4000)
    await follow(SLOT + 3)
    assert (await shown(engine, order))["extreme"] == "160"


@pytest.mark.usefixtures("primed_queue")
@pytest.mark.parametrize(
    ("change", "extreme"),
    [
        ({"trailBps": 400}, "170"),
        ({"activationPrice": "165"}, None),  # what was before does not count for it
        ({"persistSlots": 2}, None),
    ],
)
async def test_an_amendment_before_it_begins_loses_only_prices_of_another_condition(
    engine: Engine, pool: asyncpg.Pool, change: dict[str, Any], extreme: str | None
) -> None:
    await move(engine, "150")
    placed = await engine.place(**TRAILING | {"trigger": ACTIVATED})
    await record(pool, SLOT, "170")
    assert (await patch(engine, placed["orderId"], 1, trigger=change))[0] == 200
    await record(pool, SLOT + 1, "159")
    for persist in (1, 2):
        await TrailingStops(pool, max_age=4.0).follow(Trail(FEED, persist, 2), SLOT + 1)
    assert (await shown(engine, placed["orderId"]))["extreme"] == extreme


@pytest.mark.usefixtures("primed_queue")
@pytest.mark.parametrize("change", [{"activationPrice": "200"}, {"activationPrice": None}, {"persistSlots": 3}])
async def test_a_condition_that_it_has_left_behind_meanwhile_is_not_amended(
    engine: Engine, pool: asyncpg.Pool, change: dict[str, Any]
) -> None:
    await move(engine, "150")
    order = (await engine.place(**TRAILING | {"trigger": ACTIVATED}))["orderId"]
    await record(pool, SLOT, "170")
    async with pool.acquire() as watcher, watcher.transaction():
        await watcher.execute(trailing.BEGIN, FEED, SLOT, 4.0, 1, 2, 9)
        amending = asyncio.create_task(patch(engine, order, 1, trigger=change))
        await eventually(lambda: pool.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))
    assert (await amending)[0] == 412
    status, problem = await patch(engine, order, 1, trigger=change)
    assert (status, [error["pointer"] for error in problem["errors"]]) == (422, [f"/trigger/{next(iter(change))}"])
    assert (await patch(engine, order, 1, trigger={"trailBps": 4000}))[0] == 200


async def test_other_stops_fire_although_no_extreme_can_be_written(
    watched: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_failed", {})
    await watched.postgres.execute("ALTER TABLE watermarks ADD CONSTRAINT none CHECK (false) NOT VALID")
    try:
        trailing = (await watched.place(**TRAILING))["orderId"]
        stop = await watched.place(orderType="stop", trigger={"price": "145", "when": "below"})
        await move(watched, "144")
        assert [event["status"] for event in await stream(watched, stop)] == ["open", *HAPPY]
        assert (await watched.order(trailing))["status"] == "open"
    finally:
        await watched.postgres.execute("ALTER TABLE watermarks DROP CONSTRAINT none")
