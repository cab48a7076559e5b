"""Faults of a Solana chain: the local node misbehaves, and the validator's own journal says what landed."""

import asyncio
import contextlib
import json
import random
import signal
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
from solders.system_program import TransferParams, transfer

from app.localnet.faults import Faults
from app.localnet.validator import Validator
from app.localnet.view import Node
from tests.chaos.clients import Clients
from tests.chaos.environment import Environment
from tests.chaos.oracle import judge
from tests.engine import eventually
from tests.localnet import STRANGER, WALLET, land, open_validator, served

BLOCK_MS = 100  # a blockhash lives for 15 s
AMOUNT = "0.05"
WITHIN = 120, 0.5  # seconds for all orders to end, and more for each of them
FAILED_ATTEMPTS = "SELECT details->>'code' AS code FROM order_events WHERE details->>'code' IS NOT NULL"

Misbehaviour = Callable[["World"], Coroutine[Any, Any, None]]


@dataclass
class World:
    validator: Validator
    nodes: list[Faults]

    def set(self, **faults: float) -> None:
        """For every node."""
        for node in self.nodes:
            node.set(faults)

    def fills(self) -> Counter[str]:
        landed = [one for one in self.validator.landed.values() if one.error is None]
        return Counter(memo.split(" ")[0] for one in landed for memo in one.memos)


def settings(urls: Sequence[str]) -> dict[str, str]:
    return {
        "CHAIN": "solana",
        "SOLANA_CLUSTER": "localnet",
        "SOLANA_RPC_URL": ",".join(urls),
        "SOLANA_WALLET": str(WALLET.pubkey()),
        "JUPITER_URL": f"{urls[0]}/jupiter",
        "JUPITER_REQUESTS_PER_SECOND": "1000",
        "CONFIRM_SECONDS": "3",
        "WORKER_CONCURRENCY": "16",
        "MAX_ATTEMPTS": "50",
        "RETRY_BASE_SECONDS": "0.1",  # an attempt takes ten calls, and each answer may be withheld
    }


KEY = {"SOLANA_KEYPAIR": json.dumps(list(bytes(WALLET)))}


@contextlib.asynccontextmanager
async def a_world(nodes: int, block_ms: int) -> AsyncIterator[tuple[World, list[str]]]:
    with tempfile.TemporaryDirectory() as folder:
        validator = open_validator(Path(folder) / "journal", block_ms=block_ms)
        faults = [Faults() for _ in range(nodes)]
        async with contextlib.AsyncExitStack() as stack:
            served_by = [served(Node(validator, one, seed=seed)) for seed, one in enumerate(faults)]
            yield World(validator, faults), [await stack.enter_async_context(one) for one in served_by]
        validator.close()


async def under_load(
    env: Environment,
    rng: random.Random,
    misbehave: Misbehaviour,
    *,
    orders: int,
    nodes: int = 1,
    block_ms: int = BLOCK_MS,
) -> tuple[str, bool]:
    """Orders come in while the node misbehaves. In the end each one that is confirmed landed once, and no other did."""
    await env.clear()
    async with a_world(nodes, block_ms) as (world, urls):
        chosen = settings(urls)
        env.start("api", chosen)
        env.start("worker", chosen | KEY)
        clients = Clients(env.base_url, rng)
        await one_filled(env, clients)
        fault = asyncio.create_task(misbehave(world))
        await placed(clients, orders)
        await fault
        figure, clean = await judged(env, clients, world)
        await env.end_processes()
        return figure, clean


async def one_filled(env: Environment, clients: Clients) -> None:
    """Both processes run now. They compare the chain with their settings first, and end if no node answers."""
    clients.watch(await clients.accept(amount=AMOUNT))
    filled = "SELECT count(*) FROM orders WHERE status = 'confirmed'"
    await eventually(lambda: env.db.fetchval(filled), within=60)


async def placed(clients: Clients, orders: int) -> None:
    slots = asyncio.Semaphore(16)

    async def one() -> None:
        async with slots:
            clients.watch(await clients.accept(amount=AMOUNT))

    await asyncio.gather(*(one() for _ in range(orders)))


async def judged(env: Environment, clients: Clients, world: World) -> tuple[str, bool]:
    await clients.finish(WITHIN[0] + WITHIN[1] * len(clients.accepted))
    verdict = await judge(env.db, accepted=clients.accepted, seen=clients.seen, filled=world.fills())
    ended = Counter(row["status"] for row in await env.db.fetch("SELECT status FROM orders"))
    signed = await env.db.fetchval("SELECT count(*) FROM order_events WHERE status = 'submitted'")
    codes = Counter(row["code"] for row in await env.db.fetch(FAILED_ATTEMPTS))
    return f"{verdict}; {_told(ended)}; {signed} signed; failed attempts: {_told(codes) or 'none'}", verdict.clean


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


async def sends_swallowed(world: World) -> None:
    world.set(swallow=0.3)


async def answers_withheld(world: World) -> None:
    world.set(mute=0.05)  # two attempts of five fail; each order waits twice as long after each


async def nodes_behind(world: World) -> None:
    world.set(lag=20, lag_share=0.5)


async def forks(world: World) -> None:
    world.set(fork=0.3)


async def blockhashes_expire(world: World) -> None:
    """Nothing lands until the first blockhashes are over."""
    world.set(swallow=1.0)
    await asyncio.sleep(4)
    world.set(swallow=0.3)


async def providers_disagree(world: World) -> None:
    """One of them knows no transaction, and which one that is changes; both lose sends."""
    world.set(swallow=0.2)
    for turn in range(8):
        for number, node in enumerate(world.nodes):
            node.forgets = number == turn % 2
        await asyncio.sleep(1)
    world.set(forgets=False)


async def wallet_empty(world: World) -> None:
    """Somebody takes nearly all SOL."""
    await asyncio.sleep(2)
    held = world.validator.account(WALLET.pubkey())
    assert held is not None
    away = TransferParams(from_pubkey=WALLET.pubkey(), to_pubkey=STRANGER.pubkey(), lamports=held.lamports - 1_005_000)
    land(world.validator, [transfer(away)])


async def node_killed(
    env: Environment,
    rng: random.Random,
    *,
    orders: int,
    kills: int,
    every: float = 1.5,
    workers: int = 1,
    faults: Mapping[str, float] = MappingProxyType({}),
) -> tuple[str, bool]:
    """The validator is killed again and again under load, and started again with its journal and its faults."""
    await env.clear()
    with socket.socket() as unused, tempfile.TemporaryDirectory() as folder:
        unused.bind(("127.0.0.1", 0))
        url, journal = f"http://127.0.0.1:{unused.getsockname()[1]}", Path(folder) / "journal"
        unused.close()
        node = await started(url, journal, faults)
        chosen = settings([url])
        env.start("api", chosen)
        for _ in range(workers):
            env.start("worker", chosen | KEY)
        clients = Clients(env.base_url, rng)
        await one_filled(env, clients)
        placing = asyncio.create_task(placed(clients, orders))
        for _ in range(kills):
            await asyncio.sleep(every)
            node.send_signal(signal.SIGKILL)
            await node.wait()
            node = await started(url, journal, faults)
        await placing
        await clients.finish(WITHIN[0] + WITHIN[1] * orders)
        await env.end_processes()
        node.send_signal(signal.SIGKILL)
        await node.wait()
        validator = open_validator(journal)
        figure, clean = await judged(env, clients, World(validator, []))
        validator.close()
        return f"{kills} kills; {figure}", clean


async def started(url: str, journal: Path, faults: Mapping[str, float]) -> asyncio.subprocess.Process:
    wallets = [argument for key in (WALLET, STRANGER) for argument in ("--wallet", str(key.pubkey()))]
    options = ["--journal", str(journal), "--port", url.rpartition(":")[2], "--block-ms", str(BLOCK_MS), *wallets]
    node = await asyncio.create_subprocess_exec(sys.executable, "-m", "app.localnet", *options)

    async def answers() -> bool:
        async with httpx.AsyncClient(base_url=url) as http:
            try:
                return (await http.post("/faults", json=dict(faults))).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

    await eventually(answers)
    return node


ROWS = {
    "sends swallowed": partial(under_load, misbehave=sends_swallowed, orders=50),
    "answers withheld": partial(under_load, misbehave=answers_withheld, orders=100),
    "nodes behind a load balancer": partial(under_load, misbehave=nodes_behind, orders=50),
    "blocks dropped after they were processed": partial(under_load, misbehave=forks, orders=100),
    "blockhashes expire": partial(under_load, misbehave=blockhashes_expire, orders=50, block_ms=30),
    "two providers that disagree": partial(under_load, misbehave=providers_disagree, orders=50, nodes=2),
    "the wallet is emptied": partial(under_load, misbehave=wallet_empty, orders=50),
    "the node killed and started again": partial(node_killed, orders=50, kills=5),
    "1,000 orders, sends swallowed, answers withheld, the node killed": partial(
        node_killed, orders=1_000, kills=10, every=6, workers=2, faults={"swallow": 0.2, "mute": 0.02}
    ),
}
