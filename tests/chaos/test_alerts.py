"""Which of Postgres, Redis, the worker or a venue is in trouble can be told from the numbers alone.

Both processes are scraped before a fault and during it; what is judged are the alerts' and the dashboard's own
expressions. How long a condition must hold before it alarms (`for`) is Prometheus's business, and left out.
"""

import asyncio
import contextlib
import itertools
import json
import math
import re
import signal
import socket
import time
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.chaos.environment import Environment, Process, chaos_environment
from tests.chaos.proxy import LinkState
from tests.engine import SELL_SOL, eventually
from tests.promql import Scrape, evaluate

MONITORING = Path(__file__).resolve().parents[2] / "deploy" / "monitoring"
ALERTS = dict(re.findall(r"- alert: (\w+)\n(?: +#.*\n)*? +expr: '(.*)'", (MONITORING / "alerts.yml").read_text()))
PANELS = json.loads((MONITORING / "grafana" / "dashboard.json").read_text())["panels"]
TOP_ROW = [panel for panel in PANELS if panel["gridPos"]["y"] == 0]


class OnCall:
    """Somebody who sees nothing of the engine but its numbers, while orders come in."""

    def __init__(self, env: Environment, http: httpx.AsyncClient) -> None:
        self.env = env
        self._http = http
        self._worker_port = 0
        self.seen: list[Scrape] = []

    def start_worker(self, sabotage: Mapping[str, Any] | None = None) -> Process:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._worker_port = probe.getsockname()[1]
        return self.env.start("worker", {"WORKER_METRICS_PORT": str(self._worker_port)}, sabotage=sabotage)

    async def look(self) -> list[Scrape]:
        """One more scrape of both."""
        worker = f"http://127.0.0.1:{self._worker_port}"
        api, other = await asyncio.gather(self._read(self.env.base_url, 4), self._read(worker, 1))
        self.seen.append(Scrape.of(time.monotonic(), {"engine-api": api, "engine-worker": other}))
        return self.seen

    async def _read(self, address: str, seconds: float) -> str | None:
        with contextlib.suppress(httpx.HTTPError):
            return (await self._http.get(f"{address}/metrics", timeout=seconds)).text
        return None

    async def firing(self) -> dict[str, list[dict[str, str]]]:
        """Which alerts' conditions hold, and for what."""
        seen = await self.look()
        found = {name: evaluate(expression, seen) for name, expression in ALERTS.items()}
        return {name: [dict(labels) for labels in vector] for name, vector in found.items() if vector}

    async def until(self, alert: str, *, also: Collection[str] = (), **labels: str) -> None:
        """Wait until this one's condition holds, and no other's but `also`."""

        async def named() -> bool:
            found = await self.firing()
            return labels in found.get(alert, []) and found.keys() <= {alert, *also}

        await eventually(named, within=20)

    async def all_is_well(self) -> None:
        """Orders are executed, and nothing fires; what was seen before is forgotten."""

        async def executed() -> bool:
            now = await self.look()
            landed = evaluate('sum(increase(engine_sends_total{outcome="landed"}[1m]))', now[-2:])
            return bool(landed) and min(landed.values()) > 0 and not await self.firing()

        self.seen.clear()
        await self.look()
        await eventually(executed, within=20)
        self.seen[:] = self.seen[-1:]

    def shown(self) -> dict[str, dict[str, float]]:
        """The top row of the dashboard: panel → line → value."""
        return {
            panel["title"]: {
                _legend(target["legendFormat"], labels): value
                for target in panel["targets"]
                for labels, value in evaluate(target["expr"], self.seen).items()
            }
            for panel in TOP_ROW
        }


def _legend(pattern: str, labels: Any) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda match: dict(labels).get(match[1], ""), pattern)


async def _orders(url: str) -> None:
    """Twenty a second, for each venue in turn, whatever becomes of them."""
    async with httpx.AsyncClient(base_url=url, timeout=1) as http:
        for venue in itertools.cycle(("raydium", "meteora")):
            with contextlib.suppress(httpx.HTTPError):
                await http.post("/api/orders/execute", json=SELL_SOL | {"slippageBps": 500, "venues": [venue]})
            await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def env() -> AsyncIterator[Environment]:
    async with chaos_environment() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def on_call(env: Environment) -> AsyncIterator[OnCall]:
    await env.clear()
    env.start("api")
    coming = asyncio.create_task(_orders(env.base_url))
    async with httpx.AsyncClient() as http:
        try:
            yield OnCall(env, http)
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
    await env.clear()


pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVERS, PROCESSES, QUOTES, SWAPS = (panel["title"] for panel in TOP_ROW)
BOTH_UP = {"postgres": 1.0, "redis": 1.0}
ALL_UP = {"engine-api": 1.0, "engine-worker": 1.0, "workers alive": 1.0}


def none_of(shares: Mapping[str, float]) -> bool:
    return all(math.isnan(share) or share == 0 for share in shares.values())  # NaN: nothing was asked of it


@pytest.mark.slow
async def test_postgres_frozen(on_call: OnCall) -> None:
    on_call.start_worker()
    await on_call.all_is_well()
    on_call.env.to_postgres.set(LinkState.STALLED)
    await on_call.until("PostgresDown")
    shown = on_call.shown()
    print(shown)
    assert shown[SERVERS] == BOTH_UP | {"postgres": 0}
    assert shown[PROCESSES] == ALL_UP
    assert none_of(shown[QUOTES])
    assert none_of(shown[SWAPS])
    on_call.env.to_postgres.set(LinkState.UP)
    await on_call.all_is_well()


async def test_redis_killed(on_call: OnCall) -> None:
    on_call.start_worker()
    await on_call.all_is_well()
    await on_call.env.kill_redis()
    await on_call.until("RedisDown")
    shown = on_call.shown()
    print(shown)
    assert shown[SERVERS] == BOTH_UP | {"redis": 0}
    assert math.isnan(shown[PROCESSES].pop("workers alive"))  # only Redis would know
    assert shown[PROCESSES] == {"engine-api": 1, "engine-worker": 1}
    assert none_of(shown[QUOTES])
    assert none_of(shown[SWAPS])
    await on_call.env.start_redis()
    await on_call.all_is_well()


@pytest.mark.parametrize("fault", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.slow)])
async def test_the_worker_killed_or_frozen(on_call: OnCall, fault: signal.Signals) -> None:
    worker = on_call.start_worker()
    await on_call.all_is_well()
    worker.send(fault)
    await on_call.until("NoWorker")
    shown = on_call.shown()
    print(shown, evaluate("max(engine_queue_oldest_seconds)", on_call.seen))
    assert shown[SERVERS] == BOTH_UP
    assert shown[PROCESSES] == {"engine-api": 1, "engine-worker": 0, "workers alive": 0}
    assert none_of(shown[QUOTES])
    assert none_of(shown[SWAPS])


async def test_a_venue_that_gives_no_quotes(on_call: OnCall) -> None:
    on_call.start_worker({"venue_down": "raydium"})
    await on_call.until("VenueDoesNotQuote", venue="raydium", also=["NewDeadLetters"])
    shown = on_call.shown()
    print(shown)
    assert shown[QUOTES]["raydium"] == 1
    assert none_of({"meteora": shown[QUOTES].get("meteora", 0)})
    assert none_of(shown[SWAPS])
    assert_all_up(shown)


def assert_all_up(shown: Mapping[str, Any]) -> None:
    assert shown[SERVERS] == BOTH_UP
    assert shown[PROCESSES] == ALL_UP


@pytest.mark.slow
async def test_a_venue_whose_swaps_fail(on_call: OnCall) -> None:
    on_call.start_worker({"swaps_fail": "meteora"})
    await on_call.until("SwapsDoNotLand", venue="meteora", also=["NewDeadLetters"])
    shown = on_call.shown()
    print(shown)
    assert shown[SWAPS]["meteora"] == 1
    assert none_of({"raydium": shown[SWAPS].get("raydium", 0)})
    assert none_of(shown[QUOTES])
    assert_all_up(shown)


@pytest.mark.slow
async def test_a_chain_that_does_not_answer(on_call: OnCall) -> None:
    on_call.start_worker()
    await on_call.all_is_well()
    on_call.env.to_chain.set(LinkState.DOWN)
    await on_call.until("ChainDoesNotAnswer")
    shown = on_call.shown()
    print(shown)
    assert max(rate for line, rate in shown[SWAPS].items() if line.startswith("chain: ")) > 0
    assert none_of(shown[QUOTES])
    assert_all_up(shown)
