"""A database that is not the one of before is noticed before anything is written to it."""

from pathlib import Path

import asyncpg
import pytest

from app.maintenance.client_programs import client_programs
from app.orders.queue.order_queue import OrderQueue
from app.orders.queue.start_limit import StartLimit
from app.orders.reconciling.state import compare_database
from app.postgres.pools import open_postgres
from app.redis_scripts import pipelined
from tests.engine import HAPPY, Engine, eventually
from tests.integration.test_backup import written


@pytest.mark.parametrize(
    ("pool", "before"),
    [("writing", "identity = 'the timeline before'"), ("internal", "identity = ''"), ("writing", "orders_oid = 1")],
)
async def test_another_database_is_noticed_on_the_first_connection_that_may_write(
    postgres_dsn: str, pool: str, before: str
) -> None:
    first = await open_postgres(postgres_dsn, size=4, before_writing=compare_database)
    state = "SELECT state FROM trading_states"
    assert await first.writing.fetchval(state) is None
    identity = await first.writing.fetchrow("SELECT identity, orders_oid FROM reconciliation")
    await first.close()
    again = await open_postgres(postgres_dsn, size=4, before_writing=compare_database)
    assert await again.writing.fetchval(state) is None
    await again.writing.execute(f"UPDATE reconciliation SET {before}")
    await again.close()
    other = await open_postgres(postgres_dsn, size=4, before_writing=compare_database)
    assert await getattr(other, pool).fetchval(state) == "halted"
    assert await other.writing.fetchrow("SELECT identity, orders_oid FROM reconciliation") == identity
    assert await other.writing.fetchval("SELECT count(*) FROM audit_log") == 1
    await other.close()


async def test_an_engine_that_did_not_know_its_tables_yet_goes_on(postgres_dsn: str) -> None:
    """As after an upgrade."""
    pool = await open_postgres(postgres_dsn, size=4, before_writing=compare_database)
    await pool.writing.execute("UPDATE reconciliation SET orders_oid = NULL")
    assert await pool.internal.fetchval("SELECT orders_oid FROM reconciliation") is not None
    assert await pool.internal.fetchval("SELECT count(*) FROM trading_states") == 0
    await pool.close()


async def test_a_role_without_rights_of_its_own_can_compare(postgres_dsn: str) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("CREATE ROLE plain_reader")
    try:
        await connection.execute("GRANT SELECT, INSERT ON reconciliation TO plain_reader")
        await connection.execute("SET ROLE plain_reader")
        await compare_database(connection)
        await connection.execute("RESET ROLE")
        assert await connection.fetchval("SELECT count(*) FROM reconciliation") == 1
    finally:
        await connection.execute("RESET ROLE; DROP OWNED BY plain_reader; DROP ROLE plain_reader")
        await connection.close()


async def test_a_backup_that_pg_restore_brought_back_is_noticed(postgres_dsn: str, tmp_path: Path) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    await compare_database(connection)
    file, state = await written(postgres_dsn, tmp_path), "SELECT reason FROM trading_states"
    programs = client_programs(connection, postgres_dsn)
    await compare_database(connection)
    assert await connection.fetchval(state) is None
    await programs.run("pg_restore", "--clean", "--if-exists", "--no-owner", f"--dbname={programs.address}", file)
    await compare_database(connection)
    assert await connection.fetchval(state) == "the tables were made anew: a backup was restored"
    await connection.close()


async def test_an_order_of_another_engine_in_the_queue_is_named(
    engine: Engine, primed_queue: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Two engines on one Redis take each other's orders: these wait until their sweepers find them."""
    other = "00000000-0000-7000-8000-000000000001"
    await pipelined(
        engine.redis, lambda pipe: OrderQueue(engine.redis, StartLimit(0)).enqueue(pipe, {f"{other}:2:local": 0})
    )
    await engine.start_worker()

    async def is_named() -> bool:
        return any("another engine uses this Redis" in record.message for record in caplog.records)

    await eventually(is_named)
    assert (await engine.read_stream((await engine.place())["orderId"])).statuses == HAPPY
