"""A dump of the engine's tables, and its restore into the same database. The schema `chain` stands for the outside
world, and stays as it is."""

from collections.abc import Mapping
from io import BytesIO

import asyncpg

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1"
Dump = Mapping[str, bytes]


async def dump(dsn: str) -> Dump:
    """At one moment, while the engine may go on."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            tables = {}
            for (table,) in await connection.fetch(TABLES):
                await connection.copy_from_table(table, output=(output := BytesIO()), format="binary")
                tables[table] = output.getvalue()
            return tables
    finally:
        await connection.close()


async def restore(dsn: str, tables: Dump) -> None:
    """While no process of the engine runs."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")  # in any order, and no triggers
            await connection.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
            for table, rows in tables.items():
                await connection.copy_to_table(table, source=BytesIO(rows), format="binary")
    finally:
        await connection.close()
