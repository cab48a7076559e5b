"""One run: books are placed, the market moves past them while processes come and go, and the model judges."""

import asyncio
import random
import signal
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from app.dex.errors import DexError
from app.dex.quotes import QuoteRequest
from app.dex.simulated.set_prices import SetPrice
from app.dex.simulated.venues import PoolVenue
from app.network import Network, open_network
from app.settings import load
from tests.chaos.environment import Environment, Process
from tests.chaos.oracle import judge
from tests.chaos.waiting.books import PAIRS, Book, Owner, schedule
from tests.chaos.waiting.model import COMMIT, Findings, Model
from tests.chaos.waiting.orders import Event, Order, Price
from tests.engine import eventually

BLOCK_MS = 200
PACE = {"MOCK_BLOCK_MS": str(BLOCK_MS), "MOCK_EXECUTION_MS_MAX": "500", "MIN_SLICE_SECONDS": "1"}
LEAD_SLOTS = 4  # from when a path is known to when it begins
RECONNECTED = timedelta(seconds=1)  # from when Postgres is back to when every watcher works again
QUIET_SECONDS = 1.5  # without an order under way: what the market has met is done


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
    run: Run, books: Sequence[Book], *, each: int, slots: int, disturb: Disturbance, plans: int = 0, watchers: int = 2
) -> Findings:
    """Place the books, move the market, and compare."""
    env = run.env
    await env.clear()
    run.running.clear()
    run.start("api")
    run.start("worker")
    for _ in range(watchers):
        run.start("watcher")
    for process in run.running["watcher"]:
        await run.ready(process, "watcher ready")
    for book in books:
        await schedule(env.db, book.pair, [(0, PAIRS[book.pair][0])], BLOCK_MS)
    owner = Owner(env.base_url)
    await owner.place(books, each=each, plans=plans)
    begin = int(time.time() * 1000) // BLOCK_MS + LEAD_SLOTS
    for book in books:
        path = [(begin + at, price) for at, price in book.path(slots)]
        await schedule(env.db, book.pair, path, BLOCK_MS)
    seconds = slots * BLOCK_MS / 1000
    meddling = [asyncio.create_task(owner.meddle(book, seconds)) for book in books]
    moving = asyncio.create_task(asyncio.sleep(seconds + LEAD_SLOTS * BLOCK_MS / 1000))
    while not moving.done():
        await disturb(run)
        await asyncio.sleep(run.rng.uniform(0.2, 0.6))
    await asyncio.gather(moving, *meddling)
    await _quiet(env)
    await owner.cancel_the_rest(books)
    await eventually(lambda: _all_ended(env), within=20)
    await owner.http.aclose()
    return await compare(run, books)


async def _quiet(env: Environment) -> None:
    """Wait until no order was under way for a while, and every plan has made its slices."""
    since = time.monotonic()

    async def quiet() -> bool:
        nonlocal since
        busy = await env.db.fetchval(
            "SELECT EXISTS (SELECT FROM orders WHERE status IN ('pending', 'routing', 'building', 'submitted'))"
            " OR EXISTS (SELECT FROM plans)"
        )
        since = time.monotonic() if busy else since
        await asyncio.sleep(0.05)
        return time.monotonic() - since > QUIET_SECONDS

    await eventually(quiet, within=40)


async def _all_ended(env: Environment) -> bool:
    unfinished = (
        "SELECT EXISTS (SELECT FROM orders WHERE status IN ('open','pending','routing','building','submitted'))"
    )
    return not await env.db.fetchval(unfinished)


async def compare(run: Run, books: Sequence[Book]) -> Findings:
    """Model and engine: what they do not agree on."""
    db = run.env.db
    settings = load(database_url="", mock_block_ms=BLOCK_MS)
    network = open_network(settings)
    rows = await db.fetch("SELECT id, token_in, token_out, price, from_ms FROM chain.set_prices ORDER BY id")
    network.set_prices.add((SetPrice(**row) for row in rows), forget_before_ms=0)
    quotes = dict[tuple[str, int, int], int | None]()

    def quote(order: Order, slot: int) -> int | None:
        key = order.feed, order.amount_in, slot
        if key not in quotes:
            quotes[key] = _best_quote(network, *key)
        return quotes[key]

    prices = defaultdict[str, list[Price]](list)
    for row in await db.fetch("SELECT * FROM prices"):
        best, low, high = (Fraction(row[name]) for name in ("best", "low", "high"))
        token_in, token_out = (network.markets.token(symbol) for symbol in row["feed"].split("/"))
        known = row["best"] == max(network.mids(token_in, token_out, row["slot"]).values())
        prices[row["feed"]].append(Price(row["slot"], best, low, high, row["at"], known))
    model = Model(prices, quote, slot_seconds=BLOCK_MS / 1000, outages=run.outages)
    orders = await _orders(db, network, books)
    findings = model.judge(orders)
    verdict = await judge(db, accepted={order.id: None for order in orders})
    lost = verdict.lost + verdict.twice + verdict.wrong + verdict.gaps + verdict.duplicates
    findings.problems["wrong"] += [one for one in verdict.violations if lost and not one.startswith("all:")]
    findings.problems["slices"] = await _slices(db, books)
    return findings


def _best_quote(network: Network, feed: str, amount_in: int, slot: int) -> int | None:
    token_in, token_out = (network.markets.token(symbol) for symbol in feed.split("/"))
    found = []
    for venue in network.venues:
        try:
            assert isinstance(venue, PoolVenue)
            found.append(venue.quote_now(QuoteRequest(token_in, token_out, amount_in), slot))
        except DexError:
            continue
    best = max(found, key=lambda one: (one.net, one.amount_out), default=None)
    return None if best is None else best.amount_out


async def _orders(db: asyncpg.Pool, network: Network, books: Sequence[Book]) -> list[Order]:
    bodies = {order: (book, placed) for book in books for order, placed in book.orders.items()}
    logs, floors, fills = (defaultdict[str, list[Any]](list) for _ in range(3))
    for row in await db.fetch("SELECT order_id, status, at, details FROM order_events ORDER BY order_id, seq"):
        event = Event(row["status"], row["at"], orjson.loads(row["details"]) if row["details"] else {})
        logs[str(row["order_id"])].append(event)
    for row in await db.fetch("SELECT memo, sent_at, amount_out FROM chain.transactions WHERE status = 'landed'"):
        fills[row["memo"]].append((row["sent_at"], int(row["amount_out"])))
    found = []
    for row in await db.fetch("SELECT * FROM orders WHERE id = ANY($1)", [UUID(order) for order in bodies]):
        order = str(row["id"])
        book, placed = bodies[order]
        decimals = [network.markets.token(row[name]).decimals for name in ("token_in", "token_out")]
        for event in logs[order]:
            if event.status == "building":
                floors[order].append((event.at, int(Decimal(event.details["minAmountOut"]).scaleb(decimals[1]))))
        found.append(
            Order(
                id=order,
                feed=f"{row['token_in']}/{row['token_out']}",
                amount_in=int(row["amount_in"]),
                decimals=(decimals[0], decimals[1]),
                body=placed.body,
                events=logs[order],
                limit_out=int(row["limit_out"]),
                expires_at=row["expires_at"],
                group=placed.group,
                entry=placed.entry,
                floors=floors[order],
                fills=fills[order],
                cancel_asked=order in book.cancelled,
            )
        )
    return found


async def _slices(db: asyncpg.Pool, books: Sequence[Book]) -> list[str]:
    """What is wrong with the orders that are executed in slices."""
    found = []
    for parent, body in ((parent, body) for book in books for parent, body in book.plans.items()):
        rows = await db.fetch(
            """SELECT c.slice, c.amount_in, p.amount_in AS whole, c.created_at - p.created_at AS after
                 FROM orders c JOIN orders p ON p.id = c.parent_id WHERE p.id = $1 ORDER BY c.slice, c.created_at""",
            UUID(parent),
        )
        wanted, every = body["schedule"]["slices"], body["schedule"]["everySeconds"]
        if [row["slice"] for row in rows] != list(range(1, wanted + 1)):
            found.append(f"{parent} has the slices {[row['slice'] for row in rows]} of {wanted}")
        elif sum(row["amount_in"] for row in rows) != rows[0]["whole"]:
            found.append(f"{parent}: its slices are not the whole")
        if any(row["after"].total_seconds() < (row["slice"] - 1) * every for row in rows):
            found.append(f"{parent}: a slice before its time")
    return found
