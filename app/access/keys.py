"""API keys: created and shown once, and stored as a hash."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict, Unpack

import asyncpg

OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")  # it stands in event messages: no blanks, no line breaks
PREFIX = re.compile(r"oe_[0-9a-f]{8}(?=_)")
PREFIX_LENGTH = len("oe_") + 8

LIMITS = "max_order_usd, max_daily_usd, max_orders_per_min, max_reads_per_min"
CREATE = f"""
INSERT INTO api_keys (owner, prefix, hash, operator, read_only, {LIMITS}, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + $10::interval)
"""
REVOKE = "UPDATE api_keys SET revoked_at = now() WHERE prefix = $1 AND revoked_at IS NULL RETURNING owner"
ALL = f"""
SELECT prefix, owner, operator, read_only, {LIMITS}, created_at, revoked_at, expires_at, last_used_at,
       coalesce(expires_at <= now(), false) AS expired
  FROM api_keys ORDER BY created_at, id
"""


def digest(key: str) -> bytes:
    """One round of sha256. A slow hash protects secrets that can be guessed; 256 random bits cannot be."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def new_key() -> str:
    """`oe_` for secret scanners, eight hex digits as the public prefix, and 256 random bits as the secret."""
    return f"oe_{secrets.token_hex(4)}_{secrets.token_hex(32)}"


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key without its hash, as `engine keys list` shows it."""

    prefix: str  # `oe_` and eight digits: it names the key, and is not secret
    owner: str
    operator: bool
    read_only: bool
    max_order_usd: int | None  # None: MAX_ORDER_USD
    max_daily_usd: int | None
    max_orders_per_min: int | None  # None: API_MAX_ORDERS_PER_MIN
    max_reads_per_min: int | None
    created_at: datetime
    revoked_at: datetime | None  # None: it was not revoked
    expires_at: datetime | None  # None: never
    last_used_at: datetime | None  # to the minute; None: never
    expired: bool


class Terms(TypedDict, total=False):
    """What sets a key apart. Without a limit of its own it has those of the settings; 0: no limit."""

    read_only: bool  # it may change nothing
    max_order_usd: int | None
    max_daily_usd: int | None
    max_orders_per_min: int | None
    max_reads_per_min: int | None
    expires_in: timedelta | None  # None: never


async def create(connection: asyncpg.Connection, owner: str, *, operator: bool, **terms: Unpack[Terms]) -> str:
    """The new key. Only its hash is stored, so it cannot be shown again."""
    key = new_key()
    await connection.execute(
        CREATE,
        owner,
        key[:PREFIX_LENGTH],
        digest(key),
        operator,
        terms.get("read_only", False),
        terms.get("max_order_usd"),
        terms.get("max_daily_usd"),
        terms.get("max_orders_per_min"),
        terms.get("max_reads_per_min"),
        terms.get("expires_in"),
    )
    return key


async def revoke(connection: asyncpg.Connection, prefix: str) -> str | None:
    """The owner of the key; None if no live key has this prefix."""
    owner: str | None = await connection.fetchval(REVOKE, prefix)
    return owner


async def list_keys(connection: asyncpg.Connection) -> list[KeyInfo]:
    return [KeyInfo(**dict(row)) for row in await connection.fetch(ALL)]
