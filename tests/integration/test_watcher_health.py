"""An operator sees how many watchers run, what waits, and how current the prices are."""

import asyncio
from typing import Never

import pytest

from app import tasks
from app.orders.waiting.prices import COUNTED
from app.orders.waiting.triggers import TriggerStore
from tests.engine import Engine, eventually
from tests.integration.test_metrics import scrape
from tests.integration.test_watcher import Market, watching
from tests.waiting import SLOT, place_open, record


async def test_the_queue_and_health_count_watchers(engine: Engine) -> None:
    async def counted() -> tuple[int, int]:
        queue, health = await asyncio.gather(engine.http.get("/api/queue"), engine.http.get("/health"))
        return queue.json()["watchers"], health.json()["watchers"]

    async def two() -> bool:
        return await counted() == (2, 2)

    assert await counted() == (0, 0)
    async with watching(engine, Market(), watchers=2):
        await eventually(two)
    assert await counted() == (0, 0)  # they said goodbye


@pytest.mark.parametrize(
    ("ages", "at_least", "at_most"), [([2.0, 50.0], 2.0, 3.0), ([-600.0], 600 - 3, 600.0), ([], 3600, 3600)]
)
async def test_the_age_of_prices_is_that_of_the_worst_pair(
    engine: Engine, ages: list[float], at_least: float, at_most: float
) -> None:
    async def age() -> float:
        return float((await engine.http.get("/api/queue")).json()["pricesAgeSeconds"])

    assert await age() == 0  # nothing waits
    await place_open(engine.postgres, ["140"])
    for back, seconds in enumerate(ages):
        await record(engine.postgres, SLOT - back, "150", age=seconds)
    assert at_least <= await age() <= at_most
    assert at_least <= (await scrape(engine))("engine_prices_age_seconds") <= at_most + 1


async def test_a_watcher_that_runs_keeps_prices_current(engine: Engine) -> None:
    await place_open(engine.postgres, ["140", "141"])

    async def current() -> bool:
        seen = await scrape(engine)
        assert seen("engine_triggers_armed") == 2
        return seen("engine_prices_age_seconds") < 1

    async with watching(engine, Market()):
        await eventually(current)


async def test_many_orders_that_wait_are_estimated(engine: Engine) -> None:
    await place_open(engine.postgres, ["140"] * (COUNTED + 500))
    await engine.postgres.execute("ANALYZE triggers")
    assert (await scrape(engine))("engine_triggers_armed") == COUNTED + 500


async def test_a_step_that_fails_stops_no_other_one_and_is_counted(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> Never:
        raise ZeroDivisionError

    monkeypatch.setattr(tasks, "_failed", {})
    monkeypatch.setattr(TriggerStore, "expire", broken)
    await place_open(engine.postgres, ["140"])
    await engine.postgres.execute("DELETE FROM triggers")
    await record(engine.postgres, SLOT, "150", age=3_700)

    async def others_done() -> bool:
        mended = await engine.postgres.fetchval("SELECT count(*) FROM triggers")
        return bool(
            mended == 1 and not await engine.postgres.fetchval("SELECT count(*) FROM prices WHERE slot = $1", SLOT)
        )

    async def counted() -> bool:
        return bool((await engine.http.get("/health")).json()["failingTasks"] == 1)

    async with watching(engine, Market()):
        await eventually(others_done)
        await eventually(counted)
        assert (await scrape(engine))("engine_task_failures_total", task="expire") >= 1
