"""The dead man's switch while the clock of Postgres jumps. A watcher's connections have a clock of their own here."""

import asyncpg
import pytest

from app.orders.waiting.dead_men import DeadMen
from tests.engine import Engine

pytestmark = pytest.mark.usefixtures("primed_queue")

SHIFTED = """
CREATE SCHEMA shifted;
CREATE TABLE shifted.by AS SELECT 0 AS seconds;
CREATE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT pg_catalog.clock_timestamp() + (SELECT seconds FROM shifted.by) * interval ''1 second''';
"""
LEFT = "SELECT extract(epoch FROM cancels_at - shifted.clock_timestamp())::float8 FROM dead_men"
SILENT = "UPDATE dead_men SET cancels_at = shifted.clock_timestamp() - interval '1 millisecond'"


async def test_a_clock_that_jumps_forward_cancels_nothing_of_an_owner_who_renews(engine: Engine) -> None:
    """All orders of every owner whose switch had less time left than the clock jumped were cancelled."""
    assert (await engine.http.put("/api/dead-man", json={"seconds": 60})).status_code == 200
    await engine.postgres.execute(SHIFTED)
    path = {"search_path": "shifted, public, pg_catalog"}
    try:
        async with asyncpg.create_pool(engine.settings.postgres_dsn, min_size=0, server_settings=path) as pool:
            watchers = [DeadMen(pool) for _ in range(2)]
            assert [await one.fire() for one in watchers] == [None, None]
            await engine.postgres.execute("UPDATE shifted.by SET seconds = 120")
            assert await watchers[0].fire() is None
            left = await engine.postgres.fetchval(LEFT)
            assert 50 < left <= 60
            assert await watchers[1].fire() is None
            assert await engine.postgres.fetchval(LEFT) < left  # once
            await engine.postgres.execute(SILENT)
            fired = await watchers[1].fire()
            assert fired is not None
            assert fired.owner == "local"
    finally:
        await engine.postgres.execute("DROP SCHEMA shifted CASCADE")
