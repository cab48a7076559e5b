"""Write statements are planned once for tables of any size: even on empty tables they find their rows by key."""

import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from app.orders.store import daily_volumes, statements
from app.postgres import WRITE_PLANS

WRITES = {
    "PLACE": "null, null",
    "PLACED_BEFORE": "null",
    "USED_TODAY": "null",
    "CLAIM": "null, null, null",
    "UNCLAIMED": "null",
    "MOVE": "null, null, null",
    "RENEW": "null, null",
    "CURRENT": "null",
    "CANCEL": "null, null, null",
}

KEYS = ("orders_pkey", "orders_one_per_key", "order_events_pkey", "daily_volumes_pkey", "trading_states_pkey")
SQL = vars(statements) | vars(daily_volumes)


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_finds_its_rows_by_key(new_postgres_dsn: str, name: str) -> None:
    connection = await asyncpg.connect(new_postgres_dsn, server_settings=WRITE_PLANS)
    try:
        assert await connection.fetchval("SELECT count(*) FROM orders") == 0
        await connection.execute(f"PREPARE statement AS {SQL[name]}")
        explained = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE statement({WRITES[name]})")
    finally:
        await connection.close()

    for scan in scans(json.loads(explained)[0]["Plan"]):
        assert scan["Node Type"] != "Seq Scan", scan
        if index := scan.get("Index Name"):
            assert index in KEYS, scan
            assert "Index Cond" in scan, scan


def scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Scan" in plan["Node Type"]:
        yield plan
    for below in plan.get("Plans", ()):
        yield from scans(below)
