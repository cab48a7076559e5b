"""The database is restored from a backup: it has forgotten what happened since, and the chain has not."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import httpx

from app.network import mint_of
from app.orders.lifecycle import TERMINAL
from tests.chaos.clients import WATCHED, Clients
from tests.chaos.environment import Environment
from tests.chaos.oracle import judge
from tests.chaos.server_faults import LOAD_SECONDS, PACE
from tests.chaos.waiting.snipers import POOL
from tests.dump import dump, restore
from tests.engine import eventually

BLOCKS = {"MOCK_BLOCK_MS": "20"}  # so that a swap can be on its way for 3 s, and not for a minute
AMOUNT = "1.25"
# Every fifth order waits: for a price that is met, or for a launch, which the dump has not seen.
WAITING: dict[int, dict[str, Any]] = {
    0: {"orderType": "sniper", "tokenOut": mint_of("WIF"), "limitPrice": "1", "trigger": {"event": "pool_created"}},
    5: WATCHED,
}
LIVES = {"expiresInSeconds": 3600}
LANDED = """
SELECT split_part(memo, ' ', 1) AS order_id, split_part(memo, ' ', 2) AS tag FROM chain.transactions
 WHERE status = 'landed'
"""


async def restored_under_load(
    env: Environment, rng: random.Random, *, orders: int, sabotage: Mapping[str, Any] | None = None
) -> tuple[str, bool]:
    """A dump is taken while orders come in, before a launch. Later it is restored, and clients repeat all orders."""
    await env.clear()
    started = [
        *(env.start(role, BLOCKS) for role in ("api", "watcher")),
        *(env.start("worker", PACE | BLOCKS) for _ in range(2)),
    ]
    clients = Clients(env.base_url, rng)
    keys = [str(UUID(int=rng.getrandbits(128))) for _ in range(orders)]
    slots = asyncio.Semaphore(8)

    async def place(n: int, key: str) -> None:
        async with slots:
            await clients.accept(key, **_body(n))
            await asyncio.sleep(LOAD_SECONDS * 8 / orders)

    placing = [asyncio.create_task(place(n, key)) for n, key in enumerate(keys)]
    await eventually(lambda: _confirmed(env, orders // 3), within=60)
    taken = await dump(env.postgres.url)
    async with httpx.AsyncClient(base_url=env.base_url) as http:
        (await http.post("/api/simulate/pools", json=POOL | {"symbol": "WIF"})).raise_for_status()
    await asyncio.gather(*placing)
    await eventually(lambda: _all_ended(env), within=60)
    for process in started:
        await process.kill()
    await restore(env.postgres.url, taken)
    began = time.monotonic()
    forgotten = await env.db.fetchval("SELECT count(*) FROM orders WHERE status <> ALL($1::text[])", list(TERMINAL))
    unknown = orders - await env.db.fetchval("SELECT count(*) FROM orders")
    env.start("worker", PACE | BLOCKS, sabotage=sabotage)
    env.start("api", BLOCKS)
    env.start("watcher", BLOCKS)
    await clients.finish(0)
    again = Clients(env.base_url, rng)
    for n, key in enumerate(keys):
        await again.accept(key, **_body(n))
    await eventually(lambda: _all_ended(env), within=60)
    took = time.monotonic() - began
    await again.finish(0)

    landed = await env.db.fetch(LANDED)
    twice = sum(
        count > 1 for column in ("order_id", "tag") for count in Counter(row[column] for row in landed).values()
    )
    verdict = await judge(env.db, accepted=again.accepted, chain=False)
    unfilled = await env.db.fetchval(
        "SELECT count(*) FROM orders WHERE status = 'confirmed'"
        " AND tx_hash NOT IN (SELECT signature FROM chain.transactions WHERE status = 'landed')"
    )
    text = (
        f"{orders} orders, {forgotten} filled that the dump had as unfinished, {unknown} that it did not know: "
        f"{verdict.lost} lost, {twice} twice, {unfilled} wrong, {verdict.gaps} gaps, over after {took:.1f} s"
    )
    return text, verdict.clean and not twice and not unfilled


async def planted_is_caught(env: Environment, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """An engine that believes its database must turn the verdict red."""
    text, clean = await restored_under_load(env, rng, orders=orders, sabotage={"bug": "no reconciling"})
    return f"{'missed' if clean else 'caught'}: {text}", not clean


def _body(n: int) -> dict[str, Any]:
    return {"amount": AMOUNT} | (WAITING[n % 10] | LIVES if n % 10 in WAITING else {})


async def _confirmed(env: Environment, wanted: int) -> bool:
    return int(await env.db.fetchval("SELECT count(*) FROM orders WHERE status = 'confirmed'")) >= wanted


async def _all_ended(env: Environment) -> bool:
    unfinished = "SELECT EXISTS (SELECT FROM orders WHERE status <> ALL($1::text[]))"
    return not await env.db.fetchval(unfinished, list(TERMINAL))
