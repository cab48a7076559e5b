"""One run: books are placed, the market moves past them while processes come and go, and the model judges."""

import asyncio
import random
import signal
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import asyncpg

from tests.chaos.environment import Environment, Process
from tests.chaos.waiting.books import BLOCK_MS, PAIRS, Book, schedule
from tests.chaos.waiting.comparison import compare
from tests.chaos.waiting.findings import Findings
from tests.chaos.waiting.orders import COMMIT
from tests.chaos.waiting.owner import Owner
from tests.engine import eventually

PACE = {"MOCK_BLOCK_MS": str(BLOCK_MS), "MOCK_EXECUTION_MS_MAX": "500", "MIN_SLICE_SECONDS": "1"}
LEAD_SLOTS = 4  # from when a path is known to when it begins
RECONNECTED = timedelta(seconds=1)  # from when Postgres is back to when every watcher works again
TRIGGERS = """
SELECT order_id::text, concat_ws(' ', t::text, 'xmin', t.xmin, w::text, 'xmin', w.xmin) AS trigger
  FROM triggers t LEFT JOIN watermarks w ON w.id = t.watermark
"""
QUIET_SECONDS = 1.5  # without an order under way: what the market has met is done


class Running(Protocol):
    """An engine that trades."""

    @property
    def base_url(self) -> str: ...

    @property
    def db(self) -> asyncpg.Pool: ...


@dataclass
class Run:
    env: Environment
    rng: random.Random
    sabotage: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # role → its sabotage
    running: dict[str, list[Process]] = field(default_factory=lambda: defaultdict(list))
    outages: list[tuple[datetime, datetime]] = field(default_factory=list)
    kills: int = 0

    def start(self, role: str) -> Process:
        process = self.env.start(role, PACE, sabotage=self.sabotage.get(role))
        self.running[role].append(process)
        return process

    async def ready(self, process: Process, text: str) -> None:
        async def logged() -> bool:
            return text in process.log.read_text(errors="replace")

        await eventually(logged, within=30)

    async def replace(self, role: str, sent: signal.Signals) -> None:
        """End the process of a role that has run for longest, once another one of it is ready."""
        started = self.start(role)
        if role == "watcher":
            await self.ready(started, "watcher ready")
        old = self.running[role].pop(0)
        old.send(sent)
        await old.exited()
        self.kills += 1

    async def kill_postgres(self) -> None:
        """Until a while after it is back, a price may be recorded that no watcher fires by."""
        killed = datetime.now(UTC)
        await self.env.restart_postgres()
        self.outages.append((killed - COMMIT, datetime.now(UTC) + RECONNECTED))
        self.kills += 1

    async def kill_redis(self) -> None:
        """Orders fire without it; the sweeper queues them."""
        await self.env.kill_redis()
        await asyncio.sleep(self.rng.uniform(0.2, 1))
        await self.env.start_redis()
        self.kills += 1


Disturbance = Callable[[Run], Awaitable[None]]
"""What happens again and again while the market moves."""


async def play(
    run: Run,
    books: Sequence[Book],
    *,
    each: int,
    slots: int,
    disturb: Disturbance,
    plans: int = 0,
    snipers: int = 0,
    watchers: int = 2,
) -> Findings:
    """Processes of the engine trade the books, and are disturbed."""
    await run.env.clear()
    run.running.clear()
    run.start("api")
    run.start("worker")
    for _ in range(watchers):
        run.start("watcher")
    for process in run.running["watcher"]:
        await run.ready(process, "watcher ready")

    async def disturb_and_pause() -> None:
        await disturb(run)
        await asyncio.sleep(run.rng.uniform(0.2, 0.6))

    much = {"each": each, "slots": slots, "plans": plans, "snipers": snipers}
    triggers = await trade(run.env, books, **much, meanwhile=disturb_and_pause)
    return await compare(run.env.db, books, triggers, run.outages)


async def _wait() -> None:
    await asyncio.sleep(0.1)


async def trade(
    engine: Running,
    books: Sequence[Book],
    *,
    each: int,
    slots: int,
    plans: int = 0,
    snipers: int = 0,
    quiet: float = QUIET_SECONDS,
    meanwhile: Callable[[], Awaitable[None]] = _wait,
) -> Mapping[str, str]:
    """Place the books and move the market past them, until all that it has met is done; then cancel the rest, whose
    triggers it returns.
    """
    for book in books:
        await schedule(engine.db, book.pair, [(0, PAIRS[book.pair][0])], BLOCK_MS)
    owner = Owner(engine.base_url)
    await owner.place(books, each=each, plans=plans, snipers=snipers)
    begin = int(time.time() * 1000) // BLOCK_MS + LEAD_SLOTS
    for book in books:
        path = [(begin + at, price) for at, price in book.path(slots)]
        await schedule(engine.db, book.pair, path, BLOCK_MS)
    seconds = slots * BLOCK_MS / 1000
    meddling = [asyncio.create_task(owner.meddle(book, seconds)) for book in books]
    moving = asyncio.create_task(asyncio.sleep(seconds + LEAD_SLOTS * BLOCK_MS / 1000))
    while not moving.done():
        await meanwhile()
    await asyncio.gather(moving, *meddling)
    await _quiet(engine, quiet)
    triggers = {row["order_id"]: row["trigger"] for row in await engine.db.fetch(TRIGGERS)}
    await owner.cancel_the_rest(books)
    await eventually(lambda: _all_ended(engine), within=20)
    await owner.http.aclose()
    return triggers


async def _quiet(engine: Running, seconds: float) -> None:
    """Wait until no order was under way for a while, and every plan has made its slices."""
    since = time.monotonic()

    async def quiet() -> bool:
        nonlocal since
        busy = await engine.db.fetchval(
            "SELECT EXISTS (SELECT FROM orders WHERE status IN ('pending', 'routing', 'building', 'submitted'))"
            " OR EXISTS (SELECT FROM plans)"
        )
        since = time.monotonic() if busy else since
        await asyncio.sleep(0.05)
        return time.monotonic() - since > seconds

    await eventually(quiet, within=40)


async def _all_ended(engine: Running) -> bool:
    unfinished = (
        "SELECT EXISTS (SELECT FROM orders WHERE status IN ('open','pending','routing','building','submitted'))"
    )
    return not await engine.db.fetchval(unfinished)
