"""A backup has everything of the engine; after a restore nothing is executed twice, and nothing starts by itself."""

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from alembic import command

from app.access import key_commands
from app.maintenance.backup import backup
from app.maintenance.restore import restore
from app.orders.kill_switch.states import RECONCILING
from app.schema import metadata
from app.settings import SettingsError
from migrations.revisions import known_revisions
from migrations.upgrade import configuration
from tests.engine import eventually, running_engine
from tests.integration.test_order_groups import place as place_group
from tests.integration.test_reconciling import BLOCK_MS, confirmed, done, executed, fills, lost_swaps
from tests.integration.test_slices import DCA
from tests.integration.test_trailing_orders import TRAILING

pytestmark = pytest.mark.usefixtures("primed_queue")

NEWEST = known_revisions()[-1]
ONE_OF_EACH = """
INSERT INTO prices (feed, slot, best, low, high, venues, at) VALUES ('SOL/USDC', 1, 1, 1, 1, 2, now());
INSERT INTO newest_slots (feed, slot, at) VALUES ('SOL/USDC', 1, now());
INSERT INTO watermarks (feed, persist, extreme, slot) VALUES ('SOL/USDC', 2, 150, 1);
INSERT INTO price_samples (at, pair, mids) VALUES (now(), 'SOL-USDC', '{"meteora":"150"}');
INSERT INTO queue_samples (at, confirmed) VALUES (now(), 0);
INSERT INTO lost_swaps (signature, order_id, amount_out, landed_at) VALUES ('s', 'o', 1, now());
INSERT INTO signed_swaps VALUES ('s', 'chain', current_date, 'o', 1, 1);
INSERT INTO reconciliation (identity) VALUES ('here') ON CONFLICT DO NOTHING;
INSERT INTO trading_states (scope, state, reason, set_by, set_at) VALUES ('*', 'reducing', 'r', 'op', now())
"""


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def contents(dsn: str) -> dict[str, list[str]]:
    async with connected(dsn) as connection:
        return {
            table: [row[0] for row in await connection.fetch(f"SELECT t::text FROM {table} t ORDER BY 1")]
            for table in ("alembic_version", *metadata.tables)
        }


async def written(dsn: str, folder: Path) -> Path:
    file = folder / "engine.dump"
    await asyncio.to_thread(backup, dsn, file)
    return file


async def test_after_a_restore_no_order_is_executed_twice_and_nothing_starts_by_itself(
    postgres_dsn: str, redis_dsn: str, tmp_path: Path
) -> None:
    """The drill: a backup is made while orders wait, they are filled, and the backup is restored."""
    async with running_engine(postgres_dsn, redis_dsn, mock_block_ms=BLOCK_MS) as engine:
        worker = await engine.start_worker()
        before = (await engine.place())["orderId"]
        await eventually(lambda: confirmed(engine, before))
        await engine.hold_starts()
        filled, waiting, cancelled = [(await engine.place(key=f"order {n}"))["orderId"] for n in range(3)]
        file = await written(postgres_dsn, tmp_path)
        (await engine.http.post(f"/api/orders/{waiting}/cancel")).raise_for_status()
        (await engine.http.post(f"/api/orders/{cancelled}/cancel")).raise_for_status()
        await engine.release_starts()
        since = (await engine.place())["orderId"]
        await executed(engine, worker, filled, since)
        truth = await fills(engine)
    assert {one: len(found) for one, found in truth.items()} == {before: 1, filled: 1, since: 1}

    await restore(postgres_dsn, file)
    async with running_engine(postgres_dsn, redis_dsn, mock_block_ms=BLOCK_MS) as engine:
        await engine.start_worker()
        await eventually(lambda: confirmed(engine, before, filled))
        await eventually(lambda: done(engine))
        assert {(await engine.order(order))["status"] for order in (waiting, cancelled)} == {"pending"}
        assert (await engine.http.get(f"/api/orders/{since}")).status_code == 404
        assert [lost["order_id"] for lost in await lost_swaps(engine)] == [since]
        switch = (await engine.http.get("/api/kill-switch")).json()
        assert switch["state"] == "halted"
        assert "was restored" in switch["all"]["reason"]
        assert await fills(engine) == truth

        (await engine.http.post(f"/api/orders/{cancelled}/cancel")).raise_for_status()
        await engine.http.put("/api/kill-switch", json={"state": "active", "reason": "looked at it"})
        await eventually(lambda: confirmed(engine, waiting))
        assert {one: len(found) for one, found in (await fills(engine)).items()} == dict.fromkeys([*truth, waiting], 1)
        assert (await engine.place(key="order 0"))["orderId"] == filled


async def test_a_backup_has_every_table_and_a_restore_brings_it_back(
    postgres_dsn: str, redis_dsn: str, tmp_path: Path
) -> None:
    async with running_engine(postgres_dsn, redis_dsn) as engine:
        await engine.http.post("/api/webhooks", json={"url": "https://bot.example.com/engine"})
        for body in ({}, DCA, TRAILING):
            await engine.place(**body)
        await place_group(engine)
        await engine.http.put("/api/dead-man", json={"seconds": 60})
        await engine.postgres.execute(ONE_OF_EACH)
    await asyncio.to_thread(key_commands.create, postgres_dsn, "alice", operator=True)
    before = await contents(postgres_dsn)
    assert [table for table, rows in before.items() if not rows] == []
    file = await written(postgres_dsn, tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"daily_volumes" in file.read_bytes()
    assert b"set_prices" not in file.read_bytes()  # a table of the chain
    async with connected(postgres_dsn) as connection:
        await connection.execute("UPDATE orders SET status = 'cancelled'; DELETE FROM triggers; DELETE FROM api_keys")

    done = await restore(postgres_dsn, file)
    after = await contents(postgres_dsn)
    assert [row.partition(",")[0] for row in after.pop("trading_states") if ",halted," in row] == [
        "(*",
        "(*reconciling",
    ]
    assert sum(",restore,done,os:" in row or ",reconciling.begin,done,os:" in row for row in after["audit_log"]) == 2
    after["audit_log"] = [row for row in after["audit_log"] if row in before["audit_log"]]
    assert after.pop("reconciliation") != before["reconciliation"]  # its tables are others
    assert after == {name: before[name] for name in after}
    async with connected(postgres_dsn) as connection:
        assert await connection.fetchval(f"SELECT every(status = 'cancelled') FROM {done.aside}.orders")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM audit_log")
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute("UPDATE orders SET status = 'confirmed'")


async def test_two_backups_at_once_do_not_write_into_one_file(postgres_dsn: str, tmp_path: Path) -> None:
    """The first was named complete while the other one was still written into it."""
    file = tmp_path / "engine.dump"
    both = (asyncio.to_thread(backup, postgres_dsn, file) for _ in range(2))
    assert {type(one) for one in await asyncio.gather(*both, return_exceptions=True)} == {type(None), SettingsError}
    assert await asyncio.to_thread(lambda: [*tmp_path.iterdir()]) == [file]


async def test_a_backup_is_not_lost_behind_a_link_that_leads_nowhere(postgres_dsn: str, tmp_path: Path) -> None:
    """It was dumped, and deleted, without an error."""
    (link := tmp_path / "latest.dump").symlink_to(tmp_path / "deleted.dump")
    with pytest.raises(SettingsError, match="exists already"):
        await asyncio.to_thread(backup, postgres_dsn, link)


async def test_after_a_restore_that_was_killed_the_engine_reconciles_too(
    postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(postgres_dsn) as connection:
        await connection.execute("INSERT INTO reconciliation (identity, stopped_height) VALUES ('here', 5)")

        async def killed(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        file = await written(postgres_dsn, tmp_path)
        monkeypatch.setattr("app.maintenance.restore.begin", killed)
        with pytest.raises(KeyboardInterrupt):
            await restore(postgres_dsn, file)
        halted = await connection.fetch("SELECT scope FROM trading_states WHERE state = 'halted' ORDER BY scope")
        assert [row["scope"] for row in halted] == ["*", RECONCILING]
        assert await connection.fetchval("SELECT stopped_height FROM reconciliation") is None


async def test_what_was_forbidden_since_the_backup_stays_forbidden(postgres_dsn: str, tmp_path: Path) -> None:
    key = await asyncio.to_thread(key_commands.create, postgres_dsn, "alice", operator=False)
    traded = "INSERT INTO daily_volumes VALUES ($1, current_date, gen_random_uuid(), $2)"
    signed = "INSERT INTO signed_swaps VALUES ($1, 'chain', current_date, 'a', $2, 1)"
    webhook = "INSERT INTO webhooks (id, owner, url, salt, digest) VALUES (gen_random_uuid(), 'a', $1, '', $2)"
    async with connected(postgres_dsn) as connection:
        for name in ("deleted", "rotated"):
            await connection.execute(webhook, name, b"before")
        await connection.execute("INSERT INTO webhook_deliveries (webhook_id) SELECT id FROM webhooks")
        await connection.execute(traded, "a", 5)
        await connection.execute(signed, "before", 5)
    file = await written(postgres_dsn, tmp_path)
    await asyncio.to_thread(key_commands.revoke, postgres_dsn, key[: key.index("_") + 9])
    async with connected(postgres_dsn) as connection:
        await connection.execute("INSERT INTO trading_states VALUES ('bob', 'halted', 'r', 'op', now())")
        await connection.execute("DELETE FROM webhooks WHERE url = 'deleted'")
        await connection.execute("UPDATE webhooks SET digest = 'since'")
        await connection.execute(webhook, "created", b"since")
        await connection.execute("UPDATE daily_volumes SET usd = 7")
        await connection.execute(traded, "b", 1)
        await connection.execute(signed, "since", 3)
        await restore(postgres_dsn, file)
        webhooks = await connection.fetch(
            "SELECT url, digest, d.id IS NOT NULL AS waits FROM webhooks w"
            " FULL JOIN webhook_deliveries d ON d.webhook_id = w.id ORDER BY url"
        )
        assert [tuple(row) for row in webhooks] == [("created", b"since", False), ("rotated", b"since", True)]
        assert await connection.fetchval("SELECT revoked_at IS NOT NULL FROM api_keys")
        volumes = await connection.fetch("SELECT owner, usd FROM daily_volumes ORDER BY owner")
        assert [tuple(row) for row in volumes] == [("a", 7), ("b", 1)]
        swaps = await connection.fetch("SELECT signature, usd FROM signed_swaps ORDER BY signature")
        assert [tuple(row) for row in swaps] == [("before", 5), ("since", 3)]
        halted = await connection.fetch("SELECT scope FROM trading_states WHERE state = 'halted' ORDER BY scope")
        assert [row["scope"] for row in halted] == ["*", RECONCILING, "bob"]


async def test_a_dead_mans_switch_stays_as_its_owner_has_set_it_since_the_backup(
    postgres_dsn: str, tmp_path: Path
) -> None:
    async with connected(postgres_dsn) as connection:
        await connection.execute("INSERT INTO dead_men (owner, seconds, cancels_at) VALUES ('off', 60, now())")
        file = await written(postgres_dsn, tmp_path)
        await connection.execute("UPDATE dead_men SET seconds = 0, cancels_at = NULL")
        await connection.execute("INSERT INTO dead_men (owner, seconds, cancels_at) VALUES ('on', 30, now())")
        await restore(postgres_dsn, file)
        switches = await connection.fetch("SELECT owner, seconds, cancels_at IS NULL FROM dead_men ORDER BY owner")
        assert [tuple(row) for row in switches] == [("off", 0, True), ("on", 30, False)]


async def test_a_backup_of_an_older_schema_is_migrated(postgres_dsn: str, tmp_path: Path) -> None:
    await asyncio.to_thread(command.downgrade, configuration(postgres_dsn), "0013")
    file = await written(postgres_dsn, tmp_path)
    await restore(postgres_dsn, file)
    assert (await contents(postgres_dsn))["alembic_version"] == [f"({NEWEST})"]
