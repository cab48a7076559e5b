"""What Prometheus and the dashboard would make of the metrics of an engine."""

import asyncio
import contextlib
import json
import re
import socket
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.environment import Environment, Process
from tests.engine import eventually
from tests.promql import Scrape, evaluate

MONITORING = Path(__file__).resolve().parents[2] / "deploy" / "monitoring"
ALERTS = dict(re.findall(r"- alert: (\w+)\n(?: +#.*\n)*? +expr: '(.*)'", (MONITORING / "alerts.yml").read_text()))
PANELS = json.loads((MONITORING / "grafana" / "dashboard.json").read_text())["panels"]
TOP_ROW = [panel for panel in PANELS if panel["gridPos"]["y"] == 0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Monitoring:
    """Sees only the metrics of the engine, while orders come in."""

    watcher: Process

    def __init__(self, env: Environment, http: httpx.AsyncClient) -> None:
        self.env = env
        self._http = http
        self._worker_port, self._watcher_port = free_port(), free_port()
        self.seen: list[Scrape] = []

    def start_worker(self, sabotage: Mapping[str, Any] | None = None) -> Process:
        return self.env.start("worker", {"WORKER_METRICS_PORT": str(self._worker_port)}, sabotage=sabotage)

    def start_watcher(self) -> Process:
        return self.env.start("watcher", {"WATCHER_METRICS_PORT": str(self._watcher_port)})

    async def scrape(self) -> list[Scrape]:
        """Scrape all processes once more."""
        worker, watcher = (f"http://127.0.0.1:{port}" for port in (self._worker_port, self._watcher_port))
        texts = await asyncio.gather(self._read(self.env.base_url, 4), self._read(worker, 1), self._read(watcher, 1))
        jobs = ("engine-api", "engine-worker", "engine-watcher")
        self.seen.append(Scrape.of(time.monotonic(), dict(zip(jobs, texts, strict=True))))
        return self.seen

    async def _read(self, address: str, seconds: float) -> str | None:
        with contextlib.suppress(httpx.HTTPError):
            return (await self._http.get(f"{address}/metrics", timeout=seconds)).text
        return None

    async def firing(self) -> dict[str, list[dict[str, str]]]:
        """The alerts whose condition holds, with the labels."""
        seen = await self.scrape()
        found = {name: evaluate(expression, seen) for name, expression in ALERTS.items()}
        return {name: [dict(labels) for labels in vector] for name, vector in found.items() if vector}

    async def until(self, alert: str, *, also: Collection[str] = (), **labels: str) -> None:
        """Wait until the condition of this alert holds, and of no other alert except `also`."""

        async def firing_alone() -> bool:
            found = await self.firing()
            return labels in found.get(alert, []) and found.keys() <= {alert, *also}

        await eventually(firing_alone, within=20)

    async def healthy(self, *, except_for: Collection[str] = ()) -> None:
        """Wait until orders are executed and no other alert fires, now: what was before, such as a slow start, is past.

        Forgets all earlier scrapes.
        """

        async def executed() -> bool:
            now = await self.scrape()
            landed = evaluate('sum(increase(engine_sends_total{outcome="landed"}[1m]))', now)
            quiet = (await self.firing()).keys() <= set(except_for)
            del self.seen[:-1]
            return quiet and bool(landed) and min(landed.values()) > 0

        self.seen.clear()
        await self.scrape()
        await eventually(executed, within=20)

    def dashboard(self) -> dict[str, dict[str, float]]:
        """The top row of the dashboard: panel → legend → value."""
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
