"""The lanes of the queue: what starts first while more orders wait than may start."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest

from app.orders.events.publisher import EventPublisher
from app.orders.events.signature import EventSignatures
from app.orders.kill_switch.switch import KillSwitch
from app.orders.queue.lanes import Lane, lane_in, lane_of, queue_entry, share_of
from app.orders.queue.order_queue import LANES, STARTS, Job, JobResult, OrderQueue
from app.orders.queue.start_limit import StartLimit
from app.orders.store.sweep import SweepStore
from app.redis_scripts import pipelined
from tests.engine import HAPPY, Engine, eventually
from tests.integration.lane_model import LaneModel
from worker.sweeper import Sweeper

TYPE_NAMES = [*["market", "limit", "sniper", "stop", "take_profit", "trailing_stop", "dca"], "of a newer version"]
TYPES = {Lane.STOPS: "stop", Lane.MARKET: "market", Lane.LIMITS: "limit", Lane.SLICES: "dca"}
numbers = itertools.count(1)


@pytest.fixture
def queue(engine: Engine) -> OrderQueue:
    return OrderQueue(engine.redis, StartLimit(0))


def entries(lane: Lane, owner: str, count: int) -> list[str]:
    return [queue_entry(str(UUID(int=next(numbers))), TYPES[lane], owner) for _ in range(count)]


async def enqueue(engine: Engine, waited: Mapping[str, float]) -> None:
    """Entries, by how many seconds they have been due."""
    queue, due_in = OrderQueue(engine.redis, StartLimit(0)), {entry: -seconds for entry, seconds in waited.items()}
    await pipelined(engine.redis, lambda pipe: queue.enqueue(pipe, due_in))


async def fill(engine: Engine, *lanes: Lane, owners: str = "abc", each: int = 40) -> None:
    for lane in lanes:
        await enqueue(engine, {entry: 60 for owner in owners for entry in entries(lane, owner, each)})


async def taken(queue: OrderQueue, want: int = 1) -> list[Job]:
    return list((await queue.take(want, token="worker", lock_seconds=600)).jobs)


async def lanes_taken(queue: OrderQueue, want: int) -> list[Lane]:
    return [lane_in(job.entry) for job in await taken(queue, want)]


@pytest.mark.parametrize("per_take", [1, 7, 100])
async def test_of_any_ten_starts_market_has_five_each_other_lane_one_and_stops_the_rest(
    engine: Engine, queue: OrderQueue, per_take: int
) -> None:
    await fill(engine, *Lane)
    started: list[Lane] = []
    while len(started) < 100:
        started += await lanes_taken(queue, min(per_take, 100 - len(started)))
    for first in range(91):
        of = Counter(started[first : first + 10])
        assert (of[Lane.MARKET], of[Lane.LIMITS], of[Lane.SLICES], of[Lane.STOPS]) == (5, 1, 1, 3)


@pytest.mark.parametrize(
    ("waiting", "shares"),
    [
        ({Lane.SLICES}, {Lane.SLICES: 100}),
        (set(Lane), {Lane.STOPS: 30, Lane.MARKET: 50, Lane.LIMITS: 10, Lane.SLICES: 10}),
        ({Lane.STOPS, Lane.LIMITS}, {Lane.STOPS: 90, Lane.LIMITS: 10}),
        ({Lane.STOPS, Lane.MARKET}, {Lane.STOPS: 50, Lane.MARKET: 50}),
        ({Lane.MARKET, Lane.SLICES}, {Lane.MARKET: 90, Lane.SLICES: 10}),
    ],
)
async def test_an_empty_lane_leaves_its_share_to_the_first_that_is_not(
    engine: Engine, queue: OrderQueue, waiting: set[Lane], shares: dict[Lane, int]
) -> None:
    await fill(engine, *waiting)
    depth = await queue.depth()
    assert {lane: 100 * share_of(lane, depth.lanes) for lane in waiting} == shares
    assert Counter(await lanes_taken(queue, 100)) == shares


async def test_one_order_of_an_owner_does_not_wait_for_ten_thousand_of_another(
    engine: Engine, queue: OrderQueue
) -> None:
    await enqueue(engine, dict.fromkeys(entries(Lane.MARKET, "many", 10000), 3600))
    assert await taken(queue, 5)
    [one] = entries(Lane.MARKET, "one", 1)
    await enqueue(engine, {one: 0})
    assert one in [job.entry for job in await taken(queue, 3)]


async def test_an_owner_who_always_has_one_order_waiting_gets_every_other_start(
    engine: Engine, queue: OrderQueue
) -> None:
    await fill(engine, Lane.MARKET, owners="z", each=40)
    started: list[Job] = []
    for _ in range(40):
        if not started or started[-1].entry.endswith("a"):
            await enqueue(engine, dict.fromkeys(entries(Lane.MARKET, "a", 1), 0))
        started += await taken(queue)
    assert Counter(job.entry[-1] for job in started) == {"a": 20, "z": 20}


async def test_it_does_what_a_model_in_plain_python_does(engine: Engine, queue: OrderQueue) -> None:
    for seed in range(15):
        await engine.redis.flushdb()
        chance, model = random.Random(seed), LaneModel()
        ages = iter(range(100_000, 0, -7)) if seed % 2 else iter(range(7, 100_000, 7))
        for _ in range(60):
            match chance.choice(["enqueue", "enqueue", "take", "drop", "repeat"]):
                case "enqueue":
                    lane, owner = chance.choice(list(Lane)), chance.choice(["", "a", "a\x01", "b", "ü"])
                    fresh = dict(zip(entries(lane, owner, chance.randint(1, 12)), ages, strict=False))
                    model.add(fresh)
                    await enqueue(engine, fresh)
                case "take":
                    want = chance.randint(1, 15)
                    assert [job.entry for job in await taken(queue, want)] == model.take(want), seed
                case "drop" if model.waiting():
                    entry = chance.choice(model.waiting())
                    model.remove(entry)
                    await queue.finish([(Job(entry, None, "", 0), JobResult())], token="")
                case "repeat" if model.waiting():
                    entry, age = chance.choice(model.waiting()), next(ages)
                    model.add({entry: age})
                    await enqueue(engine, {entry: age})
        depth = await queue.depth()
        assert depth.lanes == {lane: len(model.waiting(lane)) for lane in Lane}
        assert [job.entry for job in await taken(queue, 1_000)] == model.take(1_000), seed
        assert await engine.redis.keys(f"{LANES}*") == []


async def test_several_workers_that_take_at_once_share_one_limit_and_keep_the_shares(engine: Engine) -> None:
    await fill(engine, *Lane)
    queues = [OrderQueue(engine.redis, StartLimit(100)) for _ in range(4)]

    async def work(queue: OrderQueue) -> Sequence[Lane]:
        started: list[Lane] = []
        while some := await lanes_taken(queue, 3):
            started += some
        return started

    started = list(itertools.chain(*await asyncio.gather(*(work(queue) for queue in queues))))
    assert Counter(started) == {Lane.STOPS: 30, Lane.MARKET: 50, Lane.LIMITS: 10, Lane.SLICES: 10}
    assert (await queues[0].take(1, token="another", lock_seconds=1)).next_start_in > 55


async def test_while_the_kill_switch_is_set_no_lane_starts(engine: Engine, queue: OrderQueue) -> None:
    await fill(engine, *Lane, each=1)
    assert (await queue.take(10, token="worker", lock_seconds=1, may_start=False)).jobs == []


async def test_orders_of_dead_workers_and_after_a_back_off_return_to_their_lane(
    engine: Engine, queue: OrderQueue
) -> None:
    lost, failed, late = entries(Lane.LIMITS, "a", 3)
    await enqueue(engine, {lost: 30, failed: 20, late: 10})
    jobs = (await queue.take(3, token="worker", lock_seconds=0.2)).jobs
    assert [job.entry for job in jobs] == [lost, failed, late]
    results = [JobResult(requeue_in=0.2), JobResult(requeue_in=-10, start_used=False)]
    await queue.finish(list(zip(jobs[1:], results, strict=True)), token="worker")
    assert (await queue.depth()).lanes[Lane.LIMITS] == 1
    again: list[str] = []

    async def all_taken() -> bool:
        again.extend(job.entry for job in await taken(queue, 3))
        return len(again) == 3

    await eventually(all_taken)
    assert again[0] == late  # at once, in its old place
    assert set(again) == {lost, failed, late}


async def test_an_entry_whose_lock_is_held_delays_neither_its_owner_nor_others(
    engine: Engine, queue: OrderQueue
) -> None:
    held = [*entries(Lane.MARKET, "b", 1), *entries(Lane.MARKET, "a", 1)]
    free = [*entries(Lane.MARKET, "b", 1), *entries(Lane.MARKET, "c", 1)]
    await enqueue(engine, dict.fromkeys(held, 60) | dict.fromkeys(free, 10))
    for entry in held:
        await engine.redis.set(f"arq:in-progress:{entry[:36]}", "another worker", px=600_000)
    assert {job.entry for job in await taken(queue, 10)} == set(free)
    assert (await queue.depth()).lanes[Lane.MARKET] == 2
    await engine.redis.delete(*(f"arq:in-progress:{entry[:36]}" for entry in held))
    assert {job.entry for job in await taken(queue, 10)} == set(held)


async def test_the_sweeper_finds_the_lost_orders_of_each_lane_and_puts_them_there(engine: Engine) -> None:
    orders = {order_type: (await engine.place())["orderId"] for order_type in TYPES.values()}
    for order_type, order in orders.items():
        await engine.postgres.execute(
            "UPDATE orders SET type = $2, owner = 'of ' || $2 WHERE id = $1", UUID(order), order_type
        )
    sweeper = Sweeper(
        store=SweepStore(engine.postgres),
        redis=engine.redis,
        queue=OrderQueue(engine.redis, StartLimit(0)),
        publisher=EventPublisher(engine.redis, EventSignatures.of(engine.settings), keep_seconds=60),
        start_limit=StartLimit(0),
        kill_switch=KillSwitch(engine.postgres),
    )

    async def all_in_their_lanes() -> None:
        for lane, order_type in TYPES.items():
            entry = queue_entry(orders[order_type], order_type, f"of {order_type}")
            assert await engine.redis.zrange(f"{LANES}{lane:d}", 0, -1) == [entry.encode()]

    await engine.redis.flushdb()
    await sweeper.round()  # all of them
    await all_in_their_lanes()
    for part in ("", ":owners", ":turns"):
        await engine.redis.delete(f"{LANES}{Lane.LIMITS:d}{part}")
        await sweeper.round()  # a lane that is not whole
        await all_in_their_lanes()
    await engine.redis.delete(*(f"{LANES}{Lane.STOPS:d}{part}" for part in ("", ":owners", ":turns")))
    await engine.postgres.execute("UPDATE orders SET look_at = now()")
    await sweeper.round()  # one that is due to be looked at
    await all_in_their_lanes()


async def test_orders_that_an_older_process_has_queued_are_executed_once(engine: Engine) -> None:
    orders = [(await engine.place())["orderId"] for _ in range(3)]
    for order in orders[:2]:
        await engine.lose(order)
    await engine.redis.zadd(STARTS, dict.fromkeys(orders[1:], 1))  # the first is lost, the last in both
    await engine.start_worker()
    for order in orders:
        assert (await engine.read_stream(order)).statuses == HAPPY

    async def nothing_left() -> bool:
        return (await OrderQueue(engine.redis, StartLimit(0)).depth()).waiting == 0

    await eventually(nothing_left)
    assert len(await engine.starts()) == 3


def test_every_type_has_a_lane() -> None:
    assert {lane: {name for name in TYPE_NAMES if lane_of(name) is lane} for lane in Lane} == {
        Lane.STOPS: {"stop", "take_profit", "trailing_stop"},
        Lane.MARKET: {"market", "of a newer version"},
        Lane.LIMITS: {"limit", "sniper"},
        Lane.SLICES: {"dca"},
    }
