"""Postgres loses the writes of the last seconds: an asynchronous standby is promoted, or an older state is restored.

The chain is in another server, because it stands for the world: it goes on, and forgets nothing.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from app.orders.lifecycle import TERMINAL
from tests.chaos.clients import Clients
from tests.chaos.environment import Environment
from tests.chaos.failover_faults import LIMIT, NEXT
from tests.chaos.oracle import ObservedStream, judge
from tests.chaos.server_faults import PACE
from tests.engine import eventually
from tests.postgres_archive import new_archived
from tests.postgres_pair import new_pair

BEHIND_SECONDS = 2.0
BACK_SECONDS = 3.0
LOAD_SECONDS = 6.0
AMOUNT = "1.25"
LANDED = """
SELECT signature, split_part(memo, ' ', 1) AS order_id, split_part(memo, ' ', 2) AS tag FROM chain.transactions
 WHERE status = 'landed'
"""
KNOWN = "SELECT count(*) FROM orders"


class Load:
    """Orders that come in for `LOAD_SECONDS`, each with a key, and are watched."""

    def __init__(self, env: Environment, rng: random.Random, *, orders: int) -> None:
        self.clients = Clients(env.base_url, rng)
        self._env = env
        self._rng = rng
        self._keys = [str(UUID(int=rng.getrandbits(128))) for _ in range(orders)]
        self._placing = list[asyncio.Task[None]]()

    async def start(self) -> None:
        """From when the engine accepts orders."""
        await self._place(0, self._keys[0])
        each = LOAD_SECONDS / len(self._keys)
        self._placing = [asyncio.create_task(self._place(n * each, key)) for n, key in enumerate(self._keys) if n]

    async def _place(self, at: float, key: str) -> None:
        await asyncio.sleep(at)
        self.clients.watch(await self.clients.accept(key, amount=AMOUNT))

    async def placed(self) -> None:
        await asyncio.gather(*self._placing)

    async def repeat(self) -> Clients:
        """The clients repeat each key: they cannot know what became of their orders."""
        again = Clients(self._env.base_url, self._rng)
        for key in self._keys:
            await again.accept(key, amount=AMOUNT)
        return again


async def asynchronous_standby_promoted(env: Environment, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """Postgres is killed under load, and its standby, which has received nothing for 2 s, is promoted."""
    await env.clear()
    async with new_pair(synchronous=False) as pair:
        env.postgres_url, env.chain_url = pair.url, env.postgres.url
        _start(env)
        load = Load(env, rng, orders=orders)
        await load.start()
        await asyncio.sleep(2)
        await pair.stop_replication()
        await asyncio.sleep(BEHIND_SECONDS)
        had = await pair.on_primary(KNOWN)
        began = datetime.now(UTC)
        pair.kill(pair.primary)
        await asyncio.sleep(0.5)
        await pair.promote()
        async with asyncpg.create_pool(pair.standby.url, min_size=0, max_size=4) as db:
            forgotten = int(str(had)) - await db.fetchval(f"{KNOWN} WHERE created_at < $1", began)
            await load.placed()
            return await _judged(env, db, load, began, forgotten)


async def restored_to_a_moment(env: Environment, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """Under load all processes are stopped, and Postgres is restored to how it was 3 s before."""
    await env.clear()
    async with new_archived() as archived:
        env.postgres_url, env.chain_url = archived.server.url, env.postgres.url
        _start(env)
        load = Load(env, rng, orders=orders)
        await load.start()
        await asyncio.sleep(4.5)
        for process in env.processes:
            await process.kill()
        async with asyncpg.create_pool(archived.server.url, min_size=0, max_size=1) as db:
            had = await db.fetchval(KNOWN)
        began = datetime.now(UTC)
        restored = await archived.restore(began - timedelta(seconds=BACK_SECONDS))
        env.postgres_url = restored.url
        async with asyncpg.create_pool(restored.url, min_size=0, max_size=4) as db:
            forgotten = had - await db.fetchval(KNOWN)
            _start(env)
            await load.placed()
            return await _judged(env, db, load, began, forgotten)


def _start(env: Environment) -> None:
    env.start("api", LIMIT)
    for _ in range(2):
        env.start("worker", LIMIT | PACE)


async def _judged(env: Environment, db: asyncpg.Pool, load: Load, began: datetime, forgotten: int) -> tuple[str, bool]:
    again = await load.repeat()
    await eventually(lambda: _all_ended(db), within=180)
    took = (datetime.now(UTC) - began).total_seconds()
    await load.clients.finish(within=10)
    await again.finish(0)
    await env.end_processes()

    landed = await env.db.fetch(LANDED)
    twice = sum(
        count > 1 for column in ("order_id", "tag") for count in Counter(row[column] for row in landed).values()
    )
    signatures = {row["signature"] for row in landed}
    orders = await db.fetch("SELECT id, status, tx_hash FROM orders")
    wrong = sum(row["status"] == "confirmed" and row["tx_hash"] not in signatures for row in orders)
    statuses = {str(row["id"]): row["status"] for row in orders}
    misled = sum(_misled(one, statuses) for one in load.clients.seen)
    verdict = await judge(db, accepted=again.accepted, chain=False)
    (accepted, started) = (await db.fetch(NEXT, began))[0]
    text = (
        f"{len(again.accepted)} orders, {forgotten} of them forgotten: {verdict.lost} lost, {twice} twice, "
        f"{wrong} wrong, {verdict.gaps} gaps, {misled} streams misled, at most {verdict.max_starts} starts in any "
        f"60 s; accepted again after {(accepted - began).total_seconds():.1f} s, started after "
        f"{(started - began).total_seconds():.1f} s, over after {took:.1f} s"
    )
    clean = verdict.clean and not (twice or wrong or misled) and verdict.max_starts <= int(LIMIT["QUEUE_MAX_PER_MIN"])
    return text, clean and forgotten > 0


def _misled(seen: ObservedStream, statuses: Mapping[str, str]) -> bool:
    """Whether a stream ended otherwise than with what holds. One of an order that was filled, and is known by another
    id since its key was repeated, told the truth; so did one that said that there is no such order.
    """
    last = seen.events[-1]["status"] if seen.events else None
    return seen.code != 4404 and (seen.code != 1000 or last != statuses.get(seen.order, "confirmed"))


async def _all_ended(db: asyncpg.Pool) -> bool:
    unfinished = "SELECT EXISTS (SELECT FROM orders WHERE status <> ALL($1::text[]))"
    return not await db.fetchval(unfinished, list(TERMINAL))
