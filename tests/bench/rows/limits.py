"""The limits of this machine, without any code of the engine."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from app.local.watchdog import Stage
from tests.bench.client import CLONE, client
from tests.bench.environment import Environment, bench_environment, free_port
from tests.bench.rows import IN_FLIGHT, ORDER, Plan, Result, baseline_servers, require
from tests.bench.table import ENGINE, TableRow

CLIENTS = (1, 10, 32)
SECONDS = 3
REQUESTS = 20_000
PIPELINED = 16  # commands in flight per connection
BASELINES = {"empty": "load tool against an empty server", "uvicorn": "bare uvicorn", "node": "bare node:http"}


async def run(plan: Plan) -> Result:
    rounds = min(plan.rounds, 3)
    inserts = {n: TableRow(f"INSERT commits, {n} client{'s' * (n > 1)}", "per second") for n in CLIENTS}
    syncs = TableRow("fdatasync after 8 KiB", "per second")
    sets = {
        n: TableRow(f"Redis SET, {n} connection{'s' * (n > 1)}, {PIPELINED} pipelined", "per second") for n in (1, 10)
    }
    kinds = [kind for kind in BASELINES if kind != "node" or shutil.which("node")]
    https = {kind: TableRow(f"{BASELINES[kind]}, {IN_FLIGHT} in flight", "requests/s") for kind in kinds}
    cost = TableRow("… cost of the load tool", "µs per request")
    async with bench_environment(peers=()) as env, client() as clients:
        await env.engine.db.execute("CREATE TABLE commits (id bigserial PRIMARY KEY, what text NOT NULL)")
        for _ in range(rounds):
            for number, row in inserts.items():
                row.add(ENGINE, await asyncio.to_thread(insert_commits, env, number))
            syncs.add(ENGINE, await asyncio.to_thread(fdatasyncs))
            for number, row in sets.items():
                seen = await clients.call("set", url=env.redis.url, connections=number, pipelined=PIPELINED)
                row.add(ENGINE, seen["per_second"])
            for kind, row in https.items():
                async with serving(env, kind) as port:
                    seen = await clients.call(
                        "post", port=port, path="/", body=ORDER, count=REQUESTS, in_flight=IN_FLIGHT, callers=[]
                    )
                row.add(ENGINE, seen["per_second"])
                if kind == "empty":
                    cost.add(ENGINE, seen["cpu_us"])
    return Result([*inserts.values(), syncs, *sets.values(), *https.values(), cost])


def insert_commits(env: Environment, clients: int) -> float:
    """Measured by pgbench with a prepared statement; a row is as long as an event of an order."""
    at = urlsplit(env.postgres.url)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(f"INSERT INTO commits (what) VALUES ('{'x' * 200}');\n")
        script.flush()
        done = subprocess.run(
            [
                env.programs / "pgbench",
                *("--no-vacuum", "--protocol", "prepared", "--file", script.name, "--time", str(SECONDS)),
                *(
                    "--client",
                    str(clients),
                    "--host",
                    "127.0.0.1",
                    "--port",
                    str(at.port),
                    "--username",
                    str(at.username),
                ),
                at.path.lstrip("/"),
            ],
            env=os.environ | {"PGPASSWORD": at.password or ""},
            capture_output=True,
            text=True,
            check=False,
        )
    found = re.search(r"tps = ([0-9.]+) \(without", done.stdout)
    require(found is not None, f"pgbench: {done.stderr.strip()[-200:]}")
    assert found
    return float(found[1])


def fdatasyncs() -> float:
    with tempfile.TemporaryFile() as file:
        page, count, began = b"x" * 8192, 0, time.perf_counter()
        while (took := time.perf_counter() - began) < 1:
            os.pwrite(file.fileno(), page, count % 2048 * 8192)
            os.fdatasync(file.fileno())
            count += 1
    return count / took


@contextlib.asynccontextmanager
async def serving(env: Environment, kind: str) -> AsyncIterator[int]:
    port = free_port()
    process = start(env, baseline_servers.command(kind, port))
    try:
        while not await answers(port):
            require(process.poll() is None, f"{BASELINES[kind]} did not start")
            await asyncio.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.wait()
        env.watchdog.forget(process)


def start(env: Environment, command: list[str]) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(command, cwd=CLONE, start_new_session=True)
    env.watchdog.watch(process, signal.SIGKILL, Stage.PROCESSES)
    return process


async def answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
