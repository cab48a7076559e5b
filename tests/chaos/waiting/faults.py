"""Rows of the battery about orders that wait."""

import asyncio
import random
import signal

from tests.chaos.environment import Environment
from tests.chaos.waiting.books import PAIRS, Book
from tests.chaos.waiting.findings import Findings
from tests.chaos.waiting.runs import Disturbance, Run, play

SNIPERS = 12  # in each book


async def model_agrees(
    env: Environment, rng: random.Random, *, rounds: int, pairs: int = len(PAIRS), each: int = 110, slots: int = 50
) -> tuple[str, bool]:
    """Each book has a seed of its own; watchers are replaced (SIGTERM) while prices move."""
    return await _rounds(env, rng, rounds, pairs, each, slots, _watchers_replaced)


async def killed_while_triggers_fire(
    env: Environment, rng: random.Random, *, rounds: int, pairs: int = len(PAIRS), each: int = 110, slots: int = 50
) -> tuple[str, bool]:
    """Watchers, the worker and the API are killed while prices move."""
    return await _rounds(env, rng, rounds, pairs, each, slots, _anything_killed, plans=4)


async def servers_killed_while_triggers_fire(
    env: Environment, rng: random.Random, *, rounds: int, pairs: int = len(PAIRS), each: int = 110, slots: int = 120
) -> tuple[str, bool]:
    """Postgres and Redis are killed, one and then the other, while prices move."""
    return await _rounds(env, rng, rounds, pairs, each, slots, _a_server_killed, plans=4)


async def _rounds(
    env: Environment,
    rng: random.Random,
    rounds: int,
    pairs: int,
    each: int,
    slots: int,
    disturb: Disturbance,
    plans: int = 0,
) -> tuple[str, bool]:
    total, orders, kills = Findings(), 0, 0
    for _ in range(rounds):
        run = Run(env, rng)
        books = [Book(pair, random.Random(rng.random())) for pair in list(PAIRS)[:pairs]]
        found = await play(run, books, each=each, slots=slots, disturb=disturb, plans=plans, snipers=SNIPERS)
        total.add(found)
        orders, kills = orders + found.orders, kills + run.kills
    return f"{orders} orders in {rounds * pairs} books, {kills} kills or restarts: {total}", total.clean


async def _watchers_replaced(run: Run) -> None:
    if run.rng.random() < 0.3:
        await run.replace("watcher", signal.SIGTERM)


async def _anything_killed(run: Run) -> None:
    await run.replace(run.rng.choice(("watcher", "watcher", "worker", "api")), signal.SIGKILL)


async def _a_server_killed(run: Run) -> None:
    await (run.kill_postgres() if run.kills % 2 == 0 else run.kill_redis())
    await asyncio.sleep(run.rng.uniform(1, 2))
