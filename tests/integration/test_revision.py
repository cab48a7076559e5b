"""API and worker take no orders on a schema that they do not work with, and go on once it is right."""

import asyncio
import logging
import sys

import asyncpg
import pytest

from app.settings import SettingsError
from migrations.revisions import known_revisions
from migrations.upgrade import upgrade
from tests.engine import SELL_SOL, Engine, eventually, running_engine

NEWEST = known_revisions()[-1]
TOO_NEW = "UPDATE alembic_version SET version_num = '9999'"


async def is_ready(engine: Engine) -> bool:
    return (await engine.http.get("/health/ready")).status_code == 200


async def assert_no_orders(engine: Engine) -> None:
    answer = await engine.http.post("/api/orders/execute", json=SELL_SOL)
    assert (answer.status_code, answer.json()["code"]) == (503, "wrong_schema")
    assert int(answer.headers["retry-after"]) > 0
    batch = await engine.http.post("/api/orders/batch", json={"orders": [SELL_SOL]})
    assert (batch.status_code, batch.json()["code"]) == (503, "wrong_schema")


async def test_an_engine_that_was_started_before_the_migration_works_once_it_is_done(
    new_postgres_dsn: str, redis_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with running_engine(new_postgres_dsn, redis_dsn) as connected:
        await connected.postgres.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    async with running_engine(new_postgres_dsn, redis_dsn) as engine:
        await engine.start_worker()
        await assert_no_orders(engine)
        assert (await engine.http.get("/api/orders")).status_code == 503
        told = (await engine.http.get("/health/ready")).json()
        assert (told["postgres"], told["revision"], told["expectedRevision"]) == ("not migrated", None, NEWEST)
        assert told["reasons"] == [
            f"the database was never migrated, and revision {NEWEST} is needed: run `engine migrate`"
        ]
        await asyncio.to_thread(upgrade, new_postgres_dsn)
        await eventually(lambda: is_ready(engine), within=12)
        order = await engine.place()
        assert (await engine.read_stream(order["orderId"], within=20)).statuses[-1] == "confirmed"
    assert [record.message for record in caplog.records if record.exc_info] == []
    said = [record.message for record in caplog.records if record.name == "engine.revision"]
    assert len(said) == 4  # API and worker: once what is wrong, once that it is right


async def test_on_a_schema_of_a_newer_version_there_are_no_orders_and_one_sentence(
    engine: Engine, postgres_dsn: str
) -> None:
    await engine.start_worker()
    order = (await engine.place())["orderId"]
    await engine.read_stream(order)
    await engine.postgres.execute(TOO_NEW)

    async def not_ready() -> bool:
        return not await is_ready(engine)

    await eventually(not_ready)
    await assert_no_orders(engine)
    sentence = f"the database has revision 9999, which is newer than {NEWEST}, the newest this engine knows: update it"
    assert (await engine.http.get("/health/ready")).json()["reasons"] == [sentence]
    with pytest.raises(SettingsError, match="9999, which is newer than"):
        await asyncio.to_thread(upgrade, postgres_dsn)


async def test_an_order_before_an_older_schema_is_noticed_is_to_come_again(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, max_daily_usd=1_000) as engine:
        await engine.postgres.execute("DROP FUNCTION lock_days(text[])")
        answer = await engine.http.post("/api/orders/execute", json=SELL_SOL)
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")


async def test_a_worker_runs_no_orders_on_a_schema_of_a_newer_version(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    await engine.postgres.execute(TOO_NEW)
    worker = await engine.start_worker()

    async def alive() -> bool:
        return bool(await engine.redis.zscore("engine:workers", worker.token))

    await eventually(alive)
    assert await engine.queued(order) is not None
    assert worker.job_counter == 0
    await engine.postgres.execute("UPDATE alembic_version SET version_num = $1", NEWEST)
    assert (await engine.read_stream(order, within=20)).statuses[-1] == "confirmed"


async def test_the_old_version_works_on_while_a_newer_one_says_that_it_may(engine: Engine, postgres_dsn: str) -> None:
    await engine.postgres.execute(f"{TOO_NEW}; COMMENT ON TABLE alembic_version IS '9999 works with {NEWEST}'")
    await engine.start_worker()
    await eventually(lambda: is_ready(engine))
    order = await engine.place()
    assert (await engine.read_stream(order["orderId"])).statuses[-1] == "confirmed"
    await asyncio.to_thread(upgrade, postgres_dsn)  # nothing to do


async def test_a_migration_says_which_code_works_with_it(engine: Engine) -> None:
    comment = await engine.postgres.fetchval("SELECT obj_description('alembic_version'::regclass, 'pg_class')")
    assert comment == f"{NEWEST} works with 0001"


async def test_a_schema_that_is_right_needs_no_alembic_and_one_that_says_nothing_about_old_code_does(
    postgres_dsn: str, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as missing:
        missing.setitem(sys.modules, "alembic", None)
        await asyncio.to_thread(upgrade, postgres_dsn)
    await pool.execute("COMMENT ON TABLE alembic_version IS NULL")
    await asyncio.to_thread(upgrade, postgres_dsn)
    comment = await pool.fetchval("SELECT obj_description('alembic_version'::regclass, 'pg_class')")
    assert comment == f"{NEWEST} works with 0001"
