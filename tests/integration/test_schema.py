"""The migrations lead to the tables of app/schema.py."""

import asyncio
from typing import TYPE_CHECKING

import asyncpg

from migrations.upgrade import upgrade

# Alembic and SQLAlchemy are imported by the tests that use them: each process of the test run imports this file.
if TYPE_CHECKING:
    from sqlalchemy import Connection


def _differences(connection: "Connection") -> list[object]:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from app.schema import metadata

    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    return list(compare_metadata(context, metadata))


async def test_a_migrated_database_has_the_tables_of_the_schema(new_postgres_dsn: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(new_postgres_dsn))
    async with engine.connect() as connection:
        differences = await connection.run_sync(_differences)
    await engine.dispose()
    assert differences == []


async def test_two_migrations_at_once_do_no_harm(new_postgres_dsn: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(upgrade, new_postgres_dsn) for _ in range(2)))
