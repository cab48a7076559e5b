"""The line in Redis: what is taken is out of the way, and whoever loses a worker does not lose a place."""

from uuid import UUID

import pytest
from redis.asyncio import Redis

from app.orders.orphans import Orphans
from app.orders.queue import STARTS, Line
from app.orders.scripts import pipelined
from tests.engine import Engine, eventually

FIRST, SECOND = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"


@pytest.fixture
def line(engine: Engine) -> Line:
    return Line(engine.redis, starts_per_minute=0)


async def put(redis: Redis, line: Line, waited: dict[str, float]) -> None:
    await pipelined(redis, lambda pipe: line.put(pipe, {order: -seconds for order, seconds in waited.items()}))


async def taken(line: Line, *, lock_seconds: float = 60) -> list[str]:
    return [job.id for job in (await line.take(1, token="worker", lock_seconds=lock_seconds)).jobs]


async def due_in(redis: Redis, order: str) -> float:
    score = await redis.zscore(STARTS, order)
    assert score is not None
    seconds, microseconds = await redis.time()
    return float(score / 1000 - seconds - microseconds / 1e6)


async def test_what_is_taken_stays_in_line_but_nobody_has_to_look_past_it(engine: Engine, line: Line) -> None:
    await put(engine.redis, line, {FIRST: 20, SECOND: 10})
    assert await taken(line) == [FIRST]
    assert 50 < await due_in(engine.redis, FIRST) <= 60
    await line.renew([FIRST], token="worker", lock_seconds=120)
    assert 110 < await due_in(engine.redis, FIRST) <= 120
    await line.renew([FIRST], token="somebody else", lock_seconds=600)
    assert await due_in(engine.redis, FIRST) <= 120
    assert (await line.depth()).oldest_seconds == pytest.approx(10, abs=5)  # the second has waited longest now


async def test_an_order_whose_worker_died_is_due_when_its_lock_runs_out(engine: Engine, line: Line) -> None:
    await put(engine.redis, line, {FIRST: 20})
    assert await taken(line, lock_seconds=0.2) == [FIRST]

    async def taken_again() -> bool:
        return await taken(line) == [FIRST]

    await eventually(taken_again)


async def test_an_order_that_is_put_in_line_again_gets_back_the_place_it_had(engine: Engine, line: Line) -> None:
    await put(engine.redis, line, {FIRST: 20, SECOND: 10})
    assert await taken(line) == [FIRST]
    await put(engine.redis, line, {FIRST: 20})
    assert 15 < -await due_in(engine.redis, FIRST) < 25
    assert await taken(line) == [SECOND]  # of the first, the lock is still held


async def test_a_first_lost_worker_costs_an_order_no_place(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    before = await engine.book.fetchval(
        """UPDATE orders SET status = 'routing', seq = 2, attempt = 1, claims = 1, fence = 1, look_at = now(),
                  lease_until = now() - interval '1 second', ready_at = now() - interval '1 hour' RETURNING ready_at"""
    )
    swept = await Orphans(engine.book).sweep(10)
    assert [one.id for one in swept.waiting] == [UUID(order)]
    assert await engine.book.fetchval("SELECT ready_at FROM orders") == before
    assert -3605 < swept.waiting[0].ready_in < -3595
