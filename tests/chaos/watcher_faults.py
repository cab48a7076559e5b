"""Faults of watchers while the market moves. A plain model says from the recorded prices which orders had to fire."""

import asyncio
import contextlib
import random
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import httpx
import orjson

from tests.chaos.environment import Environment, Process
from tests.engine import eventually
from tests.waiting import FEED, place_open

PERSIST = 2
HELD_SLOTS = 6  # for which each price stands still
FROZEN_SECONDS = 4.5  # longer than a price may fire orders
BEGIN = 150


@dataclass
class Book:
    """The orders that wait: op, persist and level of each."""

    orders: dict[UUID, tuple[str, int, Decimal]]


async def killed_while_the_market_moves(
    env: Environment, rng: random.Random, *, orders: int, moves: int, watchers: int = 3
) -> tuple[str, bool]:
    """Watchers are killed again and again, and one is frozen and thawed, while prices go up and down."""
    await env.clear()
    env.start("api")
    async with httpx.AsyncClient(base_url=env.base_url, timeout=10) as http:
        await _move(http, BEGIN)
        book = await _place(env, rng, orders)
        running = [env.start("watcher") for _ in range(watchers)]
        for watcher in running:
            await _ready(watcher)
        moving = asyncio.create_task(_walk(env, http, rng, moves))
        kills = await _kill(env, rng, running, moving)
        await moving
        await http.delete("/api/simulate/market")
    return await _judge(env, book, kills)


async def _place(env: Environment, rng: random.Random, orders: int) -> Book:
    book = Book({})
    for kind, op, persist, sign in (
        ("stop", "le", PERSIST, -1),
        ("take_profit", "ge", PERSIST, 1),
        ("limit", "ge", 0, 1),
    ):
        levels = [Decimal(BEGIN) + sign * Decimal(rng.randint(50, 3_000)) / 100 for _ in range(orders // 3)]
        ids = await place_open(env.db, levels, order_type=kind, op=op, persist=persist)
        book.orders |= {order: (op, persist, level) for order, level in zip(ids, levels, strict=True)}
    return book


async def _move(http: httpx.AsyncClient, price: Decimal | int) -> None:
    answer = await http.post("/api/simulate/market", json={"tokenIn": "SOL", "tokenOut": "USDC", "price": str(price)})
    assert answer.status_code == 200, answer.text


async def _walk(env: Environment, http: httpx.AsyncClient, rng: random.Random, moves: int) -> None:
    for _ in range(moves):
        slot = await env.db.fetchval("SELECT coalesce(max(slot), 0) FROM prices")
        await _move(http, Decimal(rng.randint(12_500, 17_500)) / 100)

        async def held(since: int = slot) -> bool:
            return bool(await env.db.fetchval("SELECT count(*) FROM prices WHERE slot > $1", since) > HELD_SLOTS)

        await eventually(held, within=30)


async def _kill(env: Environment, rng: random.Random, running: list[Process], moving: asyncio.Task[None]) -> int:
    """Kill one after the other, and start it again at once; the last one is frozen instead, and thawed."""
    kills, frozen_since = 0, 0.0
    loop = asyncio.get_running_loop()
    while not moving.done():
        await asyncio.sleep(rng.uniform(0.2, 0.8))
        victim = rng.randrange(len(running) - 1)
        running[victim].send(signal.SIGKILL)
        await running[victim].exited()
        running[victim] = env.start("watcher")
        kills += 1
        await _ready(running[victim])
        if loop.time() - frozen_since > FROZEN_SECONDS:
            running[-1].send(signal.SIGCONT)
            await asyncio.sleep(0.1)
            running[-1].send(signal.SIGSTOP)
            frozen_since = loop.time()
    running[-1].send(signal.SIGCONT)
    return kills


async def _ready(watcher: Process) -> None:
    async def ready() -> bool:
        return "watcher ready" in watcher.log.read_text(errors="replace")

    await eventually(ready, within=30)


async def _judge(env: Environment, book: Book, kills: int) -> tuple[str, bool]:
    rows = await env.db.fetch("SELECT slot, best, low, high FROM prices WHERE feed = $1", FEED)
    prices = {row["slot"]: (row["best"], row["low"], row["high"]) for row in rows}
    met = {order: _met(prices, *condition) for order, condition in book.orders.items()}

    async def all_fired() -> bool:
        fired = await env.db.fetch("SELECT order_id FROM order_events WHERE seq = 2 AND status = 'pending'")
        return {row["order_id"] for row in fired} >= {order for order, slots in met.items() if slots}

    with contextlib.suppress(AssertionError):  # the verdict says how many
        await eventually(all_fired, within=5)
    events = await env.db.fetch("SELECT order_id, details FROM order_events WHERE status = 'pending'")
    fired: dict[UUID, list[int]] = {}
    for event in events:
        fired.setdefault(event["order_id"], []).append(orjson.loads(event["details"])["trigger"]["slot"])
    twice = sum(len(slots) > 1 for slots in fired.values())
    early = sum(not set(slots) <= met[order] for order, slots in fired.items())
    missed = sum(bool(slots) and order not in fired for order, slots in met.items())
    text = f"{len(book.orders)} orders, {len(fired)} met, {kills} kills: {twice} twice, {early} early, {missed} missed"
    return text, bool(fired) and kills > 0 and twice == early == missed == 0


def _met(prices: Mapping[int, tuple[Decimal, Decimal, Decimal]], op: str, persist: int, level: Decimal) -> set[int]:
    """The slots at which an order is met."""
    found = set()
    for slot in prices:
        last = [prices.get(slot - back) for back in range(max(persist, 1))]
        known = [price for price in last if price is not None]
        if len(known) < len(last):
            continue
        if persist == 0:
            holds = known[0][0] >= level
        elif op == "ge":
            holds = all(low >= level for _, low, _ in known)
        else:
            holds = all(high <= level for _, _, high in known)
        if holds:
            found.add(slot)
    return found
