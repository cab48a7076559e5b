"""Webhooks, for their owners. What changes one also writes the entry of the audit log, in the same statement.

Entries have no URL: its path or query may be a secret of the receiver.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from app.audit import Actor, AuditLog, Entry, insert
from app.postgres.running import SOON, fetch
from app.webhooks.signing import Secrets, as_text, digest, new_salt

MAX_PER_OWNER = 10
COUNTED = 1_000  # deliveries of a webhook; 1000: or more
SHOWN = 200  # deliveries in one answer
BOTH_VALID = "interval '1 day'"  # after a rotation

_COLUMNS = """w.id, w.url, w.description, w.statuses, w.created_at, w.disabled_at, w.disabled_why, w.failing_since,
       w.delivered_at, w.failed_at, w.last_error, CASE WHEN w.previous_until > now() THEN w.previous_until END
         AS previous_until"""


def _audited(entries: str, made: str) -> str:
    return f"audited AS ({insert(entries)} WHERE EXISTS (SELECT FROM {made}))"


# In each: $1 the owner, the last one the entries of the audit log. See `fetch_soon`.
CREATE = f"""
WITH made AS (
    INSERT INTO webhooks AS w (owner, id, url, description, statuses, salt, digest)
    SELECT $1::text, $2::uuid, $3::text, $4::text, $5::text[], $6::bytea, $7::bytea
     WHERE (SELECT count(*) FROM webhooks WHERE owner = $1 AND deleted_at IS NULL) < {MAX_PER_OWNER}
    RETURNING {_COLUMNS}
), {_audited("$8", "made")}
SELECT * FROM made
"""
# Its deliveries are many, perhaps: a watcher deletes them.
DELETE = f"""
WITH deleted AS (
    UPDATE webhooks SET deleted_at = now(), disabled_at = now(), url = '', salt = '', previous_salt = NULL
     WHERE owner = $1 AND id = $2 AND deleted_at IS NULL AND {SOON} RETURNING id
), {_audited("$3", "deleted")}
SELECT * FROM deleted
"""
# The secret before this one goes on to sign for a day. If that one was replaced within the day, it ends now.
ROTATE = f"""
WITH rotated AS (
    UPDATE webhooks AS w
       SET previous_salt = salt, previous_until = now() + {BOTH_VALID}, salt = $3::bytea, digest = $4::bytea
     WHERE owner = $1 AND id = $2 AND deleted_at IS NULL AND {SOON} RETURNING {_COLUMNS}
), {_audited("$5", "rotated")}
SELECT * FROM rotated
"""
# What was switched off is on again. The watcher that serves it next makes its deliveries due: those that were given up,
# of which three days begin anew, and those that wait.
REPLAY = f"""
WITH replayed AS (
    UPDATE webhooks
       SET disabled_at = NULL, disabled_why = NULL, failing_since = NULL, hurried_at = now(), replayed_at = now(),
           served_until = CASE WHEN served_by IS NULL THEN NULL ELSE served_until END
     WHERE owner = $1 AND id = $2 AND deleted_at IS NULL AND {SOON} RETURNING id
), {_audited("$3", "replayed")}
SELECT * FROM replayed
"""
TEST = """
INSERT INTO webhook_deliveries (webhook_id)
SELECT id FROM webhooks w
 WHERE owner = $1 AND id = $2 AND disabled_at IS NULL
   AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.webhook_id = w.id AND d.order_id IS NULL)
RETURNING id
"""
WAITING_TEST = """
SELECT d.id FROM webhooks w JOIN webhook_deliveries d ON d.webhook_id = w.id AND d.order_id IS NULL
 WHERE w.owner = $1 AND w.id = $2 AND w.disabled_at IS NULL
"""


def _count(condition: str) -> str:
    return f"""(SELECT count(*) FROM (SELECT FROM webhook_deliveries d
                WHERE d.webhook_id = w.id AND d.given_up_at {condition} LIMIT {COUNTED}) AS few)"""


LIST = f"""
SELECT {_COLUMNS}, {_count("IS NULL")} AS waiting, {_count("IS NOT NULL")} AS failed
  FROM webhooks w WHERE owner = $1 AND deleted_at IS NULL AND ($2::uuid IS NULL OR id = $2) ORDER BY created_at, id
"""
_DELIVERIES = """
SELECT d.id, d.order_id, d.seq, e.status, d.created_at, d.attempts, d.due_at, d.given_up_at, d.error
  FROM webhook_deliveries d LEFT JOIN order_events e ON e.order_id = d.order_id AND e.seq = d.seq
 WHERE d.webhook_id = $1 AND d.given_up_at {condition} ORDER BY d.{order} LIMIT $2
"""
WAITING = _DELIVERIES.format(condition="IS NULL", order="due_at, d.seq")
FAILED = _DELIVERIES.format(condition="IS NOT NULL", order="given_up_at DESC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where events of an owner are sent, without its secret."""

    id: UUID
    url: str
    description: str | None
    statuses: Sequence[str] | None  # None: all
    created_at: datetime
    disabled_at: datetime | None  # None: it is on
    disabled_why: str | None
    failing_since: datetime | None  # None: the last attempt has arrived, or there was none
    delivered_at: datetime | None
    failed_at: datetime | None
    last_error: str | None
    previous_until: datetime | None  # until then the secret before signs too
    waiting: int = 0  # deliveries
    failed: int = 0  # given up


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    id: UUID
    order_id: UUID | None  # None: a test
    seq: int | None
    status: str | None
    created_at: datetime
    attempts: int
    due_at: datetime
    given_up_at: datetime | None
    error: str | None


class WebhookStore:
    def __init__(self, pool: asyncpg.Pool, reading: asyncpg.Pool, secrets: Secrets, audit: AuditLog) -> None:
        self._pool = pool
        self._reading = reading
        self._secrets = secrets
        self._audit = audit

    async def create(
        self, actor: Actor, owner: str, url: str, statuses: Sequence[str] | None, description: str | None
    ) -> tuple[Webhook, str] | None:
        """With its secret, which cannot be read again. None: the owner has as many as one may have."""
        webhook, salt = uuid4(), new_salt()
        key = self._secrets.key(webhook, salt)
        rows = await self._change(
            actor, "webhook.create", webhook, CREATE, owner, webhook, url, description, statuses, salt, digest(key)
        )
        return (Webhook(**rows[0]), as_text(key)) if rows else None

    async def delete(self, actor: Actor, owner: str, webhook: UUID) -> bool:
        return bool(await self._change(actor, "webhook.delete", webhook, DELETE, owner, webhook))

    async def rotate(self, actor: Actor, owner: str, webhook: UUID) -> tuple[Webhook, str] | None:
        """With its new secret. Its old one signs too for a day."""
        salt = new_salt()
        key = self._secrets.key(webhook, salt)
        rows = await self._change(actor, "webhook.rotate", webhook, ROTATE, owner, webhook, salt, digest(key))
        return (Webhook(**rows[0]), as_text(key)) if rows else None

    async def replay(self, actor: Actor, owner: str, webhook: UUID) -> int | None:
        """Send again what was given up, and switch it on; how many, at most `COUNTED`. None: there is none."""
        found = await self.of(owner, webhook)
        if not found or not await self._change(actor, "webhook.replay", webhook, REPLAY, owner, webhook):
            return None
        return found[0].failed

    async def test(self, owner: str, webhook: UUID) -> UUID | None:
        """The message. None: there is no such webhook, or it is switched off."""
        rows = await fetch(self._pool, TEST, owner, webhook) or await fetch(self._pool, WAITING_TEST, owner, webhook)
        return rows[0]["id"] if rows else None

    async def of(self, owner: str, webhook: UUID | None = None) -> list[Webhook]:
        return [Webhook(**dict(row)) for row in await fetch(self._reading, LIST, owner, webhook)]

    async def undelivered(self, webhook: UUID, *, failed: bool) -> list[Undelivered]:
        """Those that are due first, or that were given up last."""
        rows = await fetch(self._reading, FAILED if failed else WAITING, webhook, SHOWN)
        return [Undelivered(**dict(row)) for row in rows]

    async def _change(
        self, actor: Actor, action: str, webhook: UUID, statement: str, *arguments: Any
    ) -> list[Mapping[str, Any]]:
        entry = Entry(actor=actor, action=action, outcome="done", details={"webhook": webhook})
        return [dict(row) for row in await self._audit.write([entry], statement, *arguments)]
