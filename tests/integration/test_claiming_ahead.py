"""The statement that ends an order may claim the next one: under the same rules as any claim, or not at all."""

import asyncio
import math
import signal
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest

import worker.arq_worker
from app.orders.lifecycle import Status
from app.orders.model import LeaseLost, Order, OrderEvent
from app.orders.queue.start_limit import StartLimit
from app.orders.steps import Claim, Move
from app.orders.store.writes import Moved, OrderStore
from app.postgres import DatabaseUnavailable
from tests.engine import Engine, eventually
from tests.fakes import After, ScriptedChain, ScriptedVenue
from tests.integration.test_start_limit import max_at_once

PRICE = 200_000_000
QUICK: dict[str, Any] = {
    "queue_max_per_min": 0,
    "mock_quote_ms": 0,
    "mock_execution_ms_min": 0,
    "mock_execution_ms_max": 0,
}


@pytest.fixture
def always_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is."""
    monkeypatch.setattr(worker.arq_worker, "AHEAD_SECONDS", math.inf)


@pytest.fixture
def combined(monkeypatch: pytest.MonkeyPatch) -> list[Moved]:
    """The results of all writes that ended an order and were to claim another one."""
    seen: list[Moved] = []
    write = OrderStore.advance_and_claim

    async def noted(store: OrderStore, move: Move, claim: Claim) -> Moved:
        seen.append(moved := await write(store, move, claim))
        return moved

    monkeypatch.setattr(OrderStore, "advance_and_claim", noted)
    return seen


async def ending(engine: Engine, store: OrderStore) -> Move:
    """The last move of an order that was claimed."""
    order = await store.claim(UUID((await engine.place())["orderId"]), start_by=math.inf)
    assert isinstance(order, Order)
    return Move(
        order=order.id,
        fence=order.fence,
        seq=order.seq + 1,
        before=Status.ROUTING,
        after=Status.FAILED,
        code="no_route",
    )


async def all_confirmed(engine: Engine) -> bool:
    return bool(await engine.postgres.fetchval("SELECT bool_and(status = 'confirmed') FROM orders"))


async def test_one_order_ends_at_the_moment_in_which_the_next_one_starts(engine: Engine) -> None:
    store = OrderStore(engine.postgres)
    move, following = await ending(engine, store), UUID((await engine.place())["orderId"])
    event, claimed = await store.advance_and_claim(move, Claim(following, math.inf))
    assert isinstance(event, OrderEvent)
    assert claimed is not None
    assert (claimed.id, claimed.status, claimed.attempt) == (following, "routing", 1)
    assert claimed.updated_at == event.at
    logged = "SELECT status, at FROM order_events WHERE order_id = $1 ORDER BY seq"
    assert [row["status"] for row in await engine.postgres.fetch(logged, following)] == ["pending", "routing"]
    # Its answer was lost, and it is repeated: nothing happens twice, and nobody gets the order a second time.
    assert await store.advance_and_claim(move, Claim(following, math.inf)) == (event, None)
    assert len(await engine.postgres.fetch(logged, following)) == 2


@pytest.mark.parametrize("refusal", ["halted", "too late", "locked", "waits for a check"])
async def test_the_end_of_an_order_does_not_depend_on_the_claim(
    engine: Engine, postgres_dsn: str, refusal: str
) -> None:
    store = OrderStore(engine.postgres)
    move, following = await ending(engine, store), UUID((await engine.place())["orderId"])
    if refusal == "halted":
        await engine.http.put("/api/kill-switch", json={"state": "halted", "reason": "test"})
    start_by = {"too late": time.monotonic() - 0.001, "waits for a check": -math.inf}.get(refusal, math.inf)
    locker = await asyncpg.connect(postgres_dsn)
    async with locker.transaction():
        if refusal == "locked":
            await locker.execute("SELECT FROM orders WHERE id = $1 FOR UPDATE", following)
        event, claimed = await store.advance_and_claim(move, Claim(following, start_by))
    await locker.close()
    assert isinstance(event, OrderEvent)
    assert (event.status, claimed) == (Status.FAILED, None)
    assert (await engine.order(str(following)))["status"] == "pending"


async def test_an_order_that_is_claimed_twice_at_once_is_given_to_one(engine: Engine) -> None:
    store = OrderStore(engine.postgres)
    moves = [await ending(engine, store) for _ in range(3)]
    following = UUID((await engine.place())["orderId"])
    results = await asyncio.gather(*(store.advance_and_claim(move, Claim(following, math.inf)) for move in moves))
    assert sum(claimed is not None for _, claimed in results) == 1


async def test_an_order_that_ends_in_the_same_statement_is_not_claimed_by_it(engine: Engine) -> None:
    store = OrderStore(engine.postgres)
    move = await ending(engine, store)
    await engine.postgres.execute("UPDATE orders SET lease_until = now() - interval '1 second'")
    event, claimed = await store.advance_and_claim(move, Claim(move.order, math.inf))
    assert isinstance(event, OrderEvent)
    assert claimed is None


async def test_a_lost_lease_does_not_lose_the_order_that_was_claimed(engine: Engine) -> None:
    store = OrderStore(engine.postgres)
    move, following = await ending(engine, store), UUID((await engine.place())["orderId"])
    await engine.postgres.execute("UPDATE orders SET fence = fence + 1 WHERE id = $1", move.order)
    event, claimed = await store.advance_and_claim(move, Claim(following, math.inf))
    assert isinstance(event, LeaseLost)
    assert claimed is not None


@pytest.mark.usefixtures("always_ahead")
async def test_at_most_ten_run_at_once_when_orders_are_claimed_with_the_end_of_others(
    engine: Engine, combined: list[Moved]
) -> None:
    await asyncio.gather(*(engine.place() for _ in range(60)))
    await engine.start_worker(**QUICK)
    await eventually(lambda: all_confirmed(engine))
    assert sum(claimed is not None for _, claimed in combined) >= 20
    ran = await engine.postgres.fetch(
        """SELECT s.at AS began, e.at AS ended FROM order_events s JOIN order_events e USING (order_id)
            WHERE s.status = 'routing' AND e.status = 'confirmed'"""
    )
    assert max_at_once([(row["began"], row["ended"]) for row in ran]) == 10
    assert await engine.postgres.fetchval("SELECT max(attempt) FROM orders") == 1


@pytest.mark.usefixtures("always_ahead")
@pytest.mark.parametrize("committed", [True, False])
async def test_a_write_whose_answer_was_lost_is_repeated_without_the_claim(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    write, lost = OrderStore.advance_and_claim, 0

    async def unanswered(store: OrderStore, move: Move, claim: Claim) -> Moved:
        nonlocal lost
        if lost == 3:
            return await write(store, move, claim)
        lost += 1
        if committed:
            await write(store, move, claim)
        raise DatabaseUnavailable

    monkeypatch.setattr(OrderStore, "advance_and_claim", unanswered)
    await asyncio.gather(*(engine.place() for _ in range(40)))
    await engine.start_worker(**QUICK, lease_seconds=0.5)
    await eventually(lambda: all_confirmed(engine))
    assert lost == 3
    # What was claimed and not known was given back by the sweeper. Everything else happened once.
    counts = "SELECT count(*) FILTER (WHERE status = $1) FROM order_events GROUP BY order_id"
    assert {row["count"] for row in await engine.postgres.fetch(counts, "confirmed")} == {1}
    started_twice = [row["count"] for row in await engine.postgres.fetch(counts, "routing")].count(2)
    assert started_twice == (3 if committed else 0)


@pytest.mark.usefixtures("always_ahead")
async def test_with_a_limit_no_start_is_taken_ahead(engine: Engine, combined: list[Moved]) -> None:
    await asyncio.gather(*(engine.place() for _ in range(40)))
    await engine.start_worker(**QUICK, start_limit=StartLimit(1_000))
    await eventually(lambda: all_confirmed(engine))
    assert combined == []


async def test_while_orders_take_long_none_is_taken_ahead(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker.arq_worker, "AHEAD_SECONDS", 0.0)
    ahead: list[int] = []
    run: Callable[..., None] = worker.arq_worker.ArqWorker._start_jobs

    def noted(started: worker.arq_worker.ArqWorker) -> None:
        run(started)
        ahead.append(len(started._ahead))

    monkeypatch.setattr(worker.arq_worker.ArqWorker, "_start_jobs", noted)
    await asyncio.gather(*(engine.place() for _ in range(30)))
    await engine.start_worker(**QUICK)
    await eventually(lambda: all_confirmed(engine))
    assert set(ahead) == {0}


@pytest.mark.usefixtures("always_ahead")
async def test_a_worker_that_stops_gives_back_what_it_took_ahead(engine: Engine) -> None:
    go = asyncio.Event()
    venue = ScriptedVenue("raydium", [PRICE] * 20 + [After(go, PRICE)] * 10)
    orders = [(await engine.place())["orderId"] for _ in range(40)]
    stopping = await engine.start_worker(**QUICK, venues=[venue], chain=ScriptedChain([PRICE]))

    async def ten_are_ahead() -> bool:
        return len(stopping._ahead) == 10 and len(venue.asked) == 30

    await eventually(ten_are_ahead)
    locks = [f"arq:in-progress:{order}" for order in orders]
    assert await engine.redis.exists(*locks) == 20
    stopping.handle_sig_wait_for_completion(signal.SIGTERM)
    go.set()
    await engine.stop_worker(stopping)
    statuses = [(await engine.order(order))["status"] for order in orders]
    assert (statuses.count("confirmed"), statuses.count("pending")) == (30, 10)
    assert await engine.redis.exists(*locks) == 0
    await engine.start_worker(**QUICK)
    await eventually(lambda: all_confirmed(engine))
