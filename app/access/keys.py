"""API keys: minted here, shown once, kept as a hash; and the live ones as this process knows them."""

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

REFRESH_SECONDS = 2.0  # how long a revoked key may go on, and how long a new one must wait
OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")  # travels in announcements: no blanks, no line ends
PREFIX_LENGTH = len("oe_") + 8

CREATE = "INSERT INTO api_keys (owner, prefix, hash, operator) VALUES ($1, $2, $3, $4)"
REVOKE = "UPDATE api_keys SET revoked_at = now() WHERE prefix = $1 AND revoked_at IS NULL RETURNING owner"
ALL = "SELECT prefix, owner, operator, created_at, revoked_at FROM api_keys ORDER BY created_at, id"
LIVE = "SELECT prefix, owner, operator, hash FROM api_keys WHERE revoked_at IS NULL"

_NO_HASH = bytes(32)


def digest(key: str) -> bytes:
    """One round of sha256: a slow hash protects what can be guessed, and 256 random bits cannot."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def new_key() -> str:
    """`oe_` marks it for secret scanners, eight digits name it, 256 random bits are the secret."""
    return f"oe_{secrets.token_hex(4)}_{secrets.token_hex(32)}"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What may be said about a key to anybody who keeps the book."""

    prefix: str
    owner: str
    operator: bool
    created_at: datetime
    revoked_at: datetime | None


async def create(connection: asyncpg.Connection, owner: str, *, operator: bool) -> str:
    """The new key: nobody can ever read it again."""
    key = new_key()
    await connection.execute(CREATE, owner, key[:PREFIX_LENGTH], digest(key), operator)
    return key


async def revoke(connection: asyncpg.Connection, prefix: str) -> str | None:
    """The owner of the key that ends now; None if no live key has this prefix."""
    owner: str | None = await connection.fetchval(REVOKE, prefix)
    return owner


async def known(connection: asyncpg.Connection) -> list[KnownKey]:
    return [KnownKey(**dict(row)) for row in await connection.fetch(ALL)]


@dataclass(frozen=True, slots=True)
class LiveKey:
    prefix: str
    owner: str
    operator: bool
    hash: bytes


class Keyring:
    """All live keys, read again every two seconds: no request asks Postgres, and guessing keys costs it nothing.

    While Postgres is away those last known stay good: nobody can revoke one there either.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._live: Mapping[str, LiveKey] | None = None
        self._open: dict[str, set[Callable[[], None]]] = {}  # prefix → how to end each stream opened with that key
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> int | None:
        """How many keys there are; None if Postgres does not say."""
        await self._try_to_read()
        self._task = asyncio.create_task(self._refresh(), name="keyring")
        return None if self._live is None else len(self._live)

    async def close(self) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task)

    def find(self, key: str) -> LiveKey | None:
        """The live key that this is; raises BookAway while none could be read yet."""
        found = self.named(key[:PREFIX_LENGTH])
        same = hmac.compare_digest(digest(key), found.hash if found else _NO_HASH)
        return found if same else None

    def named(self, prefix: str) -> LiveKey | None:
        if self._live is None:
            raise DatabaseUnavailable
        return self._live.get(prefix)

    @contextlib.contextmanager
    def opened_with(self, prefix: str, end: Callable[[], None]) -> Iterator[None]:
        """While this block runs, `end` is called if the key is found to be live no more."""
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
            log.warning("keys cannot be read, the database is away")

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self._try_to_read()
            except Exception:
                log.exception("keys cannot be read")  # and those known stay, until they can
