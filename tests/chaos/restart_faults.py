"""Processes are replaced under load."""

import asyncio
import random
import signal

from tests.chaos.clients import Clients
from tests.chaos.environment import Environment, Process
from tests.chaos.process_faults import verdict_of
from tests.engine import eventually


async def rolling_restart(env: Environment, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """Each process is replaced under load: the new one starts, then the old one gets SIGTERM."""
    await env.clear()
    pace = {"MOCK_QUOTE_MS": "20", "MOCK_EXECUTION_MS_MIN": "100", "MOCK_EXECUTION_MS_MAX": "300"}
    api, workers = env.start("api"), [env.start("worker", pace) for _ in range(2)]
    clients = Clients(env.base_url, rng)
    await clients.place(1)
    errors = clients.errors
    loading = asyncio.create_task(clients.place(orders, at_once=8, pause=8 * 10 / orders))
    codes = []
    for _ in range(2):
        old, api = api, env.start("api")
        await _logs(api, b"local mode")
        codes.append(await _stopped(old))
        for n in range(2):
            replacement = env.start("worker", pace)
            await _logs(replacement, b"worker ready")
            codes.append(await _stopped(workers[n]))
            workers[n] = replacement
    await loading
    verdict = await verdict_of(env, clients)
    lost_workers = await env.db.fetchval("SELECT count(*) FROM order_events WHERE details->>'code' = 'worker_lost'")
    return (
        f"{orders} orders, {len(codes)} restarts: {clients.errors - errors} client errors, {lost_workers} released, "
        f"{verdict.lost} lost, exit codes {sorted(set(codes))}",
        verdict.clean and clients.errors == errors and set(codes) == {0},
    )


async def _stopped(process: Process) -> int:
    process.send(signal.SIGTERM)
    return await process.exited()


async def _logs(process: Process, text: bytes) -> None:
    async def logged() -> bool:
        return text in process.log.read_bytes()

    await eventually(logged, within=20)
