"""Checks the oracle itself: each planted bug meets the fault in which it does harm, and must turn the verdict red."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.chaos.clients import Clients
from tests.chaos.environment import Environment
from tests.chaos.oracle import Verdict
from tests.chaos.process_faults import verdict_of
from tests.engine import eventually

Sabotage = Mapping[str, Any]


async def no_fence(env: Environment, clients: Clients) -> Verdict:
    """A worker is frozen while it asks for quotes, and thawed when another worker has filled the order."""
    # The trigger that checks the lifecycle would refuse the writes of this bug, so it is disabled as well.
    await env.db.execute("ALTER TABLE orders DISABLE TRIGGER orders_legal_moves")
    try:
        frozen = env.start("worker", {"MOCK_QUOTE_MS": "600"}, sabotage={"bug": "no fence"})
        await clients.place(3)
        await eventually(lambda: _count(env, "status = 'routing'", 3))
        frozen.send(signal.SIGSTOP)
        env.start("worker", sabotage={"bug": "no fence"})
        await eventually(lambda: _count(env, "status = 'confirmed'", 3), within=20)
        frozen.send(signal.SIGCONT)

        async def written() -> bool:
            return bool(await env.db.fetchval("SELECT bool_or(seq > 8) FROM orders"))

        await eventually(written, within=10)
        return await verdict_of(env, clients, within=5)
    finally:
        await env.db.execute("ALTER TABLE orders ENABLE TRIGGER orders_legal_moves")


async def publish_before_commit(env: Environment, clients: Clients) -> Verdict:
    """A worker is killed after it published its first move and before it committed it."""
    sabotage = {"bug": "publish before commit", "kill_at": {"when": "before", "what": "commit", "n": 2}}
    return await _killed_then_healthy(env, clients, sabotage)


async def no_sweeper(env: Environment, clients: Clients) -> Verdict:
    """The API is killed before it queues an order, and no sweeper finds the order."""
    env.start("worker", sabotage={"bug": "no sweeper"})
    for process in env.processes:
        if "api" in process.log.name:
            await process.kill()
    sabotaged = env.start("api", sabotage={"kill_at": {"when": "before", "what": "queue", "n": 1}})
    placing = asyncio.create_task(clients.place(1))
    await sabotaged.exited()
    env.start("api")
    await placing
    return await verdict_of(env, clients, within=8)


async def sign_again_on_resend(env: Environment, clients: Clients) -> Verdict:
    """A worker is killed after a send, and the next worker signs the swap again."""
    sabotage = {"kill_at": {"when": "after", "what": "send", "n": 1}}
    return await _killed_then_healthy(env, clients, sabotage, {"bug": "sign again on resend"})


async def failed_published_early(env: Environment, clients: Clients) -> Verdict:
    """Attempts fail and are retried."""
    env.start("worker", {"MOCK_FAILURE_RATE": "0.5"}, sabotage={"bug": "failed published early"})
    await clients.place(12)
    return await verdict_of(env, clients, within=15)


async def _killed_then_healthy(
    env: Environment, clients: Clients, sabotage: Sabotage, then: Sabotage | None = None
) -> Verdict:
    sabotaged = env.start("worker", sabotage=sabotage)
    await clients.place(1)
    assert await sabotaged.exited() == -signal.SIGKILL
    env.start("worker", sabotage=then)
    return await verdict_of(env, clients, within=15)


async def _count(env: Environment, where: str, wanted: int) -> bool:
    return int(await env.db.fetchval(f"SELECT count(*) FROM orders WHERE {where}")) == wanted


Bug = Callable[[Environment, Clients], Awaitable[Verdict]]
PLANTED: tuple[Bug, ...] = (no_fence, publish_before_commit, no_sweeper, sign_again_on_resend, failed_published_early)


async def all_caught(env: Environment, rng: random.Random) -> tuple[str, bool]:
    """Run all planted bugs; the oracle has to catch each one."""
    missed = []
    for bug in PLANTED:
        await env.clear()
        env.start("api")
        verdict = await bug(env, Clients(env.base_url, rng))
        if verdict.clean:
            missed.append(bug.__name__)
    return f"{len(PLANTED) - len(missed)} of {len(PLANTED)} caught {' '.join(missed)}".rstrip(), not missed
