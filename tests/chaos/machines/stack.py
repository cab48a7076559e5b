"""The engine on six machines: API, two workers, watcher, Postgres and Redis."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import asyncpg

from app.local import binaries, postgres_data, servers
from app.local.data_home import DataHome, prepare
from app.local.watchdog import Watchdog
from app.server.listener import listen
from migrations.upgrade import upgrade
from tests.chaos.environment import Environment, Process
from tests.chaos.machines.network import SUBNET, Network, new_network
from tests.postgres_pair import new_home

WORKERS = ("worker", "other worker")
MACHINES = ("api", *WORKERS, "watcher", "postgres", "redis")
PORT = 3000


@dataclass
class Stack:
    network: Network
    env: Environment

    def start(self, machine: str, settings: dict[str, str]) -> Process:
        reachable = {"TRUST_NETWORK": "true", "HOST": self.network["api"].address}
        with self.network[machine].inside():
            return self.env.start(machine.split()[-1], settings | reachable)


@contextlib.asynccontextmanager
async def new_stack(env: Environment, rng: random.Random) -> AsyncIterator[Stack]:
    """NoNetwork if this machine cannot have one."""
    await env.clear()
    watchdog = Watchdog(removes=(home := new_home()))
    try:
        with new_network(rng, *MACHINES) as network:
            data_home = prepare(home, durable=True)
            _let_in(data_home, watchdog)
            with network["postgres"].inside():
                postgres = servers.start_postgres(data_home, watchdog, host=network["postgres"].address)
            with network["redis"].inside():
                redis = servers.start_valkey(data_home, watchdog, host=network["redis"].address)
            await asyncio.gather(servers.wait_until_ready(postgres), servers.wait_until_ready(redis))
            await asyncio.to_thread(upgrade, postgres.url)
            with network["api"].inside():
                listener = listen(network["api"].address, PORT)
            db = await asyncpg.create_pool(postgres.url, min_size=0, max_size=4)
            with listener:
                there: dict[str, Any] = {"postgres_url": postgres.url, "redis_url": redis.url}
                try:
                    yield Stack(network, replace(env, db=db, listener=listener, **there))
                finally:
                    db.terminate()
                    await env.end_processes()
    finally:
        await asyncio.to_thread(watchdog.end)


def _let_in(data_home: DataHome, watchdog: Watchdog) -> None:
    """Postgres takes connections of the other machines."""
    data = data_home.data / "postgres"
    postgres_data.init(binaries.postgres(data_home.account), data_home, data, watchdog)
    with (data / "pg_hba.conf").open("a") as file:
        file.write(f"host all all {SUBNET}.0/24 scram-sha-256\n")
