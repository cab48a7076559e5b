"""What operators see of the lanes, and the forecast of a start."""

from collections.abc import Callable

import pytest

from app.orders.queue.lanes import Lane
from app.orders.queue.order_queue import OrderQueue
from app.orders.queue.start_limit import StartLimit
from app.redis_scripts import Pipeline, pipelined
from tests.engine import Engine
from tests.integration.test_lanes import enqueue, entries, fill, queue, taken

__all__ = ["queue"]


async def test_the_operator_sees_each_lane_and_the_order_that_has_waited_longest(engine: Engine) -> None:
    await enqueue(
        engine, dict.fromkeys(entries(Lane.SLICES, "a", 3), 90) | dict.fromkeys(entries(Lane.STOPS, "a", 1), 5)
    )
    answer = (await engine.http.get("/api/queue")).json()
    assert answer["waiting"] == 4
    assert answer["waitingByLane"] == {"stops": 1, "market": 0, "limits": 0, "slices": 3}
    assert answer["oldestSeconds"] == pytest.approx(90, abs=5)


def queueing(queue: OrderQueue, entry: str) -> Callable[[Pipeline], None]:
    return lambda pipe: queue.enqueue_new(pipe, [entry])


@pytest.mark.parametrize("lane", list(Lane))
async def test_the_forecast_is_when_a_new_order_would_start(engine: Engine, queue: OrderQueue, lane: Lane) -> None:
    await fill(engine, *Lane, owners="a", each=12)
    limited = OrderQueue(engine.redis, StartLimit(1, window_ms=1_000))  # one start a second
    fresh = [*entries(lane, "a", 1), *entries(lane, "new", 2)]
    forecast = []
    for entry in fresh:
        [answer] = await pipelined(engine.redis, queueing(limited, entry))
        [(missing, ms)] = limited.parse_enqueued(answer)
        assert missing
        forecast.append(ms)
    order = [job.entry for job in await taken(queue, 100)]
    seconds = [order.index(entry) for entry in fresh]
    assert [ms / 1_000 for ms in forecast] == pytest.approx(seconds, abs=10)  # as far apart are the slots of one lane
    assert forecast[1] < forecast[2] < forecast[0]
