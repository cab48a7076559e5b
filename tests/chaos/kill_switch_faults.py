"""Faults while the kill switch is set."""

import asyncio
import random

import httpx

from tests.chaos.clients import Clients
from tests.chaos.environment import Environment
from tests.chaos.process_faults import verdict_of
from tests.chaos.server_faults import PACE
from tests.engine import eventually


async def halted_under_load(env: Environment, rng: random.Random, *, orders: int, seconds: float) -> tuple[str, bool]:
    """Nothing starts and nothing is sent after the halt was answered, and all orders end after the release."""
    await env.clear()
    env.start("api")
    for _ in range(2):
        env.start("worker", PACE)
    clients = Clients(env.base_url, rng)
    loading = asyncio.create_task(clients.place(orders, at_once=8, pause=seconds * 8 / orders))

    async def some_ended() -> bool:
        return bool(await env.db.fetchval("SELECT count(*) > 10 FROM orders WHERE status = 'confirmed'"))

    await eventually(some_ended, within=30)
    await _switch(env, "halted")
    halted_at = await env.db.fetchval("SELECT clock_timestamp()")
    sent = await env.db.fetchval("SELECT count(*) FROM chain.transactions")
    for _ in range(2):
        await env.redis.flushall()
        await asyncio.sleep(seconds / 3)
    starts = await env.db.fetchval("SELECT count(*) FROM order_events WHERE status = 'routing' AND at > $1", halted_at)
    sends = await env.db.fetchval("SELECT count(*) FROM chain.transactions") - sent
    waiting = await env.db.fetchval("SELECT count(*) FROM orders WHERE status = 'pending'")
    await _switch(env, "active")
    await loading
    verdict = await verdict_of(env, clients, within=60)
    figure = f"{orders} orders, {waiting} waited: {starts} started and {sends} sent while halted, {verdict.lost} lost"
    return (figure if verdict.clean else str(verdict)), verdict.clean and starts == sends == 0


async def _switch(env: Environment, state: str) -> None:
    async with httpx.AsyncClient(base_url=env.base_url, timeout=10) as http:
        answer = await http.put("/api/kill-switch", json={"state": state, "reason": "chaos"})
        assert answer.status_code == 200, answer.text
