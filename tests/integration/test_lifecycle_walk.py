"""A random walk through the lifecycle, in the database and in a small model of it.

A step is a claim, a move of the owner, a move of a worker that lost the order, an expired lease, a sweep, or a cancel.
After each step the row and the event log must agree with the model.
"""

import asyncio
import math
import random
import uuid
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.orders.lifecycle import AT_ONCE, CANCELLABLE, MOVES, TERMINAL, Status
from app.orders.model import IllegalCancel, LeaseLost, Order, PlaceOrder, new_order_id
from app.orders.steps import ClaimRefused, Move
from app.orders.store.sweep import POISON_CLAIMS, SweepStore
from app.orders.store.writes import OrderStore
from app.postgres.pools import open_postgres

STEPS = ("claim", "advance", "both", "stale", "retry", "fail", "expire", "sweep", "cancel", "release")
ONWARD = {Status.ROUTING: Status.BUILDING, Status.BUILDING: Status.SUBMITTED, Status.SUBMITTED: Status.CONFIRMED}


@dataclass
class Model:
    """The expected state of the order."""

    status: Status = Status.PENDING
    seq: int = 1
    attempt: int = 0
    claims: int = 0
    leased: bool = False
    lost_worker: bool = False
    cancel_requested: bool = False

    def to(self, after: Status, **changes: Any) -> "Model":
        assert after in MOVES[self.status]
        return replace(self, status=after, seq=self.seq + 1, **changes)


class Walk:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.store = OrderStore(pool, lease_seconds=60)
        self.sweeps = SweepStore(pool)
        self.model = Model()
        self.order: Order | None = None  # as its owner knows it
        self.former: Order | None = None  # as a worker knows it that has lost it
        self.id = new_order_id()

    async def place(self) -> None:
        await self.store.place(
            PlaceOrder(
                id=self.id,
                owner="walk",
                type="market",
                token_in="SOL",
                token_out="USDC",
                amount_in=1,
                slippage_bps=50,
                fingerprint=b"",
                request_id="walk",
            )
        )

    async def take(self, step: str) -> None:
        model = self.model
        match step:
            case "claim":
                claimed = await self.store.claim(self.id, start_by=math.inf)
                if model.leased or model.status not in (Status.PENDING, Status.SUBMITTED):
                    assert isinstance(claimed, ClaimRefused)
                    return
                assert isinstance(claimed, Order)
                self.former, self.order = self.order or self.former, claimed
                self.model = replace(model, leased=True)
                if model.status is Status.PENDING:
                    attempt = model.attempt + (not model.lost_worker)
                    self.model = self.model.to(Status.ROUTING, attempt=attempt, claims=model.claims + 1)
                    self.model.lost_worker = False
            case "advance" if model.leased and self.order:
                after = ONWARD[model.status]
                fill = {"tx_hash": "t", "amount_out": 1} if after is Status.CONFIRMED else {}
                await self.own(after, **fill)
                claims = 0 if after is Status.SUBMITTED else model.claims
                self.model = model.to(after, leased=after not in TERMINAL, claims=claims)
            case "both" if model.leased and self.order and model.status is Status.ROUTING:
                await self.own(Status.SUBMITTED, building={"dex": "raydium"})
                self.model = model.to(Status.BUILDING).to(Status.SUBMITTED, claims=0)
            case "retry" if model.leased and self.order:
                await self.own(Status.PENDING, ready_in=0, code="tx_dropped", error="e")
                after = Status.CANCELLED if model.cancel_requested else Status.PENDING
                self.model = model.to(after, leased=False, claims=0)
            case "fail" if model.leased and self.order:
                await self.own(Status.FAILED, code="zero_output", error="e")
                self.model = model.to(Status.CANCELLED if model.cancel_requested else Status.FAILED, leased=False)
            case "release" if model.leased and model.status is Status.SUBMITTED and self.order:
                await self.own(Status.SUBMITTED, ready_in=0)
                self.model = replace(model, leased=False)
            case "stale" if self.former and self.former.status in ONWARD and await self.was_claimed(self.former):
                with pytest.raises(LeaseLost):
                    await self.step(self.former, ONWARD[self.former.status])
            case "expire":
                await self.pool.execute(
                    "UPDATE orders SET lease_until = now() - interval '1 s', look_at = now()"
                    " WHERE lease_until IS NOT NULL"
                )
                if model.leased:
                    self.former, self.order = self.order, None
                self.model = replace(model, leased=False)
            case "sweep":
                await self.pool.execute("UPDATE orders SET look_at = now() - interval '1 s'")
                await self.sweeps.sweep(10)
                await self.pool.execute("UPDATE orders SET ready_at = now() WHERE ready_at > now()")
                if not model.leased and model.status in (Status.ROUTING, Status.BUILDING):
                    if model.claims >= POISON_CLAIMS:
                        self.model = model.to(Status.FAILED)
                    else:
                        self.model = model.to(Status.PENDING, lost_worker=True)
            case "cancel":
                if model.status in CANCELLABLE:
                    assert await self.store.cancel(self.id, "walk") is not None
                    self.former, self.order = self.order or self.former, None
                    self.model = model.to(Status.CANCELLED, leased=False)
                elif model.status is Status.SUBMITTED:  # once its swap is proven dead
                    assert await self.store.cancel(self.id, "walk") is not None
                    self.model = replace(model, cancel_requested=True)
                elif model.status is not Status.CANCELLED:
                    with pytest.raises(IllegalCancel):
                        await self.store.cancel(self.id, "walk")

    async def was_claimed(self, known: Order) -> bool:
        """Whether the fence was changed. An expired lease still belongs to its owner until then."""
        return bool(await self.pool.fetchval("SELECT fence <> $2 FROM orders WHERE id = $1", self.id, known.fence))

    async def own(self, after: Status, **columns: Any) -> None:
        assert self.order is not None
        known = replace(self.order, status=self.model.status, seq=self.model.seq)
        await self.step(known, after, **columns)
        self.order = replace(known, status=after, seq=seq_after(known, after, columns))
        if after in TERMINAL or "ready_in" in columns:
            self.former, self.order = self.order, None

    async def step(self, known: Order, after: Status, **columns: Any) -> None:
        seq = seq_after(known, after, columns)
        move = Move(order=self.id, fence=known.fence, seq=seq, before=known.status, after=after, **columns)
        event = await self.store.advance(move)
        # The same move again, as after a lost answer: it is recognized and not made twice.
        assert await self.store.advance(move) == event

    async def agree(self) -> None:
        row = await self.pool.fetchrow("SELECT *, lease_until > now() AS leased FROM orders WHERE id = $1", self.id)
        log = await self.pool.fetch("SELECT seq, status FROM order_events WHERE order_id = $1 ORDER BY seq", self.id)
        model = self.model
        assert row is not None
        assert (row["status"], row["seq"], row["attempt"]) == (model.status, model.seq, model.attempt)
        assert (row["claims"], bool(row["leased"])) == (model.claims, model.leased)
        assert [event["seq"] for event in log] == list(range(1, model.seq + 1))
        assert log[-1]["status"] == model.status


def seq_after(known: Order, after: Status, columns: dict[str, Any]) -> int:
    return known.seq + (after is not known.status) + ("building" in columns)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=False)
@given(steps=st.lists(st.sampled_from(STEPS), min_size=5, max_size=40))
def test_after_any_steps_the_database_and_the_model_agree(steps: list[str], walks: "Walks") -> None:
    walks.run(steps)


class Walks:
    """One event loop and one pool for all walks of a test."""

    def __init__(self, dsn: str) -> None:
        self.runner = asyncio.Runner()
        self.postgres = self.runner.run(open_postgres(dsn, size=4))
        self.pool = self.postgres.writing

    def run(self, steps: list[str]) -> None:
        self.runner.run(self._walk(steps))

    async def _walk(self, steps: list[str]) -> None:
        await self.pool.execute("TRUNCATE orders CASCADE")
        walk = Walk(self.pool)
        await walk.place()
        for step in steps:
            await walk.take(step)
            await walk.agree()

    def end(self) -> None:
        self.runner.run(self.postgres.close())
        self.runner.close()


@pytest.fixture
def walks(walk_dsn: str) -> Any:
    made = Walks(walk_dsn)
    yield made
    made.end()


@pytest.fixture
async def walk_dsn(postgres_dsn: str) -> str:
    return postgres_dsn


def test_an_order_that_keeps_killing_workers_is_failed_by_the_sweeper(walks: Walks) -> None:
    walks.run(["claim", "expire", "sweep"] * (POISON_CLAIMS + 1))


def test_the_database_allows_exactly_the_moves_of_the_lifecycle(walks: Walks) -> None:
    async def try_all() -> dict[tuple[Status, Status], bool]:
        allowed = {}
        for before in Status:
            for after in Status:
                await walks.pool.execute("TRUNCATE orders CASCADE")
                await walks.pool.execute(
                    """INSERT INTO orders (id, owner, type, token_in, token_out, amount_in, slippage_bps, fingerprint,
                              request_id, status, seq, ready_at, look_at, created_at, updated_at, tx_hash, amount_out)
                       VALUES ($1, '', 'market', 'SOL', 'USDC', 1, 0, '', '', $2, 1, now(), now(), now(), now(), '',
                               1)""",
                    uuid.UUID(int=random.getrandbits(128)),
                    before,
                )
                try:
                    await walks.pool.execute("UPDATE orders SET status = $1", after)
                    allowed[before, after] = True
                except asyncpg.CheckViolationError:
                    allowed[before, after] = False
        return allowed

    for (before, after), allowed in walks.runner.run(try_all()).items():
        legal = before is after or after in MOVES[before] or (before, after) == AT_ONCE
        assert allowed == legal, (before, after)
