"""API keys: created and shown once, stored as a hash, and cached by each API process."""

import asyncio
import contextlib
import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from app.postgres import DatabaseUnavailable, fetch
from app.tasks import cancel_and_wait

log = logging.getLogger("engine.access")

REFRESH_SECONDS = 2.0  # the longest that a revoked key still works, and that a new one does not work yet
OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")  # it stands in event messages: no blanks, no line breaks
PREFIX = re.compile(r"oe_[0-9a-f]{8}(?=_)")
PREFIX_LENGTH = len("oe_") + 8

CREATE = """
INSERT INTO api_keys (owner, prefix, hash, operator, max_order_usd, max_daily_usd) VALUES ($1, $2, $3, $4, $5, $6)
"""
REVOKE = "UPDATE api_keys SET revoked_at = now() WHERE prefix = $1 AND revoked_at IS NULL RETURNING owner"
ALL = """
SELECT prefix, owner, operator, max_order_usd, max_daily_usd, created_at, revoked_at FROM api_keys
 ORDER BY created_at, id
"""
LIVE = "SELECT prefix, owner, operator, max_order_usd, max_daily_usd, hash FROM api_keys WHERE revoked_at IS NULL"

_NO_HASH = bytes(32)


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
    max_order_usd: int | None  # None: MAX_ORDER_USD
    max_daily_usd: int | None
    created_at: datetime
    revoked_at: datetime | None  # None: live


async def create(
    connection: asyncpg.Connection,
    owner: str,
    *,
    operator: bool,
    max_order_usd: int | None = None,
    max_daily_usd: int | None = None,
) -> str:
    """The new key. Only its hash is stored, so it cannot be shown again."""
    key = new_key()
    await connection.execute(CREATE, owner, key[:PREFIX_LENGTH], digest(key), operator, max_order_usd, max_daily_usd)
    return key


async def revoke(connection: asyncpg.Connection, prefix: str) -> str | None:
    """The owner of the key; None if no live key has this prefix."""
    owner: str | None = await connection.fetchval(REVOKE, prefix)
    return owner


async def list_keys(connection: asyncpg.Connection) -> list[KeyInfo]:
    return [KeyInfo(**dict(row)) for row in await connection.fetch(ALL)]


@dataclass(frozen=True, slots=True)
class LiveKey:
    """A key that was not revoked."""

    prefix: str
    owner: str
    operator: bool
    max_order_usd: int | None  # in dollars; 0: no limit; None: MAX_ORDER_USD
    max_daily_usd: int | None
    hash: bytes  # sha256 of the whole key


class Keyring:
    """All live keys in memory, read again every two seconds.

    So no request reads keys from Postgres, and guessing keys does not load it. While Postgres is down the keys last
    read stay valid: without Postgres none can be revoked either.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._live: Mapping[str, LiveKey] | None = None
        self._open: dict[str, set[Callable[[], None]]] = {}  # prefix → how to end each stream of that key
        self._readable = True  # as far as the log says
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await self._try_to_read()
        self._task = asyncio.create_task(self._refresh(), name="keyring")

    async def close(self) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task)

    def find(self, key: str) -> LiveKey | None:
        """The live key with this text. Raises DatabaseUnavailable until keys were read for the first time."""
        found = self.live_key(key[:PREFIX_LENGTH])
        same = hmac.compare_digest(digest(key), found.hash if found else _NO_HASH)
        return found if same else None

    def live_key(self, prefix: str) -> LiveKey | None:
        if self._live is None:
            raise DatabaseUnavailable
        return self._live.get(prefix)

    @contextlib.contextmanager
    def end_when_revoked(self, prefix: str, end: Callable[[], None]) -> Iterator[None]:
        """While this block runs, `end` is called if the key is found to be revoked."""
        streams = self._open.setdefault(prefix, set())
        streams.add(end)
        try:
            yield
        finally:
            streams.discard(end)
            if not streams and self._open.get(prefix) is streams:
                del self._open[prefix]

    async def read(self) -> None:
        self._live = {row["prefix"]: LiveKey(**dict(row)) for row in await fetch(self._pool, LIVE)}
        for prefix in self._open.keys() - self._live.keys():
            for end in self._open[prefix]:
                end()

    async def _try_to_read(self) -> None:
        try:
            await self.read()
        except DatabaseUnavailable:
            if self._readable:
                log.warning("cannot read the API keys: the database is unavailable, or was never migrated")
            self._readable = False
        else:
            if not self._readable:
                log.info("the API keys can be read again")
            self._readable = True

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self._try_to_read()
            except Exception:
                log.exception("cannot read the API keys")  # the keys last read stay valid until a read succeeds
