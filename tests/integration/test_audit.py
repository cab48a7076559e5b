"""The audit log has every action of an operator, and only grows."""

import asyncio
from functools import partial
from typing import Any

import asyncpg
import pytest
from websockets.asyncio.client import connect

from app import audit
from app.access import key_commands
from app.access.keys import PREFIX_LENGTH
from app.settings import SettingsError
from tests.engine import SELL_SOL, Engine, eventually
from tests.integration.test_access import Guarded, guarded

__all__ = ["guarded"]


@pytest.fixture(autouse=True)
def written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "FLUSH_SECONDS", 0.05)


async def entries(guarded: Guarded, **query: Any) -> list[dict[str, Any]]:
    answer = await guarded.request("op", "GET", "/api/audit", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["entries"]  # type: ignore[no-any-return]


async def with_outcome(guarded: Guarded, action: str, outcome: str) -> dict[str, Any]:
    async def found() -> dict[str, Any] | None:
        return next((one for one in await entries(guarded, action=action) if one["outcome"] == outcome), None)

    entry = await eventually(found)
    assert entry is not None
    return entry


async def test_setting_the_kill_switch_has_an_entry_with_who_and_from_where(guarded: Guarded) -> None:
    body = {"state": "reducing", "reason": "a test", "owner": "b"}
    answer = await guarded.request("op", "PUT", "/api/kill-switch", json=body, headers={"X-Request-Id": "call-1"})
    assert answer.status_code == 200
    (entry,) = await entries(guarded, action="kill_switch.set")
    assert (entry["owner"], entry["keyPrefix"]) == ("op", guarded.held["op"][:PREFIX_LENGTH])
    assert (entry["address"], entry["requestId"], entry["outcome"]) == ("127.0.0.1", "call-1", "done")
    assert entry["details"] == {"scope": "b", "state": "reducing", "reason": "a test"}


async def test_each_action_of_an_operator_has_an_entry_before_and_one_after(guarded: Guarded) -> None:
    failed = (await guarded.place("a"))["orderId"]
    await guarded.engine.postgres.execute("UPDATE orders SET status = 'failed'")
    for method, path, action in (
        ("POST", f"/api/dlq/{failed}/retry", "dead_letters.retry"),
        ("DELETE", "/api/dlq/clear", "dead_letters.clear"),
        ("POST", "/test/dlq", "failure_drill"),
    ):
        assert (await guarded.request("op", method, path)).is_success, path
        done = await with_outcome(guarded, action, "done")
        begun = await with_outcome(guarded, action, "begun")
        assert begun["id"] < done["id"]
        assert begun["requestId"] == done["requestId"]
    retried = await with_outcome(guarded, "dead_letters.retry", "done")
    assert retried["details"]["order"] == failed
    assert retried["details"]["newOrder"] != failed
    assert (await with_outcome(guarded, "dead_letters.clear", "done"))["details"] == {"of": None, "acknowledged": 1}


async def test_the_outcome_of_an_action_that_was_refused_is_the_code_of_the_answer(guarded: Guarded) -> None:
    failed = (await guarded.place("a"))["orderId"]
    await guarded.engine.postgres.execute("UPDATE orders SET status = 'failed', max_order_usd = 1")
    assert (await guarded.request("op", "POST", f"/api/dlq/{failed}/retry")).json()["code"] == "risk_limit"
    assert (await with_outcome(guarded, "dead_letters.retry", "risk_limit"))["details"] == {"order": failed}


async def test_an_action_without_its_entry_is_not_done(guarded: Guarded) -> None:
    failed = (await guarded.place("a"))["orderId"]
    await guarded.engine.postgres.execute("UPDATE orders SET status = 'failed'")
    lost = "ALTER TABLE audit_log ADD CONSTRAINT none CHECK (false) NOT VALID"
    await guarded.engine.postgres.execute(lost)
    body = {"state": "active", "reason": "a test"}
    for method, path, json in (
        ("PUT", "/api/kill-switch", body),
        ("POST", "/api/queue/resume", None),
        ("POST", f"/api/dlq/{failed}/retry", None),
        ("DELETE", "/api/dlq/clear", None),
        ("POST", "/test/dlq", None),
    ):
        answer = await guarded.request("op", method, path, json=json)
        assert answer.status_code >= 500, path
    with pytest.raises(SettingsError):
        await asyncio.to_thread(key_commands.create, guarded.dsn, "late", operator=False)
    postgres = guarded.engine.postgres
    assert await postgres.fetchval("SELECT count(*) FROM orders") == 1
    assert await postgres.fetchval("SELECT count(*) FROM orders WHERE acknowledged_at IS NOT NULL") == 0
    assert await postgres.fetchval("SELECT count(*) FROM trading_states") == 0
    assert await postgres.fetchval("SELECT count(*) FROM api_keys WHERE owner = 'late'") == 0
    await postgres.execute("ALTER TABLE audit_log DROP CONSTRAINT none")


async def test_a_halt_does_not_wait_for_the_audit_log_and_its_entry_follows(guarded: Guarded) -> None:
    put = partial(guarded.request, "op", "PUT", "/api/kill-switch")
    postgres = guarded.engine.postgres
    async with postgres.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE audit_log")
        await guarded.request(None, "GET", "/api/orders")  # a refusal, whose entry waits too
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*(put(json={"state": "halted", "reason": "a test"}) for _ in range(3)))
        assert [answer.status_code for answer in answers] == [200] * 3
        assert (await guarded.request("a", "POST", "/api/orders/execute", json=SELL_SOL)).status_code == 503
        releases = [asyncio.create_task(put(json={"state": "active", "reason": "a test"})) for _ in range(3)]
        assert (await guarded.request("op", "GET", "/health/live")).status_code == 200
        async with asyncio.timeout(5):  # a release that waits takes no connection from a halt
            again = await put(json={"state": "halted", "reason": "a test"})
        assert (again.status_code, any(release.done() for release in releases)) == (200, False)
    # Those that had arrived before the last halt are refused.
    assert {answer.status_code for answer in await asyncio.gather(*releases)} <= {200, 409}

    async def all_recorded() -> bool:
        states = [one["details"]["state"] for one in await entries(guarded, action="kill_switch.set")]
        return sorted(states) == ["active"] * 3 + ["halted"] * 4

    await eventually(all_recorded)


async def test_a_key_that_was_revoked_before_the_first_message_of_a_socket_has_an_entry(guarded: Guarded) -> None:
    address = guarded.engine.base_url.replace("http", "ws") + "/api/orders/execute"
    async with asyncio.timeout(10), connect(address, additional_headers=guarded.headers("a")) as ws:
        await ws.send('{"type":"ping"}')
        await ws.recv()  # the socket is open
        await guarded.engine.postgres.execute("UPDATE api_keys SET revoked_at = now() WHERE owner = 'a'")

        async def revoked() -> bool:
            return (await guarded.request("a", "GET", "/api/orders")).status_code == 401

        await eventually(revoked)
        await with_outcome(guarded, "refused", "unknown_key")  # of that request
        await ws.send("{}")

        async def requests() -> bool:
            found = [one["details"].get("request") for one in await entries(guarded, action="refused")]
            return "socket /api/orders/execute" in found

        await eventually(requests)


async def test_an_address_that_a_proxy_passed_on_is_cut(guarded: Guarded) -> None:
    await guarded.request(None, "GET", "/api/orders", headers={"X-Forwarded-For": "somewhere" * 1_000})
    entry = await with_outcome(guarded, "refused", "missing_key")
    assert entry["address"] == ("somewhere" * 1_000)[: audit.MAX_TEXT]


@pytest.mark.parametrize("change", ["UPDATE audit_log SET outcome = ''", "DELETE FROM audit_log", "TRUNCATE audit_log"])
async def test_the_table_only_grows(engine: Engine, change: str) -> None:
    await engine.http.post("/api/queue/resume")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="only grows"):
        await engine.postgres.execute(change)
    assert await engine.postgres.fetchval("SELECT count(*) FROM audit_log") == 1


async def test_keys_that_are_created_and_revoked_have_entries(guarded: Guarded) -> None:
    key = await asyncio.to_thread(key_commands.create, guarded.dsn, "new", operator=True)
    await asyncio.to_thread(key_commands.revoke, guarded.dsn, key[:PREFIX_LENGTH])
    revoked, created = (await entries(guarded))[:2]
    assert (revoked["action"], created["action"]) == ("keys.revoke", "keys.create")
    assert created["owner"].startswith("os:")
    assert (created["address"], created["requestId"]) == (None, None)
    assert revoked["details"] == {"owner": "new", "prefix": key[:PREFIX_LENGTH]}
    assert created["details"]["operator"] is True
    assert key not in str(created)


async def test_the_list_is_for_operators_newest_first_in_pages_and_filtered(guarded: Guarded) -> None:
    assert (await guarded.request("a", "GET", "/api/audit")).status_code == 403
    for state in ("reducing", "halted", "active"):
        await guarded.request("op", "PUT", "/api/kill-switch", json={"state": state, "reason": "a test", "owner": "b"})
    seen: list[str] = []
    query: dict[str, Any] = {"action": "kill_switch.set", "owner": "op", "limit": 2}
    while True:
        page = (await guarded.request("op", "GET", "/api/audit", params=query)).json()
        seen += [entry["details"]["state"] for entry in page["entries"]]
        if page["nextCursor"] is None:
            break
        query["cursor"] = page["nextCursor"]
    assert seen == ["active", "halted", "reducing"]
    assert await entries(guarded, action="kill_switch.set", owner="a") == []
    for query in ({"cursor": "x"}, {"limit": 0}, {"action": "a b"}, {"owner": "x" * 81}, {"owner": "a\0"}):
        assert (await guarded.request("op", "GET", "/api/audit", params=query)).status_code == 422


async def test_placing_an_order_is_no_entry(engine: Engine) -> None:
    assert (await engine.http.post("/api/orders/execute", json=SELL_SOL)).status_code == 202
    assert await engine.postgres.fetchval("SELECT count(*) FROM audit_log") == 0
