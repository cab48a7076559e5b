"""Snipers: orders that wait until a token is traded, and buy it at their price or better."""

from collections.abc import AsyncIterator
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.dex.markets import address
from app.orders.queue.lanes import queue_entry
from app.orders.queue.order_queue import OrderQueue
from app.orders.queue.start_limit import StartLimit
from app.orders.waiting.lost import LostTriggers
from app.orders.waiting.snipes import Decided, SnipeStore
from app.orders.waiting.triggers import Backlog, Moved
from app.postgres.pools import open_postgres
from app.redis_scripts import pipelined
from app.watcher import snipers
from app.watcher.main import watcher
from tests.engine import HAPPY, Engine, eventually
from tests.integration.test_changing_orders import patch
from tests.integration.test_launches import launch
from tests.integration.test_waiting_orders import trigger_rows

pytestmark = pytest.mark.usefixtures("primed_queue")

MINT = address("mint/WIF")
TRIGGER: dict[str, Any] = {"event": "pool_created"}
SNIPER: dict[str, Any] = {
    "orderType": "sniper",
    "tokenIn": "SOL",
    "tokenOut": MINT,
    "amount": "0.5",
    "limitPrice": "500",
    "trigger": TRIGGER,
}


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[SnipeStore]:
    postgres = await open_postgres(engine.settings.postgres_dsn or "", size=10)
    yield SnipeStore(postgres.writing, max_age=4.0)
    await postgres.close()


async def place(engine: Engine, **fields: Any) -> str:
    return str((await engine.place(**SNIPER | fields))["orderId"])


async def has_status(engine: Engine, order: str, *statuses: str) -> bool:
    return (await engine.order(order))["status"] in statuses


async def statuses(engine: Engine, order: str) -> list[str]:
    return [event["status"] for event in (await engine.order(order))["events"]]


async def fire(store: SnipeStore, depths: dict[str, int], *, floor: int = 1, price: str | None = "600") -> list[Moved]:
    """What a watcher does that is asked for a quote at once."""
    page = await store.met(depths, 100, tokens_in=["SOL"])
    decided = [Decided(snipe=one, floor=floor, symbol="WIF", price=price, venue="raydium") for one in page]
    if not page:
        return []
    if price is None:
        return await store.wait_for_price(decided)
    return await store.fire(decided, 7, page[0].now, backlog=Backlog(0, 100))


async def test_a_sniper_buys_a_token_that_was_not_traded_as_soon_as_it_is_launched(engine: Engine) -> None:
    await engine.start_worker()
    placed = await engine.place(**SNIPER)
    assert (placed["status"], placed["trigger"]["event"], placed["trigger"]["mint"]) == ("open", "pool_created", MINT)
    waiting = await engine.order(placed["orderId"])
    assert (waiting["tokenOut"], waiting["limitPrice"], waiting["minAmountOut"]) == (MINT, "500", None)
    async with watcher(engine.settings):
        await launch(engine)
        stream = await engine.read_stream(placed["orderId"])
    assert stream.statuses == ["open", *HAPPY]
    fired = stream.events[1]
    assert (fired["tokenOut"], fired["trigger"]["level"], fired["trigger"]["source"]) == ("WIF", "500", "raydium")
    assert 500 <= float(fired["trigger"]["price"]) < 700
    bought = await engine.order(placed["orderId"])
    assert (bought["tokenOut"], bought["dex"]) == ("WIF", "raydium")
    assert 250 <= float(bought["amountOut"]) < 350
    assert await engine.postgres.fetchval("SELECT limit_out FROM orders") == 250_000_000


async def test_several_watchers_fire_each_sniper_once(engine: Engine) -> None:
    orders = [await place(engine, clientOrderId=str(n)) for n in range(12)]
    async with watcher(engine.settings), watcher(engine.settings), watcher(engine.settings):
        await launch(engine)
        for order in orders:
            await eventually(partial(has_status, engine, order, "pending"))
    fired = "SELECT count(*), count(DISTINCT order_id) FROM order_events WHERE status = 'pending'"
    assert tuple(await engine.postgres.fetchrow(fired) or ()) == (12, 12)


async def test_a_sniper_whose_price_is_not_met_at_the_launch_waits_for_it(engine: Engine) -> None:
    await engine.start_worker()
    order = await place(engine, limitPrice="700")
    async with watcher(engine.settings):
        await launch(engine)
        await eventually(partial(has_event, engine, order, "launched"))
        [row] = await trigger_rows(engine)
        assert (row["feed"], row["op"], row["level"], row["persist"]) == ("SOL/WIF", "ge", Decimal(700), 0)
        assert (await engine.order(order))["tokenOut"] == "WIF"
        move = {"tokenIn": "SOL", "tokenOut": "WIF", "price": "750"}
        assert (await engine.http.post("/api/simulate/market", json=move)).status_code == 200
        assert (await engine.read_stream(order)).statuses == ["open", "open", *HAPPY]
    assert float((await engine.order(order))["executedPrice"]) >= 700


async def test_many_snipers_of_one_owner_do_not_hold_up_that_of_another(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snipers, "MAX_QUOTES", 2)
    for _ in range(8):
        await place(engine, limitPrice="90000000")
    for table in ("orders", "triggers"):
        await engine.postgres.execute(f"UPDATE {table} SET owner = 'mallory'")
    bob = await place(engine, trigger=TRIGGER | {"minDepthUsd": 1_000})
    async with watcher(engine.settings):
        await launch(engine)
        await eventually(partial(has_status, engine, bob, "pending"))
    before = await engine.postgres.fetchval(
        "SELECT count(*) FROM order_events WHERE details ->> 'code' = 'launched' AND at <"
        " (SELECT min(at) FROM order_events WHERE order_id = $1 AND status = 'pending')",
        UUID(bob),
    )
    assert before <= 2


async def has_event(engine: Engine, order: str, code: str) -> bool:
    return any(event.get("code") == code for event in (await engine.order(order))["events"])


async def test_a_sniper_that_comes_after_the_launch_fires_at_once(engine: Engine) -> None:
    await launch(engine)
    async with watcher(engine.settings):
        for name in (MINT, "WIF"):
            order = await place(engine, tokenOut=name)
            await eventually(partial(has_status, engine, order, "pending"))


async def test_only_pools_of_the_venue_count_and_only_once_they_are_deep_enough(engine: Engine) -> None:
    any_pool = await place(engine, trigger=TRIGGER | {"minDepthUsd": "50000"})
    on_meteora = await place(engine, trigger=TRIGGER | {"venue": "meteora"})
    deep = await place(engine, trigger={"event": "liquidity", "minDepthUsd": "50000.01"})
    deeper = await place(engine, trigger={"event": "liquidity", "minDepthUsd": "100001"})
    async with watcher(engine.settings):
        await launch(engine)
        await eventually(partial(has_status, engine, any_pool, "pending"))
        assert [await has_status(engine, one, "open") for one in (on_meteora, deep, deeper)] == [True] * 3
        await launch(engine, venue="meteora")
        for order in (on_meteora, deep):
            await eventually(partial(has_status, engine, order, "pending"))
    assert await statuses(engine, deeper) == ["open"]


async def test_the_kill_switch_holds_snipers(engine: Engine, store: SnipeStore) -> None:
    await place(engine)
    [snipe] = await store.met({MINT: 1}, 100, tokens_in=["SOL"])
    for state in ("reducing", "halted"):
        await engine.postgres.execute("DELETE FROM trading_states")
        await engine.postgres.execute("INSERT INTO trading_states VALUES ('local', $1, 'test', 'test', now())", state)
        assert await store.met({MINT: 1}, 100, tokens_in=["SOL"]) == []
        found = Decided(snipe=snipe, floor=1, symbol="WIF", price="600", venue="raydium")
        assert await store.fire([found], 7, snipe.now, backlog=Backlog(0, 0)) == []
    await engine.postgres.execute("DELETE FROM trading_states")
    assert len(await fire(store, {MINT: 1})) == 1


async def test_an_order_that_was_amended_after_its_quote_does_not_fire_on_it(engine: Engine, store: SnipeStore) -> None:
    order = await place(engine)
    [snipe] = await store.met({MINT: 1}, 100, tokens_in=["SOL"])
    old = Decided(snipe=snipe, floor=250_000_000, symbol="WIF", price="550", venue="raydium")
    assert (await patch(engine, order, 1, limitPrice="600"))[0] == 200
    assert await store.fire([old], 7, snipe.now, backlog=Backlog(0, 0)) == []
    assert await store.wait_for_price([old]) == []
    moved = await fire(store, {MINT: 1}, floor=300_000_000)
    assert [str(one.event.order_id) for one in moved] == [order]
    assert await engine.postgres.fetchval("SELECT limit_out FROM orders") == 300_000_000


async def test_a_quote_of_a_watcher_that_was_frozen_fires_nothing(engine: Engine, store: SnipeStore) -> None:
    await place(engine)
    [snipe] = await store.met({MINT: 1}, 100, tokens_in=["SOL"])
    found = Decided(snipe=snipe, floor=1, symbol="WIF", price="600", venue="raydium")
    then = await engine.postgres.fetchval("SELECT now() - interval '5 seconds'")
    assert await store.fire([found], 7, then, backlog=Backlog(0, 0)) == []


async def test_what_it_waits_for_can_be_amended_until_the_launch_and_its_price_after_it(
    engine: Engine, store: SnipeStore
) -> None:
    order = await place(engine)
    status, amended = await patch(engine, order, 1, trigger={"venue": "meteora", "minDepthUsd": "30000"})
    assert (status, amended["trigger"]["venue"], amended["trigger"]["event"]) == (200, "meteora", "pool_created")
    assert [(row["feed"], row["level"]) for row in await trigger_rows(engine)] == [(f"{MINT}@meteora", 30_000)]
    await launch(engine)
    await fire(store, {f"{MINT}@meteora": 30_000}, price=None)
    assert (await patch(engine, order, 3, trigger={"venue": "raydium"}))[1]["errors"][0]["pointer"] == "/trigger"
    assert (await patch(engine, order, 3, limitPrice="800"))[0] == 200
    [row] = await trigger_rows(engine)
    assert (row["feed"], row["op"], row["level"]) == ("SOL/WIF", "ge", Decimal(800))
    assert await engine.postgres.fetchval("SELECT limit_out FROM orders") == 400_000_000


async def test_a_worker_that_has_not_heard_of_the_launch_lets_the_order_wait_for_its_price(
    engine: Engine, store: SnipeStore
) -> None:
    await engine.start_worker()
    order = await place(engine)
    [moved] = await fire(store, {MINT: 1}, floor=250_000_000)
    entry = queue_entry(order, moved.type, moved.owner)
    await pipelined(engine.redis, lambda pipe: OrderQueue(engine.redis, StartLimit(100)).enqueue_new(pipe, [entry]))
    await eventually(partial(has_event, engine, order, "rearmed"))
    [row] = await trigger_rows(engine)
    assert (row["feed"], row["op"], row["level"]) == ("SOL/WIF", "ge", Decimal(500))
    async with watcher(engine.settings):
        await launch(engine)
        assert (await engine.read_stream(order)).statuses[-1] == "confirmed"


async def test_it_expires_and_is_cancelled_like_the_others(engine: Engine, store: SnipeStore) -> None:
    late, other, third = [await place(engine, clientOrderId=str(n)) for n in range(3)]
    await engine.postgres.execute("UPDATE orders SET expires_at = now() WHERE id = $1", UUID(late))
    assert len(await store.met({MINT: 1}, 100, tokens_in=["SOL"])) == 2
    assert (await engine.http.post(f"/api/orders/{other}/cancel")).json()["status"] == "cancelled"
    assert (await engine.http.post("/api/orders/cancel-all", json={"tokenOut": MINT})).json() == {"cancelled": 2}
    assert await trigger_rows(engine) == []
    listed = (await engine.http.get("/api/orders", params={"tokenOut": MINT})).json()["orders"]
    assert {one["orderId"] for one in listed} == {late, other, third}


async def test_a_lost_trigger_is_written_again(engine: Engine, store: SnipeStore) -> None:
    await place(engine)
    [before] = await trigger_rows(engine)
    await engine.postgres.execute("DELETE FROM triggers")
    pool = await asyncpg.create_pool(engine.settings.postgres_dsn, min_size=0, max_size=1)
    await LostTriggers(pool).mend()
    await pool.close()
    [again] = await trigger_rows(engine)
    assert again == before | {"since": again["since"]}
