"""Run by Alembic: connects with the driver and the address that the engine uses."""

import asyncio

from alembic import context
from sqlalchemy import Connection, MetaData, Table
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import SetTableComment

from app.orders.store.revision import promise
from app.postgres_hosts import connect
from app.schema import metadata
from app.settings import SettingsError, load
from migrations.revisions import oldest_code


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()
        if revision := context.get_context().get_current_revision():
            say_what_works(connection, revision)


def say_what_works(connection: Connection, revision: str) -> None:
    """For processes of other versions, which do not know this revision: see `app/orders/store/revision.py`."""
    comment = promise(revision, oldest_code(revision))
    connection.execute(SetTableComment(Table("alembic_version", MetaData(), comment=comment)))


async def run() -> None:
    dsn = context.config.attributes.get("dsn") or load().postgres_dsn
    if dsn is None:
        raise SettingsError(
            "DATABASE_URL is not set; `engine migrate` also finds the database of a running `engine up`."
        )
    # asyncpg parses the URL: SQLAlchemy would misread options such as sslmode.
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: connect(dsn), poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


asyncio.run(run())
