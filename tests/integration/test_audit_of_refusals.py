"""Refusals on the audit log: each kind has an entry, and no flood of requests can fill it."""

import asyncio
import logging
from collections import Counter
from typing import Any

import orjson
import pytest

from app import audit
from app.access.keys import PREFIX_LENGTH
from app.postgres.errors import DatabaseUnavailable
from tests.engine import eventually
from tests.integration.test_access import Guarded, guarded
from tests.integration.test_audit import entries, with_outcome, written_at_once

__all__ = ["guarded", "written_at_once"]


async def test_refusals_name_the_key_the_address_and_the_path_and_hold_no_secret(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "engine.audit")
    unknown = "oe_00000000_" + "5e" * 32
    assert (await guarded.request("a", "POST", "/api/queue/pause")).status_code == 403
    wrong = await guarded.request(None, "GET", f"/api/orders/{unknown}\u202e", headers={"X-API-Key": unknown})
    assert wrong.status_code == 401
    for ticket in ("", "?ticket=" + "x" * 60):
        assert await guarded.closed(f"/api/stream{ticket}") == 4401
    assert (await with_outcome(guarded, "refused", "missing_key"))["details"] == {"request": "socket /api/stream"}
    forbidden = await with_outcome(guarded, "refused", "operators_only")
    assert (forbidden["owner"], forbidden["keyPrefix"]) == ("a", guarded.held["a"][:PREFIX_LENGTH])
    assert forbidden["details"] == {"request": "POST /api/queue/pause"}
    refused = await entries(guarded, action="refused")  # those of the sockets may have an entry of their own by now
    found = next(one for one in refused if one["requestId"] == wrong.headers["x-request-id"])
    assert (found["keyPrefix"], found["address"]) == ("oe_00000000", "127.0.0.1")
    assert found["details"]["request"].startswith("GET /api/orders/oe_")
    stored = await guarded.engine.postgres.fetch("SELECT audit_log::text FROM audit_log")
    logged = "\n".join(str(vars(record)) for record in caplog.records)
    for text in (*(row[0] for row in stored), logged):
        assert text.isascii() or "…" in text
        assert "5e5e5e" not in text
        assert "xxxxxx" not in text


async def test_a_flood_of_refusals_makes_few_entries_and_is_counted(guarded: Guarded) -> None:
    await asyncio.gather(*(guarded.request(None, "GET", "/api/orders") for _ in range(100)))

    async def all_counted() -> bool:
        refusals = await entries(guarded, action="refused")
        return bool(sum(1 + one["leftOut"] for one in refusals) == 100)

    await eventually(all_counted)
    assert len(await entries(guarded, action="refused")) < 50


class Broken:
    """A pool that counts what it is given, or is down."""

    def __init__(self) -> None:
        self.down = False
        self.written: list[str] = []

    async def fetch(self, _sql: str, rows: str) -> list[Any]:
        if self.down:
            raise OSError
        self.written.append(rows)
        return []


async def test_the_refusal_of_one_key_does_not_hide_that_of_another_or_on_another_route(guarded: Guarded) -> None:
    tried = [("b", "POST", "/api/queue/pause"), ("a", "POST", "/api/queue/pause"), ("a", "PUT", "/api/kill-switch")]
    for who, method, path in (*tried, *tried):
        assert (await guarded.request(who, method, path, json={})).status_code == 403

    async def all_recorded() -> bool:
        found = [one for one in await entries(guarded, action="refused") if one["outcome"] == "operators_only"]
        return {(one["owner"], one["details"]["request"]) for one in found} == {
            (who, f"{method} {path}") for who, method, path in tried
        }

    await eventually(all_recorded)


async def test_refusals_from_many_addresses_are_bounded_also_while_postgres_is_down() -> None:
    pool = Broken()
    log = audit.AuditLog(pool, reading=pool)  # type: ignore[arg-type]
    pool.down = True
    for _ in range(2):
        for n in range(10_000):
            log.refused(audit.Actor(address=f"10.0.{n // 256}.{n % 256}"), "missing_key", "GET /", "GET /")
        with pytest.raises(DatabaseUnavailable):
            await log._flush()
    pool.down = False
    await log._flush()
    (rows,) = pool.written
    assert rows.count('"address":"10.') == audit.MAX_GROUPS
    assert '"outcome":"many_addresses"' in rows
    assert f'"left_out":{20_000 - 2 * audit.MAX_GROUPS}' in rows


async def test_no_owner_with_many_keys_and_no_stranger_hides_what_others_tried() -> None:
    pool = Broken()
    log = audit.AuditLog(pool, reading=pool)  # type: ignore[arg-type]
    for n in range(60):
        log.refused(audit.Actor(address=f"10.0.0.{n}"), "missing_key", "GET /", "GET /")
    for n in range(60):
        log.refused(audit.Actor(owner="mallory", key_prefix=f"oe_{n % 3}"), "read_only_key", "PUT /", f"PUT /{n}")
    for owner in ("ann", "bob"):
        log.refused(audit.Actor(owner=owner, key_prefix=owner), "operators_only", "PUT /api/kill-switch", "")
    await log._flush()
    written = orjson.loads(pool.written[0])
    owners = Counter(entry["owner"] for entry in written)
    assert owners == {None: 24 + 1, "mallory": 24, "ann": 1, "bob": 1}
    assert sum(1 + entry["left_out"] for entry in written if entry["action"] == "refused") == 122 + 1
