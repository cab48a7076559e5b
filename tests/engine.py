"""A whole engine inside a test: the API behind real HTTP and real sockets, real workers, real servers."""

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncpg
import httpx
import orjson
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from app.dex.chain import Chain
from app.dex.venue import Venue
from app.main import create_app
from app.orders.queue.lanes import Lane, queue_entry
from app.orders.queue.order_queue import LANES, STARTS, WINDOW, Job, JobResult, OrderQueue
from app.orders.queue.start_limit import StartLimit
from app.postgres.pools import open_pool
from app.redis_client import redis_pool
from app.server.server import server_config
from app.settings import Settings, load
from tests.http_server import Server
from tests.no_tls import NO_TLS
from worker.arq_worker import ArqWorker
from worker.main import worker

Value = TypeVar("Value")

SELL_SOL = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.5}
HAPPY = ["pending", "routing", "building", "submitted", "confirmed"]

# No simulated delays and no limits of requests and values, so that a test waits for the engine alone.
FAST = {
    "mock_quote_ms": 0,
    "mock_execution_ms_min": 0,
    "mock_execution_ms_max": 0,
    "api_max_orders_per_min": 0,
    "api_max_reads_per_min": 0,
    "max_order_usd": 0,
    "retry_base_seconds": 0.2,
}


def event_in(frame: dict[str, Any]) -> dict[str, Any]:
    """The event, without what the socket of one order adds for legacy clients."""
    return {name: value for name, value in frame.items() if name not in ("ts", "replay", "execution")}


@dataclass(frozen=True)
class StreamResult:
    """The frames that one socket received, and the code it was closed with."""

    events: list[dict[str, Any]]
    code: int

    @property
    def statuses(self) -> list[str]:
        return [event["status"] for event in self.events]

    @property
    def log(self) -> list[dict[str, Any]]:
        """The events as they are in the log."""
        return [event_in(frame) for frame in self.events]


@dataclass
class Engine:
    settings: Settings
    base_url: str
    http: httpx.AsyncClient
    postgres: asyncpg.Pool
    redis: Redis
    workers: list[tuple[ArqWorker, asyncio.Task[None]]] = field(default_factory=list)
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    async def start_worker(
        self,
        *,
        venues: Sequence[Venue] | None = None,
        chain: Chain | None = None,
        start_limit: StartLimit | None = None,
        **settings: Any,
    ) -> ArqWorker:
        """One more worker, on this engine's servers."""
        changed = self.settings.model_copy(update=settings)
        started = await self._stack.enter_async_context(
            worker(changed, venues=venues, chain=chain, start_limit=start_limit, signals=False)
        )
        task = asyncio.create_task(started.work())
        self.workers.append((started, task))
        self._stack.push_async_callback(self.stop_worker, started)
        return started

    async def stop_worker(self, stopping: ArqWorker) -> None:
        """Stop it the way SIGTERM does."""
        for one, task in self.workers:
            if one is stopping and not task.done():
                stopping.handle_sig_wait_for_completion(signal.SIGTERM)
                await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 10)

    async def place(self, *, key: str | None = None, **fields: Any) -> dict[str, Any]:
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = await self.http.post("/api/orders/execute", json=SELL_SOL | fields, headers=headers)
        assert answer.status_code in (200, 202), answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def order(self, order_id: str) -> dict[str, Any]:
        answer = await self.http.get(f"/api/orders/{order_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def socket(self, path: str) -> "connect":
        return connect(self.base_url.replace("http", "ws") + path, proxy=None)

    async def read_stream(self, order_id: str, *, after: int = 0, within: float = 15) -> StreamResult:
        async with asyncio.timeout(within), self.socket(f"/api/orders/execute?orderId={order_id}&after={after}") as ws:
            return await read_to_end(ws)

    async def queued(self, order_id: str) -> float | None:
        """When its entry in the queue of starts is or was due, in ms on Redis's clock; None: it has none."""
        for key in (STARTS, *(f"{LANES}{lane:d}" for lane in Lane)):
            for entry, due in await self.redis.zrange(key, 0, -1, withscores=True):
                if entry.startswith(order_id.encode()):
                    return float(due)
        return None

    async def lose(self, order_id: str) -> str:
        """Redis loses the queue entry of a market order that is not locked. Returns the entry."""
        entry = queue_entry(order_id, "market", "local")
        queue = OrderQueue(self.redis, StartLimit(0))
        await queue.finish([(Job(entry, order_id, "", 0), JobResult())], token="")
        return entry

    async def hold_starts(self) -> None:
        """Use up the start limit: orders are accepted, and stay pending for a minute or until `release_starts`."""
        seconds, microseconds = await self.redis.time()
        now = seconds * 1000 + microseconds // 1000
        await self.redis.zadd(WINDOW, {f"held:{n}": now for n in range(self.settings.queue_max_per_min)})

    async def release_starts(self) -> None:
        await self.redis.delete(WINDOW)

    async def starts(self) -> list[float]:
        """The times at which orders were started (status routing), in seconds."""
        rows = await self.postgres.fetch("SELECT at FROM order_events WHERE status = 'routing' ORDER BY at")
        return [row["at"].timestamp() for row in rows]


async def read_to_end(ws: ClientConnection) -> StreamResult:
    events = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            events.append(orjson.loads(await ws.recv()))
    assert ws.close_code is not None
    return StreamResult(events, ws.close_code)


async def eventually(condition: Callable[[], Awaitable[Value]], *, within: float = 30) -> Value:
    """Poll until the condition returns something truthy, and return that."""
    began = time.monotonic()
    while not (value := await condition()):
        waited = time.monotonic() - began
        assert waited < within, f"not within {within} s"
        await asyncio.sleep(min(0.05, max(0.01, waited / 4)))  # a look costs up to 5 ms of CPU
    return value


def max_in_window(moments: Sequence[float], seconds: float) -> int:
    """The largest number of moments in any window of that length."""
    largest = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] > seconds:
            first += 1
        largest = max(largest, last - first + 1)
    return largest


@contextlib.asynccontextmanager
async def running_engine(postgres_dsn: str, redis_dsn: str, *, port: int = 0, **settings: Any) -> AsyncIterator[Engine]:
    """The API, serving at this port (0: any free port). The test starts its own workers."""
    chosen = load(database_url=postgres_dsn, redis_url=redis_dsn, port=3000, **FAST | settings)
    # Without an explicit protocol asyncio leaves Nagle's algorithm on, and each answer takes 40 ms.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", port))
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = Server(server_config(create_app(chosen), chosen, shutdown_seconds=2))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:
                assert not serving.done(), "the API did not start"
                await asyncio.sleep(0.005)
            async with contextlib.AsyncExitStack() as stack:
                http = await stack.enter_async_context(
                    httpx.AsyncClient(
                        base_url=base_url, timeout=20, limits=httpx.Limits(max_connections=200), verify=NO_TLS
                    )
                )
                postgres = await stack.enter_async_context(await open_pool(postgres_dsn, 3, {}, command_timeout=None))
                redis = Redis.from_pool(redis_pool(redis_dsn))
                stack.push_async_callback(redis.aclose)
                workers = await stack.enter_async_context(contextlib.AsyncExitStack())
                yield Engine(chosen, base_url, http, postgres, redis, _stack=workers)
        finally:
            server.stop.set()
            await serving
