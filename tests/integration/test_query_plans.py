"""Writes are planned once for tables of any size: they find their rows by key. Rounds read only what is due."""

import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from app.orders.store import daily_volumes, placing, statements
from app.orders.store.sweep import SweepStore
from app.orders.waiting import groups, plans, snipes
from app.orders.waiting import statements as waiting
from app.postgres.pools import WRITE_PLANS, open_postgres

WRITES = {
    "PLACE": "null, null, null, null",
    "PLACED_BEFORE": "null",
    "USED_TODAY": "null",
    "CLAIM": "null, null, null, null, null",
    "UNCLAIMED": "null",
    "MOVE": "null, null, null",
    "REARM": "null",
    "RENEW": "null, null",
    "CURRENT": "null",
    "CANCEL": "null, null, null",
}

KEYS = (
    "orders_pkey",
    "orders_one_per_key",
    "order_events_pkey",
    "daily_volumes_pkey",
    "trading_states_pkey",
    "reconciliation_pkey",
    "lost_swaps_by_tag",
    "order_groups_pkey",
    "triggers_pkey",
    "webhooks_by_owner",
)
SQL = vars(statements) | vars(placing) | vars(daily_volumes)

# What the watcher looks for again and again.
ROUNDS = {
    "FIRE_GE": "null, null, null, null, null, null, null, null, null",
    "FIRE_LE": "null, null, null, null, null, null, null, null, null",
    "EXPIRED_NOW": "null, null",
    "END": "null, null, null",
    "LOOK_AGAIN": "null",
    "ENDED": "null, null",
    "DUE": "null, null, null, null",
    "DONE": "null, null",
    "ORPHANED": "null, null",
}
WHOLE = "triggers_to_look_at", "order_groups_held"  # they have only what a round looks for
OF_ROUNDS = ("orders_pkey", "orders_by_group", "orders_by_parent", "orders_open_expiring")
ROUND_SQL = vars(waiting) | vars(groups) | vars(plans) | {f"FIRE_{op.upper()}": sql for op, sql in waiting.FIRE.items()}


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


@pytest.mark.parametrize("name", ROUNDS)
async def test_a_round_of_the_watcher_reads_no_orders_that_are_not_due(new_postgres_dsn: str, name: str) -> None:
    connection = await asyncpg.connect(new_postgres_dsn, server_settings=WRITE_PLANS)
    try:
        await connection.execute(f"PREPARE statement AS {ROUND_SQL[name]}")
        explained = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE statement({ROUNDS[name]})")
    finally:
        await connection.close()

    for scan in scans(json.loads(explained)[0]["Plan"]):
        assert scan["Node Type"] != "Seq Scan", scan
        if scan.get("Index Name", "").startswith("orders_"):
            assert scan["Index Name"] in OF_ROUNDS, scan
            assert "Index Cond" in scan, scan


@pytest.mark.parametrize("rows", [20, 1_000])
async def test_statements_find_orders_by_key_also_when_the_table_was_small(new_postgres_dsn: str, rows: int) -> None:
    """A table that was analysed while it was small may grow by 100,000 rows before its plans are made anew."""
    connection = await asyncpg.connect(new_postgres_dsn, server_settings=WRITE_PLANS)
    try:
        await connection.execute(WAITING, rows)
        await connection.execute("ANALYZE")
        for name, sql, arguments in (
            *((name, SQL[name], arguments) for name, arguments in WRITES.items()),
            *((name, ROUND_SQL[name], arguments) for name, arguments in ROUNDS.items()),
        ):
            await connection.execute(f"PREPARE the_{name} AS {sql}")
            plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE the_{name}({arguments})")
            for scan in scans(json.loads(plan)[0]["Plan"]):
                assert (scan["Node Type"], scan.get("Relation Name")) != ("Seq Scan", "orders"), name
                if scan.get("Index Name", "").startswith(("orders_", "triggers_", "order_groups_")):
                    assert "Index Cond" in scan or scan["Index Name"] in WHOLE, (name, scan)
    finally:
        await connection.close()


# One in fifty is due.
WAITING = """
INSERT INTO orders (id, owner, type, token_in, token_out, amount_in, slippage_bps, fingerprint, request_id, status, seq,
                    ready_at, look_at, created_at, updated_at)
SELECT gen_random_uuid(), 'local', 'market', 'SOL', 'USDC', 1500000000, 50, '\\x00', 'r', 'pending', 1,
       now(), now() + (n * 7919 % 5000 - 100) * interval '1 minute', now(), now()
  FROM generate_series(1, $1::int) AS n
"""


async def test_a_round_of_the_sweeper_does_not_visit_the_dead_entries_of_earlier_rounds(new_postgres_dsn: str) -> None:
    postgres = await open_postgres(new_postgres_dsn, size=3)
    sweeper, pool = SweepStore(postgres.internal), postgres.internal

    async def visited_pages() -> int:
        await pool.execute("SELECT pg_stat_force_next_flush()")
        hits = await pool.fetchval("SELECT heap_blks_hit FROM pg_statio_user_tables WHERE relname = 'orders'")
        return int(hits)

    try:
        await pool.execute("ALTER TABLE orders SET (autovacuum_enabled = off)")
        await pool.execute(WAITING, 5_000)
        await pool.execute("ANALYZE orders")
        assert (await sweeper.sweep(500)).examined > 90
        await sweeper.sweep(500)
        before = await visited_pages()
        assert (await sweeper.sweep(500)).examined == 0
        assert await visited_pages() - before < 10
    finally:
        await postgres.close()


def scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "Scan" in plan["Node Type"]:
        yield plan
    for below in plan.get("Plans", ()):
        yield from scans(below)


async def test_snipers_are_found_by_their_mint(new_postgres_dsn: str) -> None:
    connection = await asyncpg.connect(new_postgres_dsn, server_settings=WRITE_PLANS)
    try:
        await connection.execute(f"PREPARE statement AS {snipes.MET}")
        explained = await connection.fetchval(
            "EXPLAIN (FORMAT JSON) EXECUTE statement(null, null, null, null, null, null, null)"
        )
    finally:
        await connection.close()
    found = list(scans(json.loads(explained)[0]["Plan"]))
    indexes = {scan["Index Name"]: scan["Index Cond"] for scan in found if "Index Name" in scan}
    assert "feed = " in indexes["triggers_launch"]
    assert "level <= " in indexes["triggers_launch"]
    assert set(indexes) <= {"triggers_launch", "orders_pkey", "trading_states_pkey", "reconciliation_pkey"}
    assert "Seq Scan" not in {scan["Node Type"] for scan in found}
