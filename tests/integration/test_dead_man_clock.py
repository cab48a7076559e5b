"""The dead man's switch while the clock of Postgres jumps. A watcher's connections have a clock of their own here."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.orders.waiting.dead_men import DeadMen
from app.postgres.errors import DatabaseUnavailable
from tests.engine import Engine

pytestmark = pytest.mark.usefixtures("primed_queue")

SHIFTED = """
CREATE SCHEMA shifted;
CREATE TABLE shifted.by AS SELECT 0 AS seconds;
CREATE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT pg_catalog.clock_timestamp() + (SELECT seconds FROM shifted.by) * interval ''1 second''';
"""
LEFT = "SELECT extract(epoch FROM cancels_at - shifted.clock_timestamp())::float8 FROM dead_men"
JUMP = "UPDATE shifted.by SET seconds = seconds + $1"
SOON = "UPDATE dead_men SET cancels_at = shifted.clock_timestamp() + interval '5 seconds'"
SILENT = "UPDATE dead_men SET cancels_at = shifted.clock_timestamp() - interval '1 millisecond'"
# The connection of each write to a switch is lost.
CUT_OFF = """
CREATE FUNCTION shifted.cut_off() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NEW; END';
CREATE TRIGGER cut_off BEFORE UPDATE ON dead_men FOR EACH ROW EXECUTE FUNCTION shifted.cut_off();
"""


@pytest.fixture
async def watchers(engine: Engine) -> AsyncIterator[list[DeadMen]]:
    """Two, which have looked once at a switch of a minute."""
    assert (await engine.http.put("/api/dead-man", json={"seconds": 60})).status_code == 200
    await engine.postgres.execute(SHIFTED)
    path = {"search_path": "shifted, public, pg_catalog"}
    try:
        async with asyncpg.create_pool(engine.settings.postgres_dsn, min_size=0, server_settings=path) as pool:
            two = [DeadMen(pool) for _ in range(2)]
            assert [await one.fire() for one in two] == [None, None]
            yield two
    finally:
        await engine.postgres.execute("DROP SCHEMA shifted CASCADE")


async def test_a_clock_that_jumps_forward_cancels_nothing_of_an_owner_who_renews(
    engine: Engine, watchers: list[DeadMen]
) -> None:
    """All orders of every owner whose switch had less time left than the clock jumped were cancelled."""
    await engine.postgres.execute(JUMP, 120)
    assert await watchers[0].fire() is None
    left = await engine.postgres.fetchval(LEFT)
    assert 50 < left <= 60
    assert await watchers[1].fire() is None
    assert await engine.postgres.fetchval(LEFT) < left  # once
    await engine.postgres.execute(SILENT)
    fired = await watchers[1].fire()
    assert fired is not None
    assert fired.owner == "local"


async def test_a_clock_that_jumps_again_and_again_gives_nobody_more_time(
    engine: Engine, watchers: list[DeadMen]
) -> None:
    """The time began anew with each jump: the orders of an owner who was gone were never cancelled."""
    await engine.postgres.execute(SOON)
    for _ in range(3):
        await engine.postgres.execute(JUMP, 20)
        assert await watchers[0].fire() is None
    assert 0 < await engine.postgres.fetchval(LEFT) <= 5


async def test_a_jump_is_not_forgotten_if_postgres_does_not_answer(engine: Engine, watchers: list[DeadMen]) -> None:
    """The next look cancelled all orders."""
    await engine.postgres.execute(JUMP, 120)
    await engine.postgres.execute(CUT_OFF)
    with pytest.raises(DatabaseUnavailable):
        await watchers[0].fire()
    await engine.postgres.execute("DROP TRIGGER cut_off ON dead_men")
    assert await watchers[0].fire() is None
    assert 50 < await engine.postgres.fetchval(LEFT) <= 60
