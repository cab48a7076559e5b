"""A pooler in front of Postgres refuses every setting of a connection that it was not told to ignore, and may lead the
connections that are open to another server.
"""

import asyncio
import re
import struct
from pathlib import Path

import pytest

from app.postgres.errors import POSTGRES_UNAVAILABLE
from app.postgres.pools import open_postgres
from tests.engine import Engine, eventually
from tests.integration.test_reconciling import confirmed, engine

__all__ = ["engine"]  # the fixture, with blocks of 10 ms

SCALING = Path(__file__).resolve().parents[2] / "docs" / "scaling.md"
KNOWN = {"user", "database", "client_encoding", "application_name"}  # to every pooler


async def test_the_documents_name_each_setting_that_a_pooler_has_to_ignore() -> None:
    """One was missing: behind a PgBouncer that was set up as they say the engine took no order."""
    asked = set[str]()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (size,) = struct.unpack("!i", await reader.readexactly(4))
        names = (await reader.readexactly(size - 4))[4:].split(b"\0")[::2]
        asked.update(name.decode() for name in names if name)
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as pooler:
        port = pooler.sockets[0].getsockname()[1]
        postgres = await open_postgres(f"postgresql://engine@127.0.0.1:{port}/orders?sslmode=disable", size=12)
        for pool in (postgres.writing, postgres.reading, postgres.internal):
            with pytest.raises(POSTGRES_UNAVAILABLE):
                await pool.acquire()
        await postgres.close()
    ignored = re.search(r"^ignore_startup_parameters = (.*)$", SCALING.read_text(), re.MULTILINE)
    assert ignored
    assert asked - KNOWN == set(ignored[1].split(","))


async def test_another_database_behind_the_connections_that_are_open_starts_nothing(engine: Engine) -> None:
    """They were not compared with it: 20 of 20 orders that a standby did not know as filled were filled again."""
    await engine.start_worker()
    orders = [(await engine.place())["orderId"] for _ in range(3)]
    await eventually(lambda: confirmed(engine, *orders))
    await engine.postgres.execute("UPDATE reconciliation SET identity = 'that of the primary before'")
    order = (await engine.place())["orderId"]
    await eventually(lambda: confirmed(engine, order))
    began = "SELECT at FROM audit_log WHERE action = 'reconciling.begin'"
    started = "SELECT at FROM order_events WHERE order_id = $1 AND status = 'routing'"
    times = [await engine.postgres.fetch(began), await engine.postgres.fetch(started, order)]
    assert [len(rows) for rows in times] == [1, 1]
    assert times[0][0]["at"] < times[1][0]["at"]
