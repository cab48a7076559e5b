"""A release of the kill switch that had to wait does not undo a halt that was answered meanwhile."""

import asyncio
import contextlib
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from tests.engine import Engine, eventually, running_engine

RELEASE = {"state": "active", "reason": "a release"}


async def put(engine: Engine, wanted: str) -> None:
    answer = await engine.http.put("/api/kill-switch", json={"state": wanted, "reason": "a test"})
    assert answer.status_code == 200, answer.text


async def halt(engine: Engine) -> None:
    await put(engine, "halted")


async def state(engine: Engine) -> str:
    return str((await engine.http.get("/api/kill-switch")).json()["state"])


async def waiting_for_the_audit_log(engine: Engine) -> bool:
    waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'audit_log'::regclass AND NOT granted)"
    return bool(await engine.postgres.fetchval(waiting))


@contextlib.asynccontextmanager
async def locked_audit_log(engine: Engine) -> AsyncIterator[None]:
    async with engine.postgres.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE audit_log IN SHARE MODE")
        yield


async def outcomes(engine: Engine) -> list[tuple[str, str]]:
    """The entries about the kill switch, the oldest first: the state that was wanted, and what came of it."""
    rows = await engine.postgres.fetch("SELECT details->>'state' AS state, outcome FROM audit_log ORDER BY id")
    return [(row["state"], row["outcome"]) for row in rows]


@pytest.mark.parametrize("wanted", ["active", "reducing"])
async def test_a_release_that_waited_while_another_process_answered_a_halt_is_refused(
    engine: Engine, redis_dsn: str, wanted: str
) -> None:
    async with running_engine(str(engine.settings.postgres_dsn), redis_dsn) as other:
        async with locked_audit_log(engine):
            releasing = asyncio.create_task(engine.http.put("/api/kill-switch", json=RELEASE | {"state": wanted}))
            await eventually(lambda: waiting_for_the_audit_log(engine))
            await halt(other)
        released = await releasing
    assert (released.status_code, released.json()["code"]) == (409, "kill_switch_changed")
    assert await state(engine) == "halted"
    assert (wanted, "done") not in await outcomes(engine)
    assert (wanted, "kill_switch_changed") in await outcomes(engine)


async def test_a_release_whose_client_has_gone_is_dropped(engine: Engine) -> None:
    await halt(engine)
    async with locked_audit_log(engine):
        with pytest.raises(httpx.ReadTimeout):
            await engine.http.put("/api/kill-switch", json=RELEASE, timeout=0.3)

        async def dropped() -> bool:
            return not await waiting_for_the_audit_log(engine)

        await eventually(dropped, within=12)
    assert await state(engine) == "halted"
    assert await outcomes(engine) == [("halted", "done")]


@pytest.mark.parametrize("stricter", ["reducing", "halted"])
async def test_a_release_that_was_still_arriving_when_a_stricter_state_was_set_is_refused(
    engine: Engine, stricter: str
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'{"state": "active", '
        await put(engine, stricter)
        yield b'"reason": "a release"}'

    headers = {"Content-Type": "application/json"}
    answer = await engine.http.put("/api/kill-switch", content=body(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "kill_switch_changed")
    assert await state(engine) == stricter


async def test_releases_at_the_same_time_all_succeed_and_so_does_a_stricter_state(engine: Engine) -> None:
    await halt(engine)

    async def answered(wanted: str) -> Any:
        return (await engine.http.put("/api/kill-switch", json=RELEASE | {"state": wanted})).status_code

    async with locked_audit_log(engine):
        putting = [asyncio.create_task(answered("active")) for _ in range(2)]
        await eventually(lambda: waiting_for_the_audit_log(engine))
        putting.append(asyncio.create_task(answered("reducing")))
        await asyncio.sleep(0)
    assert await asyncio.gather(*putting) == [200] * 3


HALTED = """
INSERT INTO trading_states (scope, state, reason, set_by, set_at)
VALUES ('*', 'halted', 'a test', 'ops', clock_timestamp())
"""


def frozen_while_another_process_halts(dsn: str) -> None:
    async def halt() -> None:
        connection = await asyncpg.connect(dsn)
        await connection.execute(HALTED)
        await connection.close()

    time.sleep(0.1)  # the kernel counts in ticks
    other = threading.Thread(target=asyncio.run, args=(halt(),))
    other.start()
    other.join()


@pytest.mark.skipif(sys.platform != "linux", reason="only its kernel tells when it received something")
@pytest.mark.parametrize("path", ["PUT /api/kill-switch", "POST /api/queue/resume"])
async def test_a_release_that_waited_for_a_frozen_process_undoes_no_halt(engine: Engine, path: str) -> None:
    """Nothing was read meanwhile, so it seemed to arrive after the halt, and trading went on."""
    content = orjson.dumps(RELEASE)
    head = f"{path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(content)}"
    with socket.create_connection((engine.http.base_url.host, engine.http.base_url.port)) as client:
        client.sendall(f"{head}\r\n\r\n".encode() + content)
        frozen_while_another_process_halts(str(engine.settings.postgres_dsn))
        answer = await asyncio.to_thread(client.recv, 65_536)
    assert answer.startswith(b"HTTP/1.1 409")
    assert await state(engine) == "halted"
