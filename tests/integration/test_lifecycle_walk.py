"""A random walk of the lifecycle, against the real book and beside a model of it that fits on a page.

Each step is one of the things that can happen to an order: a claim, a step of its owner, a step of somebody who lost
it, a lease that ends, a sweep, a cancel. After each step the row and the log must be what the model says.
"""

import asyncio
import random
import uuid
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.orders.lifecycle import CANCELLABLE, MOVES, TERMINAL, Status
from app.orders.model import ClaimRefused, IllegalCancel, LeaseLost, Move, Order, PlaceOrder, new_order_id
from app.orders.store.sweep import POISON_CLAIMS, SweepStore
from app.orders.store.writes import OrderStore
from app.postgres import open_postgres

STEPS = ("claim", "advance", "stale", "retry", "fail", "lapse", "sweep", "cancel", "give back")
ONWARD = {Status.ROUTING: Status.BUILDING, Status.BUILDING: Status.SUBMITTED, Status.SUBMITTED: Status.CONFIRMED}


@dataclass
class Model:
    """What an order should be."""

    status: Status = Status.PENDING
    seq: int = 1
    attempt: int = 0
    claims: int = 0
    leased: bool = False
    lost_worker: bool = False

    def to(self, after: Status, **changes: Any) -> "Model":
        assert after in MOVES[self.status]
        return replace(self, status=after, seq=self.seq + 1, **changes)


class Walk:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.postgres = OrderStore(pool, lease_seconds=60)
        self.orphans = SweepStore(pool)
        self.model = Model()
        self.order: Order | None = None  # as its present owner knows it
        self.former: Order | None = None  # as somebody knows it who has lost it
        self.id = new_order_id()

    async def place(self) -> None:
        await self.postgres.place(
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
                claimed = await self.postgres.claim(self.id, may_start=True)
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
            case "retry" if model.leased and self.order:
                await self.own(Status.PENDING, ready_in=0, code="tx_dropped", error="e")
                self.model = model.to(Status.PENDING, leased=False, claims=0)
            case "fail" if model.leased and self.order:
                await self.own(Status.FAILED, code="zero_output", error="e")
                self.model = model.to(Status.FAILED, leased=False)
            case "give back" if model.leased and model.status is Status.SUBMITTED and self.order:
                await self.own(Status.SUBMITTED, ready_in=0)
                self.model = replace(model, leased=False)
            case "stale" if self.former and self.former.status in ONWARD and await self.is_taken(self.former):
                with pytest.raises(LeaseLost):
                    await self.step(self.former, ONWARD[self.former.status])
            case "lapse":
                await self.pool.execute(
                    "UPDATE orders SET lease_until = now() - interval '1 s', look_at = now()"
                    " WHERE lease_until IS NOT NULL"
                )
                if model.leased:
                    self.former, self.order = self.order, None
                self.model = replace(model, leased=False)
            case "sweep":
                await self.pool.execute("UPDATE orders SET look_at = now() - interval '1 s'")
                await self.orphans.sweep(10)
                await self.pool.execute("UPDATE orders SET ready_at = now() WHERE ready_at > now()")
                if not model.leased and model.status in (Status.ROUTING, Status.BUILDING):
                    if model.claims >= POISON_CLAIMS:
                        self.model = model.to(Status.FAILED)
                    else:
                        self.model = model.to(Status.PENDING, lost_worker=True)
            case "cancel":
                if model.status in CANCELLABLE:
                    assert await self.postgres.cancel(self.id, "walk") is not None
                    self.former, self.order = self.order or self.former, None
                    self.model = model.to(Status.CANCELLED, leased=False)
                elif model.status is not Status.CANCELLED:
                    with pytest.raises(IllegalCancel):
                        await self.postgres.cancel(self.id, "walk")

    async def is_taken(self, known: Order) -> bool:
        """Somebody has raised the fence. A lease that only lapsed is still its owner's, until somebody does."""
        return bool(await self.pool.fetchval("SELECT fence > $2 FROM orders WHERE id = $1", self.id, known.fence))

    async def own(self, after: Status, **columns: Any) -> None:
        assert self.order is not None
        known = replace(self.order, status=self.model.status, seq=self.model.seq)
        await self.step(known, after, **columns)
        self.order = replace(known, status=after, seq=known.seq + (after is not known.status))
        if after in TERMINAL or "ready_in" in columns:
            self.former, self.order = self.order, None

    async def step(self, known: Order, after: Status, **columns: Any) -> None:
        seq = known.seq + (after is not known.status)
        move = Move(order=self.id, fence=known.fence, seq=seq, before=known.status, after=after, **columns)
        event = await self.postgres.advance(move)
        # The same step again, as after an answer that was lost: it landed, and is not made twice.
        assert await self.postgres.advance(move) == event

    async def agree(self) -> None:
        row = await self.pool.fetchrow("SELECT *, lease_until > now() AS leased FROM orders WHERE id = $1", self.id)
        log = await self.pool.fetch("SELECT seq, status FROM order_events WHERE order_id = $1 ORDER BY seq", self.id)
        model = self.model
        assert row is not None
        assert (row["status"], row["seq"], row["attempt"]) == (model.status, model.seq, model.attempt)
        assert (row["claims"], bool(row["leased"])) == (model.claims, model.leased)
        assert [event["seq"] for event in log] == list(range(1, model.seq + 1))
        assert log[-1]["status"] == model.status


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=False)
@given(steps=st.lists(st.sampled_from(STEPS), min_size=5, max_size=40))
def test_whatever_happens_to_an_order_the_book_and_the_model_agree(steps: list[str], walking: "Walking") -> None:
    walking.run(steps)


class Walking:
    """One loop and one pool for all walks of a run."""

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
def walking(walk_dsn: str) -> Any:
    made = Walking(walk_dsn)
    yield made
    made.end()


@pytest.fixture
async def walk_dsn(postgres_dsn: str) -> str:
    return postgres_dsn


def test_a_poisonous_order_is_swept_to_its_end(walking: Walking) -> None:
    walking.run(["claim", "lapse", "sweep"] * (POISON_CLAIMS + 1))


def test_every_pair_of_statuses_is_allowed_by_the_database_exactly_if_the_lifecycle_knows_it(walking: Walking) -> None:
    async def try_all() -> dict[tuple[Status, Status], bool]:
        allowed = {}
        for before in Status:
            for after in Status:
                await walking.pool.execute("TRUNCATE orders CASCADE")
                await walking.pool.execute(
                    """INSERT INTO orders (id, owner, type, token_in, token_out, amount_in, slippage_bps, fingerprint,
                              request_id, status, seq, ready_at, look_at, created_at, updated_at, tx_hash, amount_out)
                       VALUES ($1, '', 'market', 'SOL', 'USDC', 1, 0, '', '', $2, 1, now(), now(), now(), now(), '',
                               1)""",
                    uuid.UUID(int=random.getrandbits(128)),
                    before,
                )
                try:
                    await walking.pool.execute("UPDATE orders SET status = $1", after)
                    allowed[before, after] = True
                except asyncpg.CheckViolationError:
                    allowed[before, after] = False
        return allowed

    for (before, after), allowed in walking.runner.run(try_all()).items():
        assert allowed == (before is after or after in MOVES[before]), (before, after)
