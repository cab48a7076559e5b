"""The clocks of the servers are set back by ten minutes: what they had written lies in the future, and is mended.

Shifted scores and times are what a clock leaves that was set back.
"""

from uuid import UUID

from app.access.rate_limit import BUCKET
from app.orders.lifecycle import Status
from app.orders.queue.order_queue import RUNNING, STARTS, WINDOW, WORKERS, OrderQueue
from app.orders.queue.start_limit import StartLimit
from app.orders.reconciling.state import begin
from app.orders.store.sweep import SweepStore
from tests.engine import SELL_SOL, Engine, eventually, running_engine

AHEAD = 600  # seconds
LIMIT = StartLimit(4)
SHIFT_ALL = """
UPDATE orders SET updated_at = updated_at + $1 * interval '1 second', ready_at = ready_at + $1 * interval '1 second',
       look_at = look_at + $1 * interval '1 second', lease_until = lease_until + $1 * interval '1 second',
       expires_at = expires_at + $1 * interval '1 second'
"""


async def redis_ms(engine: Engine, seconds: float) -> float:
    now, microseconds = await engine.redis.time()
    return float((now + seconds) * 1000 + microseconds // 1000)


async def waiting_order(engine: Engine) -> str:
    await engine.hold_starts()
    return str((await engine.place())["orderId"])


async def test_grants_of_the_future_leave_the_window_after_a_minute(engine: Engine) -> None:
    queue = OrderQueue(engine.redis, LIMIT)
    await engine.place()
    ahead = await redis_ms(engine, AHEAD)
    await engine.redis.zadd(WINDOW, {f"grant {n}": ahead for n in range(4)})
    taken = await queue.take(1, token="worker", lock_seconds=1)
    assert taken.jobs == []  # the limit holds
    assert 60 < taken.next_start_in <= LIMIT.window_ms / 1000


async def test_the_lock_of_a_dead_worker_expires_in_its_usual_time(engine: Engine) -> None:
    queue = OrderQueue(engine.redis, LIMIT)
    order = (await engine.place())["orderId"]
    await engine.redis.set(f"arq:in-progress:{order}", "dead", px=AHEAD * 1000)

    async def taken() -> bool:
        return bool((await queue.take(1, token="worker", lock_seconds=0.2)).jobs)

    assert not await taken()
    await eventually(taken, within=8)


async def test_a_dead_worker_does_not_count_as_alive(engine: Engine) -> None:
    queue = OrderQueue(engine.redis, LIMIT)
    ahead = await redis_ms(engine, AHEAD)
    await engine.redis.zadd(WORKERS, {"dead": ahead, "alive": ahead})
    await engine.redis.hset(RUNNING, mapping={"dead": "3", "alive": "1"})  # type: ignore[misc]
    assert (await queue.depth()).workers == 0
    assert not await queue.heartbeat(token="alive", running=1)
    assert await queue.heartbeat(token="alive", running=1)
    assert (await queue.depth()).workers == 1
    assert await engine.redis.hkeys(RUNNING) == [b"alive"]  # type: ignore[misc]


async def test_after_redis_alone_was_set_back_an_order_starts_within_seconds(engine: Engine) -> None:
    worker = await engine.start_worker()
    order = await waiting_order(engine)

    async def swept() -> bool:
        return await engine.redis.zscore(WORKERS, worker.token) is not None

    await eventually(swept)
    ahead = await redis_ms(engine, AHEAD)
    await engine.redis.zadd(STARTS, {await engine.lose(order): ahead})
    await engine.redis.zadd(WORKERS, {worker.token: ahead})
    await engine.release_starts()
    assert (await engine.read_stream(order, within=24)).statuses[-1] == "confirmed"


async def test_orders_that_were_written_in_the_future_are_mended_when_a_worker_starts(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    await engine.postgres.execute(SHIFT_ALL, AHEAD)
    await engine.redis.zadd(STARTS, {await engine.lose(order): await redis_ms(engine, AHEAD)})
    await engine.start_worker()
    assert (await engine.read_stream(order, within=24)).statuses[-1] == "confirmed"


async def test_an_order_that_somebody_has_locked_is_mended_later_and_holds_up_no_other_one(engine: Engine) -> None:
    held, other = [(await engine.place())["orderId"] for _ in range(2)]
    await engine.postgres.execute(SHIFT_ALL, AHEAD)
    for order in (held, other):
        await engine.redis.zadd(STARTS, {await engine.lose(order): await redis_ms(engine, AHEAD)})
    async with engine.postgres.acquire() as other_session, other_session.transaction():
        await other_session.execute("SELECT FROM orders WHERE id = $1 FOR UPDATE", held)
        await engine.start_worker()
        assert (await engine.read_stream(other, within=9)).statuses[-1] == "confirmed"
    assert (await engine.read_stream(held, within=24)).statuses[-1] == "confirmed"


async def test_a_halt_of_the_future_is_released_and_reconciling_ends(
    postgres_dsn: str, redis_dsn: str, primed_queue: None
) -> None:
    """The release was answered 409 until the clock had caught up, and no other worker went on to reconcile."""
    async with running_engine(postgres_dsn, redis_dsn, mock_block_ms=10) as engine:
        order = (await engine.place())["orderId"]
        await engine.http.post("/api/queue/pause")
        async with engine.postgres.acquire() as connection, connection.transaction():
            await begin(connection, "a restored backup")
        await engine.postgres.execute("UPDATE reconciliation SET worker = 'dead', worker_until = now()")
        for table, column in (("trading_states", "set_at"), ("reconciliation", "worker_until")):
            await engine.postgres.execute(f"UPDATE {table} SET {column} = {column} + interval '{AHEAD} seconds'")
        assert (await engine.http.post("/api/queue/resume")).status_code == 409
        await engine.start_worker()

        async def released() -> bool:
            return (await engine.http.post("/api/queue/resume")).status_code == 200

        await eventually(released)
        assert (await engine.read_stream(order, within=24)).statuses[-1] == "confirmed"


async def test_a_halt_of_the_future_that_somebody_has_locked_is_mended_later(engine: Engine) -> None:
    await engine.http.post("/api/queue/pause")
    await engine.postgres.execute(f"UPDATE trading_states SET set_at = set_at + interval '{AHEAD} seconds'")
    sweeps = SweepStore(engine.postgres)
    async with engine.postgres.acquire() as other_session, other_session.transaction():
        await other_session.execute("SELECT FROM trading_states FOR UPDATE")
        await sweeps.mend_times()
    assert await sweeps.any_in_future()  # so the sweeper mends again
    await sweeps.mend_times()
    assert not await sweeps.any_in_future()
    assert (await engine.http.post("/api/queue/resume")).status_code == 200


async def test_a_lease_that_ends_too_late_is_cut_and_a_back_off_keeps_its_wait(engine: Engine) -> None:
    left, waiting, on_time = [UUID((await engine.place())["orderId"]) for _ in range(3)]
    set_status = "UPDATE orders SET status = $2 WHERE id = $1"
    await engine.postgres.execute(set_status, left, Status.ROUTING)
    # A worker renewed its lease for a while, without another change, and died.
    await engine.postgres.execute(
        "UPDATE orders SET lease_until = now() + interval '605 s', look_at = now() + interval '605 s' WHERE id = $1",
        left,
    )
    await engine.postgres.execute(
        "UPDATE orders SET ready_at = updated_at + interval '20 seconds', attempt = 1 WHERE id = $1", waiting
    )
    before = await engine.postgres.fetchrow("SELECT * FROM orders WHERE id = $1", on_time)
    await engine.postgres.execute(SHIFT_ALL + " WHERE id = $2", AHEAD, waiting)
    store = SweepStore(engine.postgres, lease_seconds=5)
    assert await store.mend_times() == 2
    assert await store.mend_times() == 0
    lease = "SELECT extract(epoch FROM lease_until - now()) FROM orders WHERE id = $1"
    wait = "SELECT extract(epoch FROM ready_at - now()) FROM orders WHERE id = $1"
    assert 4 < await engine.postgres.fetchval(lease, left) <= 5
    assert 19 < await engine.postgres.fetchval(wait, waiting) <= 20
    assert await engine.postgres.fetchrow("SELECT * FROM orders WHERE id = $1", on_time) == before


async def test_ready_says_that_orders_are_due_and_none_starts(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    await engine.http.post("/api/queue/pause")
    await OrderQueue(engine.redis, LIMIT).heartbeat(token="a worker that takes nothing", running=0)
    await engine.redis.zadd(STARTS, {await engine.lose(order): await redis_ms(engine, -60)})
    assert (await engine.http.get("/health/ready")).json()["stalled"] is False  # paused by an operator
    await engine.http.post("/api/queue/resume")
    answer = await engine.http.get("/health/ready")
    assert (answer.status_code, answer.json()["stalled"]) == (503, True)
    assert answer.json()["reasons"] == ["orders are due, and none has started for 11 s"]
    await engine.postgres.execute("INSERT INTO order_events SELECT id, 2, 'routing', 1, now() FROM orders")
    async with engine.postgres.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE order_events IN ACCESS EXCLUSIVE MODE")
        assert (await engine.http.get("/health/ready")).json()["stalled"] is True  # nobody can start one
    answer = await engine.http.get("/health/ready")
    assert (answer.status_code, answer.json()["stalled"]) == (200, False)


async def test_callers_have_a_quota_again_within_a_moment(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, api_max_orders_per_min=120) as engine:

        async def is_placed() -> bool:
            return (await engine.http.post("/api/orders/execute", json=SELL_SOL)).status_code == 202

        async def is_renewed() -> bool:
            return (await engine.http.put("/api/dead-man", json={"seconds": 60})).status_code == 200

        assert await is_placed()
        assert await is_renewed()
        buckets = [key async for key in engine.redis.scan_iter(f"{BUCKET}*")]
        assert len(buckets) == 2
        for bucket in buckets:
            await engine.redis.set(bucket, await redis_ms(engine, AHEAD), px=AHEAD * 1000)
        await eventually(is_placed)
        await eventually(is_renewed)
