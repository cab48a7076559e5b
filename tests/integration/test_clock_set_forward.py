"""Redis's clock jumps forward, while real time and the other clocks go on as before: the start limit holds.

Only Redis's clock is replaced: its scripts add a number of seconds that the test sets.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

import pytest

from app.orders.queue import order_queue
from app.orders.queue.order_queue import CLOCK, WINDOW, OrderQueue
from app.orders.queue.start_limit import StartLimit
from app.redis_scripts import Script, pipelined
from tests.engine import Engine, eventually, max_in_window

LIMIT = StartLimit(4)
AHEAD = "test:ahead"
SHIFTED_CLOCK = f"""
local real = redis
local redis = {{pcall = real.pcall}}
function redis.call(command, ...)
  if command ~= 'TIME' then return real.call(command, ...) end
  local clock = real.call('TIME')
  return {{tostring(clock[1] + (real.call('GET', '{AHEAD}') or 0)), clock[2]}}
end
"""

Jump = Callable[[int], Awaitable[None]]


@pytest.fixture
async def jump(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Jump:
    for script in [one for one in vars(order_queue).values() if isinstance(one, Script)]:
        text = SHIFTED_CLOCK + script.text
        monkeypatch.setattr(script, "text", text)
        monkeypatch.setattr(script, "digest", hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())
    ahead = 0

    async def by(seconds: int) -> None:
        nonlocal ahead
        ahead += seconds
        await engine.redis.set(AHEAD, ahead)

    return by


async def enqueue(engine: Engine, orders: int) -> None:
    queue = OrderQueue(engine.redis, LIMIT)
    due = {f"00000000-0000-7000-8000-{n:012}:2:local": -3600.0 for n in range(orders)}
    await pipelined(engine.redis, lambda pipe: queue.enqueue(pipe, due))


async def starts(queue: OrderQueue, want: int = 10) -> int:
    return len((await queue.take(want, token="worker", lock_seconds=3600)).jobs)


async def test_no_window_has_more_starts_than_the_limit(engine: Engine, jump: Jump) -> None:
    limit = StartLimit(10, window_ms=3_000)
    for _ in range(2):
        await engine.start_worker(start_limit=limit)
    await asyncio.gather(*(engine.place() for _ in range(20)))

    async def started(count: int) -> bool:
        return len(await engine.starts()) == count

    await eventually(lambda: started(10))
    await jump(61)
    await eventually(lambda: started(20))
    assert max_in_window(await engine.starts(), 2.0) == 10


@pytest.mark.parametrize("seconds", [1, 61, 86_400])
async def test_grants_keep_the_age_that_they_had_before_the_jump(engine: Engine, jump: Jump, seconds: int) -> None:
    worker, new_worker = OrderQueue(engine.redis, LIMIT), OrderQueue(engine.redis, LIMIT)
    await enqueue(engine, 20)
    assert await starts(worker) == 4
    await jump(seconds)
    assert await starts(new_worker) == 0
    assert await starts(worker) == 0
    taken = await worker.take(1, token="worker", lock_seconds=1)
    assert 60 < taken.next_start_in <= 61.1


async def test_a_new_worker_alone_notices_the_jump(engine: Engine, jump: Jump) -> None:
    await enqueue(engine, 20)
    assert await starts(OrderQueue(engine.redis, LIMIT)) == 4
    await jump(3600)
    new_worker = OrderQueue(engine.redis, LIMIT)
    assert [await starts(new_worker) for _ in range(3)] == [0, 0, 0]


async def test_a_clock_that_was_set_back_and_is_set_right_while_a_worker_is_busy(engine: Engine, jump: Jump) -> None:
    busy, worker = OrderQueue(engine.redis, LIMIT), OrderQueue(engine.redis, LIMIT)
    await enqueue(engine, 20)
    assert await starts(busy, 1) == 1
    assert await starts(worker, 1) == 1
    await jump(-600)
    assert await starts(worker, 1) == 1
    await jump(600)
    assert await starts(busy) == 1
    assert await starts(worker) == 0


async def test_time_in_which_no_worker_looked_counts_if_a_worker_has_measured_it(engine: Engine) -> None:
    limit = StartLimit(4, window_ms=300)
    worker = OrderQueue(engine.redis, limit)
    await enqueue(engine, 20)
    assert await starts(worker) == 4
    await asyncio.sleep(0.31)
    assert await starts(worker) == 4


async def test_without_its_last_look_at_the_clock_the_window_begins_anew(engine: Engine) -> None:
    worker = OrderQueue(engine.redis, LIMIT)
    await enqueue(engine, 20)
    assert await starts(worker) == 4
    seconds, _ = await engine.redis.time()
    for write in (engine.redis.delete(CLOCK), engine.redis.set(CLOCK, "x")):
        await engine.redis.zadd(WINDOW, {f"grant {n}": (seconds - 70) * 1000 for n in range(4)})
        await write
        assert await starts(OrderQueue(engine.redis, LIMIT)) == 0
        assert await engine.redis.zcount(WINDOW, (seconds - 1) * 1000, "+inf") == 8


async def test_the_window_does_not_expire(engine: Engine) -> None:
    await enqueue(engine, 20)
    assert await starts(OrderQueue(engine.redis, LIMIT)) == 4
    await engine.redis.expire(WINDOW, 61)  # as the version before did
    assert await starts(OrderQueue(engine.redis, StartLimit(5))) == 1
    assert await engine.redis.ttl(WINDOW) > 3600 * 24 * 365
