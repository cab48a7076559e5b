"""The metrics alone show whether Postgres, Redis, the worker or a venue is in trouble.

Both processes are scraped before and during a fault, and the expressions of the alerts and of the dashboard are
evaluated on that. The time for which a condition must hold (`for`) is up to Prometheus and left out.
"""

import asyncio
import contextlib
import itertools
import math
import signal
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.chaos.environment import Environment, chaos_environment
from tests.chaos.monitoring import TOP_ROW, Monitoring
from tests.chaos.proxy import LinkState
from tests.engine import SELL_SOL
from tests.promql import evaluate
from tests.waiting import place_open


async def _orders(url: str) -> None:
    """Place twenty orders a second, for each venue in turn, whether or not they are accepted."""
    async with httpx.AsyncClient(base_url=url, timeout=1) as http:
        for venue in itertools.cycle(("raydium", "meteora")):
            with contextlib.suppress(httpx.HTTPError):
                await http.post("/api/orders/execute", json=SELL_SOL | {"slippageBps": 500, "venues": [venue]})
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def env() -> AsyncIterator[Environment]:
    async with chaos_environment() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def monitoring(env: Environment) -> AsyncIterator[Monitoring]:
    await env.clear()
    env.start("api")
    placing = asyncio.create_task(_orders(env.base_url))
    async with httpx.AsyncClient() as http:
        try:
            watched = Monitoring(env, http)
            watched.watcher = watched.start_watcher()
            yield watched
        finally:
            placing.cancel()
            await asyncio.gather(placing, return_exceptions=True)
    await env.clear()


pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVERS, PROCESSES, QUOTES, SWAPS = (panel["title"] for panel in TOP_ROW)
BOTH_UP = {"postgres": 1.0, "redis": 1.0}
ALL_UP = {
    **{"engine-api": 1.0, "engine-worker": 1.0, "engine-watcher": 1.0},
    **{"workers alive": 1.0, "watchers alive": 1.0},
}


def all_zero(shares: Mapping[str, float]) -> bool:
    return all(math.isnan(share) or share == 0 for share in shares.values())  # NaN: no request


@pytest.mark.slow
async def test_postgres_frozen(monitoring: Monitoring) -> None:
    monitoring.start_worker()
    await monitoring.healthy()
    monitoring.env.to_postgres.set(LinkState.STALLED)
    await monitoring.until("PostgresDown")
    shown = monitoring.dashboard()
    print(shown)
    assert shown[SERVERS] == BOTH_UP | {"postgres": 0}
    assert shown[PROCESSES] == ALL_UP
    assert all_zero(shown[QUOTES])
    assert all_zero(shown[SWAPS])
    monitoring.env.to_postgres.set(LinkState.UP)
    await monitoring.healthy()


@pytest.mark.slow
async def test_redis_killed(monitoring: Monitoring) -> None:
    monitoring.start_worker()
    await monitoring.healthy()
    await monitoring.env.kill_redis()
    await monitoring.until("RedisDown")
    shown = monitoring.dashboard()
    print(shown)
    assert shown[SERVERS] == BOTH_UP | {"redis": 0}
    for unknown in ("workers alive", "watchers alive"):  # the heartbeats are in Redis
        assert math.isnan(shown[PROCESSES].pop(unknown))
    assert shown[PROCESSES].items() <= ALL_UP.items()
    assert all_zero(shown[QUOTES])
    assert all_zero(shown[SWAPS])
    await monitoring.env.start_redis()
    await monitoring.healthy()


@pytest.mark.slow
@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
async def test_the_worker_killed_or_frozen(monitoring: Monitoring, fault: signal.Signals) -> None:
    worker = monitoring.start_worker()
    await monitoring.healthy()
    worker.send(fault)
    await monitoring.until("NoWorker")
    shown = monitoring.dashboard()
    print(shown, evaluate("max(engine_queue_oldest_seconds)", monitoring.seen))
    assert shown[SERVERS] == BOTH_UP
    assert shown[PROCESSES] == ALL_UP | {"engine-worker": 0, "workers alive": 0}
    assert all_zero(shown[QUOTES])
    assert all_zero(shown[SWAPS])


@pytest.mark.slow
@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
async def test_the_watcher_killed_or_frozen(monitoring: Monitoring, fault: signal.Signals) -> None:
    monitoring.start_worker()
    await monitoring.healthy()
    await place_open(monitoring.env.db, ["1"])  # an order that waits, far from its price
    monitoring.watcher.send(fault)
    await monitoring.until("WatcherDown", also=["PricesStale"])
    shown = monitoring.dashboard()
    assert shown[PROCESSES] == ALL_UP | {"engine-watcher": 0, "watchers alive": 0}
    await monitoring.until("PricesStale", also=["WatcherDown"])


@pytest.mark.slow
async def test_a_venue_without_quotes(monitoring: Monitoring) -> None:
    monitoring.start_worker({"venue_down": "raydium"})
    await monitoring.healthy(except_for=["VenueDoesNotQuote", "NewDeadLetters"])
    await monitoring.until("VenueDoesNotQuote", venue="raydium", also=["NewDeadLetters"])
    shown = monitoring.dashboard()
    print(shown)
    assert shown[QUOTES]["raydium"] == 1
    assert all_zero({"meteora": shown[QUOTES].get("meteora", 0)})
    assert all_zero(shown[SWAPS])
    assert_all_up(shown)


def assert_all_up(shown: Mapping[str, Any]) -> None:
    assert shown[SERVERS] == BOTH_UP
    assert shown[PROCESSES] == ALL_UP


@pytest.mark.slow
async def test_a_venue_whose_swaps_fail(monitoring: Monitoring) -> None:
    monitoring.start_worker({"swaps_fail": "meteora"})
    await monitoring.healthy(except_for=["SwapsDoNotLand", "NewDeadLetters"])
    await monitoring.until("SwapsDoNotLand", venue="meteora", also=["NewDeadLetters"])
    shown = monitoring.dashboard()
    print(shown)
    assert shown[SWAPS]["meteora"] == 1
    assert all_zero({"raydium": shown[SWAPS].get("raydium", 0)})
    assert all_zero(shown[QUOTES])
    assert_all_up(shown)


@pytest.mark.slow
async def test_a_chain_that_does_not_answer(monitoring: Monitoring) -> None:
    monitoring.start_worker()
    await monitoring.healthy()
    monitoring.env.to_chain.set(LinkState.DOWN)
    await monitoring.until("ChainDoesNotAnswer")
    shown = monitoring.dashboard()
    print(shown)
    assert max(rate for legend, rate in shown[SWAPS].items() if legend.startswith("chain: ")) > 0
    assert all_zero(shown[QUOTES])
    assert_all_up(shown)
