"""Keys that expire, may only read, or have quotas of their own; and when each was last used."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import typer.testing
from websockets.asyncio.client import connect

from app import audit
from app.access import key_commands, keyring, keys
from app.cli import main
from app.preflight.servers import keys_exist
from app.settings import SettingsError
from tests.engine import SELL_SOL, eventually, read_to_end, running_engine
from tests.integration.test_access import PRODUCTION, Guarded, new_key, trust_test_servers
from tests.unit.api.test_documents import operations

NOBODY = "01890000-0000-7000-8000-000000000000"
READS = "POST", "/api/tickets"


@pytest.fixture
async def guarded(postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Guarded]:
    trust_test_servers(monkeypatch)
    monkeypatch.setattr(keyring, "REFRESH_SECONDS", 0.05)
    monkeypatch.setattr(audit, "FLUSH_SECONDS", 0.05)
    held = {
        "a": await new_key(postgres_dsn, "a"),
        "brief": await new_key(postgres_dsn, "a", expires_in=timedelta(hours=1)),
        "reader": await new_key(postgres_dsn, "a", read_only=True),
        "monitor": await new_key(postgres_dsn, "op", operator=True, read_only=True),
        "slow": await new_key(postgres_dsn, "slow", max_orders_per_min=2, max_reads_per_min=2),
    }
    async with running_engine(postgres_dsn, redis_dsn, **PRODUCTION) as engine:
        yield Guarded(engine, postgres_dsn, held)


async def is_on_the_audit_log(guarded: Guarded, code: str, *who: str) -> None:
    prefixes = {guarded.held[one][: keys.PREFIX_LENGTH] for one in who}

    async def written() -> bool:
        sql = "SELECT key_prefix FROM audit_log WHERE action = 'refused' AND outcome = $1"
        return {row[0] for row in await guarded.engine.postgres.fetch(sql, code)} == prefixes

    await eventually(written)


async def test_a_key_that_expires_is_refused_with_its_date_and_its_streams_end(guarded: Guarded) -> None:
    order = await guarded.place("brief")
    url = guarded.engine.base_url.replace("http", "ws") + "/api/stream"
    async with asyncio.timeout(10), connect(url, additional_headers=guarded.headers("brief")) as ws:
        await guarded.engine.postgres.execute("UPDATE api_keys SET expires_at = now() WHERE expires_at IS NOT NULL")
        assert (await read_to_end(ws)).code == 4401
    answer = await guarded.request("brief", "GET", f"/api/orders/{order['orderId']}")
    assert (answer.status_code, answer.json()["code"]) == (401, "expired_key")
    assert "expired on 20" in answer.json()["detail"]
    await is_on_the_audit_log(guarded, "expired_key", "brief")
    assert await guarded.closed("/api/orders/execute", additional_headers=guarded.headers("brief")) == 4401
    ticket = order["wsUrl"].removeprefix(guarded.engine.base_url.replace("http", "ws"))
    assert await guarded.closed(ticket) == 4401
    assert (await guarded.request("a", "GET", "/api/orders")).is_success  # another key of this owner


async def test_a_read_only_key_is_refused_by_everything_that_is_no_read(guarded: Guarded) -> None:
    """Of an operator, so that no other check refuses it first."""
    for method, path in operations():
        address = path.replace("{order_id}", NOBODY).replace("{group_id}", NOBODY)
        answer = await guarded.request("monitor", method, address, json=None if method == "GET" else {})
        code = answer.json().get("code") if answer.status_code == 403 else None
        assert (code == "read_only_key") == (method != "GET" and (method, path) != READS), (method, path, answer.text)
    for path in ("/order", "/test/dlq", "/nowhere"):
        assert (await guarded.request("reader", "POST", path, json=SELL_SOL)).json()["code"] == "read_only_key"
    await is_on_the_audit_log(guarded, "read_only_key", "monitor", "reader")


async def test_what_a_read_only_key_tries_does_not_hide_what_else_it_tries(guarded: Guarded) -> None:
    """All within one flush. Methods and paths that do not exist share one entry: there are any number of them."""
    tried = [("PUT", "/api/dead-man"), ("PUT", "/api/kill-switch"), ("POST", "/nowhere")]
    unknown = [("LOCK", "/a"), ("COPY", "/b"), ("PURGE", "/api/kill-switch")]
    postgres = guarded.engine.postgres

    async def refused(method: str, path: str) -> None:
        assert (await guarded.request("monitor", method, path, json={})).status_code == 403

    async def waits() -> bool:
        return bool(await postgres.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))

    async with postgres.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE audit_log")
        await refused("DELETE", "/gone")
        await eventually(waits)  # the flush with this one
        for method, path in (*tried, *unknown):
            await refused(method, path)
    written: list[tuple[Any, ...]] = []

    async def all_counted() -> bool:
        sql = "SELECT details->>'request' AS request, left_out FROM audit_log WHERE action = 'refused' ORDER BY id"
        written[:] = [tuple(row) for row in await guarded.engine.postgres.fetch(sql)]
        return bool(sum(1 + left_out for _, left_out in written) == 1 + len(tried) + len(unknown))

    await eventually(all_counted)
    assert written == [("DELETE /gone", 0), ("PUT /api/dead-man", 0), ("PUT /api/kill-switch", 0), ("POST /nowhere", 3)]


async def test_a_read_only_key_reads_and_streams_and_no_socket_takes_its_order(guarded: Guarded) -> None:
    order = (await guarded.place("a"))["orderId"]
    assert (await guarded.request("reader", "GET", f"/api/orders/{order}")).is_success
    assert (await guarded.request("monitor", "GET", "/metrics")).is_success
    issued = await guarded.request("reader", "POST", "/api/tickets", json={"orderId": order})
    async with asyncio.timeout(10), connect(issued.json()["wsUrl"]) as ws:
        assert '"pending"' in str(await ws.recv())
    url = guarded.engine.base_url.replace("http", "ws") + "/api/orders/execute"
    async with asyncio.timeout(10), connect(url, additional_headers=guarded.headers("reader")) as ws:
        assert (await read_to_end(ws)).code == 4401
        assert ws.close_reason == "the API key may only read, and here an order is placed"
    assert await guarded.engine.postgres.fetchval("SELECT count(*) FROM orders") == 1


async def test_the_quotas_of_a_key_replace_those_of_the_settings(guarded: Guarded) -> None:
    """The settings of this engine have none."""
    for _ in range(2):
        await guarded.place("slow")
    refused = await guarded.request("slow", "POST", "/api/orders/execute", json=SELL_SOL)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_orders")
    assert "at most 2 orders" in refused.json()["detail"]
    limits = await guarded.request("slow", "GET", "/api/limits")
    assert limits.json()["orders"] == {"perMinute": 2, "left": 0}
    statuses = [(await guarded.request("slow", "GET", "/api/limits")).status_code for _ in range(2)]
    assert statuses == [200, 429]
    for _ in range(3):
        await guarded.place("a")


async def test_a_key_is_told_its_own_terms(guarded: Guarded) -> None:
    async def told(who: str) -> Any:
        return (await guarded.request(who, "GET", "/api/limits")).json()["key"]

    def prefix(who: str) -> str:
        return guarded.held[who][: keys.PREFIX_LENGTH]

    ordinary = {"operator": False, "readOnly": False, "expiresAt": None}
    assert await told("a") == ordinary | {"prefix": prefix("a")}
    assert await told("monitor") == ordinary | {"prefix": prefix("monitor"), "operator": True, "readOnly": True}
    left = datetime.fromisoformat((await told("brief"))["expiresAt"]) - datetime.now(UTC)
    assert timedelta(minutes=50) < left <= timedelta(hours=1)


async def test_when_a_key_was_last_used_is_written_soon(guarded: Guarded) -> None:
    await guarded.request("a", "GET", "/api/limits")

    async def listed() -> list[str]:
        lines = await asyncio.to_thread(key_commands.list_keys, guarded.dsn)
        return [
            line for line in lines if line.startswith(guarded.held["a"][: keys.PREFIX_LENGTH]) and "  used 20" in line
        ]

    await eventually(listed)
    unused = await guarded.engine.postgres.fetchval("SELECT count(*) FROM api_keys WHERE last_used_at IS NULL")
    assert unused == len(guarded.held) - 1


async def test_the_list_shows_what_sets_a_key_apart(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.cli.keys.database", lambda: contextlib.nullcontext(postgres_dsn))
    terms = ("--read-only", "--expires-in", "12h", "--max-orders-per-min", "30", "--max-reads-per-min", "0")

    def run(*arguments: str) -> Any:
        return typer.testing.CliRunner().invoke(main, ["keys", *arguments])

    assert (await asyncio.to_thread(run, "create", "--owner", "desk", *terms)).exit_code == 0
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("UPDATE api_keys SET expires_at = '2027-01-02 03:04Z'")
    listed = (await asyncio.to_thread(run, "list")).output
    assert "  live until 2027-01-02 03:04  never used" in listed
    assert listed.strip().endswith("  desk  read-only  orders 30 per minute  reads unlimited")
    await connection.execute("UPDATE api_keys SET expires_at = '2026-01-02 03:04Z'")
    assert "  expired 2026-01-02 03:04  " in (await asyncio.to_thread(run, "list")).output
    key = json.loads((await asyncio.to_thread(run, "list", "--json")).output)
    assert key["expiresAt"] == "2026-01-02T03:04:00+00:00"
    assert (key["maxOrdersPerMin"], key["readOnly"], key["expired"]) == (30, True, True)
    assert "hash" not in key
    created = await connection.fetchval("SELECT details FROM audit_log WHERE action = 'keys.create'")
    await connection.close()
    assert '"readOnly":true' in created
    assert '"expiresIn":"12:00:00"' in created
    with pytest.raises(SettingsError, match="engine keys create"):  # no other key is left
        await keys_exist(postgres_dsn)
    for wrong in ("0d", "90", "1w", "d"):
        asked = await asyncio.to_thread(run, "create", "--owner", "desk", "--expires-in", wrong)
        assert asked.exit_code == 1, wrong
        assert "--expires-in" in asked.output
