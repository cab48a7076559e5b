"""Careful clients: they retry with their key, and reconnect for the events that they have not received."""

import asyncio
import random
import uuid
from typing import Any

import httpx
import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.chaos.oracle import ObservedStream
from tests.engine import SELL_SOL

RETRY_SECONDS = 0.1
# Is met at once, and fired by a watcher.
WATCHED: dict[str, Any] = {
    "orderType": "limit",
    "limitPrice": "1",
    "acknowledgePrice": True,
    "expiresInSeconds": 3600,
}
FINAL_CODES = (1000, 4404)


class Clients:
    def __init__(self, base_url: str, rng: random.Random) -> None:
        self.base_url = base_url
        self.accepted: dict[str, str | None] = {}  # order → its key
        self.seen: list[ObservedStream] = []
        self.errors = 0  # answers other than 2xx, and failed connections
        self._rng = rng
        self._watching: list[asyncio.Task[None]] = []
        self._http = httpx.AsyncClient(base_url=base_url, timeout=5, limits=httpx.Limits(max_connections=64))

    async def place(self, count: int, *, watch: bool = True, at_once: int = 16, pause: float = 0.0) -> None:
        """Place orders, retry each until it is accepted, and watch each one."""
        slots = asyncio.Semaphore(at_once)

        async def one() -> None:
            async with slots:
                order = await self.accept()
                if pause:
                    await asyncio.sleep(pause * self._rng.random())
            if watch:
                self.watch(order)

        await asyncio.gather(*(one() for _ in range(count)))

    async def place_mixed(self, count: int, *, at_once: int = 8, pause: float) -> None:
        """Every fourth order waits for a watcher."""
        slots = asyncio.Semaphore(at_once)

        async def one(n: int) -> None:
            async with slots:
                self.watch(await self.accept(**(WATCHED if n % 4 == 0 else {})))
                await asyncio.sleep(pause * self._rng.random())

        await asyncio.gather(*(one(n) for n in range(count)))

    async def accept(self, key: str | None = None, **fields: Any) -> str:
        """One order, repeated with its key until the answer is 2xx."""
        key = key or str(uuid.UUID(int=self._rng.getrandbits(128)))
        amount = round(self._rng.uniform(0.1, 3), 3)
        body = SELL_SOL | {"amount": str(amount), "slippageBps": 500, "expiresInSeconds": 0} | fields
        async with asyncio.timeout(60):
            while True:
                try:
                    answer = await self._http.post("/api/orders/execute", json=body, headers={"Idempotency-Key": key})
                except httpx.HTTPError:
                    self.errors += 1
                else:
                    if answer.status_code in (200, 202):
                        order = str(answer.json()["orderId"])
                        self.accepted[order] = key
                        return order
                    assert answer.status_code in (429, 503), answer.text
                    self.errors += 1
                await asyncio.sleep(RETRY_SECONDS)

    def watch(self, order: str) -> None:
        self.seen.append(seen := ObservedStream(order))
        self._watching.append(asyncio.create_task(self._watch(seen)))

    async def finish(self, within: float) -> None:
        """Wait until all streams have ended, or time is up."""
        if self._watching:
            _, late = await asyncio.wait(self._watching, timeout=within)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._http.aclose()

    async def _watch(self, seen: ObservedStream) -> None:
        socket = self.base_url.replace("http", "ws") + f"/api/orders/execute?orderId={seen.order}"
        while seen.code not in FINAL_CODES:
            after = seen.events[-1]["seq"] if seen.events else 0
            try:
                async with connect(f"{socket}&after={after}", proxy=None, open_timeout=5) as ws:
                    try:
                        while True:
                            seen.events.append(orjson.loads(await ws.recv()))
                    except ConnectionClosed:
                        seen.code = ws.close_code
            except (OSError, TimeoutError, InvalidHandshake):
                seen.code = None
            if seen.code not in FINAL_CODES:
                await asyncio.sleep(RETRY_SECONDS)
