"""The live API keys, cached by each API process."""

import asyncio
import contextlib
import hmac
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from app.access.caller import Caller
from app.access.keys import LIMITS, PREFIX_LENGTH, digest
from app.postgres.errors import DatabaseUnavailable
from app.postgres.running import fetch
from app.tasks import cancel_and_wait

log = logging.getLogger("engine.access")

REFRESH_SECONDS = 2.0  # the longest that a revoked key still works, and that a new one does not work yet
TICK_SECONDS = 0.25
STILL_SECONDS = 1.0  # without a tick: this process was frozen, or had more to do than it can
USED_SECONDS = 60  # between two writes of when a key was last used

# Those that expired within a month too, so that their callers learn why they are refused.
KNOWN = f"""
SELECT prefix, owner, operator, read_only, {LIMITS}, hash, expires_at,
       extract(epoch FROM expires_at - clock_timestamp())::float8 AS seconds_left
  FROM api_keys WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now() - interval '30 days')
"""
# Several processes may have seen the same key: they neither all write it nor wait for each other.
USED = """
UPDATE api_keys SET last_used_at = now() WHERE id IN (
    SELECT id FROM api_keys
     WHERE prefix = ANY($1::text[]) AND coalesce(last_used_at < now() - $2 * interval '1 second', true)
       FOR UPDATE SKIP LOCKED)
"""

_NO_HASH = bytes(32)


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that was not revoked."""

    caller: Caller
    hash: bytes  # sha256 of the whole key
    until: float  # when it expires, on this machine's monotonic clock


class Keyring:
    """All live keys in memory, read again every two seconds.

    So no request reads keys from Postgres, and guessing keys does not load it. While Postgres is down the keys last
    read stay valid: without Postgres none can be revoked either. They still expire, on a clock that nobody sets.
    After this process stood still, for example frozen, they are read before anybody is let in.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._known: Mapping[str, KnownKey] = {}
        self._live: Mapping[str, KnownKey] | None = None  # those that have not expired
        self._used: set[str] = set()  # prefixes of keys that were used since that was last written
        self._written: Mapping[str, float] = {}  # when that was, within the last minute
        self._next_expiry: asyncio.TimerHandle | None = None
        self._open: dict[str, set[Callable[[], None]]] = {}  # prefix → how to end each stream of that key
        self._readable = True  # as far as the log says
        self._task: asyncio.Task[None] | None = None
        self._reading = asyncio.Lock()
        self._tried = 0.0  # when the last finished attempt to read them began
        self._ticked = time.monotonic()
        self._stood_still = 0.0  # when that was last noticed
        self._tick_timer: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        await self._try_to_read()
        self._task = asyncio.create_task(self._refresh(), name="keyring")
        self._tick()

    async def close(self) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task)
        for timer in (self._next_expiry, self._tick_timer):
            if timer is not None:
                timer.cancel()

    def is_behind(self) -> bool:
        """This process stood still, and has not tried to read the keys since."""
        now = time.monotonic()
        if now - self._ticked > STILL_SECONDS:
            self._stood_still = now
        self._ticked = now
        return self._tried < self._stood_still

    async def catch_up(self) -> None:
        if self.is_behind():
            await self._try_again()

    def _tick(self) -> None:
        self.is_behind()
        self._tick_timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def find(self, key: str) -> Caller | None:
        """Whose live key has this text. Raises DatabaseUnavailable until keys were read for the first time."""
        found = self._live_key(key[:PREFIX_LENGTH])
        same = hmac.compare_digest(digest(key), found.hash if found else _NO_HASH)
        if found is None or not same:
            return None
        self._used.add(found.caller.key)
        return found.caller

    def find_by_prefix(self, prefix: str) -> Caller | None:
        """For tickets, which were issued to a live key. It may have ended since."""
        found = self._live_key(prefix)
        return None if found is None else found.caller

    def expired_at(self, key: str) -> datetime | None:
        """When the key with this text expired; None: it is unknown, was revoked, or expired more than a month ago."""
        found = self._known.get(key[:PREFIX_LENGTH])
        same = hmac.compare_digest(digest(key), found.hash if found else _NO_HASH)
        return found.caller.expires_at if found and same else None

    def _live_key(self, prefix: str) -> KnownKey | None:
        if self._live is None:
            raise DatabaseUnavailable
        return self._live.get(prefix)

    @contextlib.contextmanager
    def end_when_revoked(self, prefix: str, end: Callable[[], None]) -> Iterator[None]:
        """While this block runs, `end` is called if the key is found to be revoked, or when it expires."""
        streams = self._open.setdefault(prefix, set())
        streams.add(end)
        try:
            yield
        finally:
            streams.discard(end)
            if not streams and self._open.get(prefix) is streams:
                del self._open[prefix]

    async def read(self) -> None:
        asked = time.monotonic()  # a slow answer makes no key live longer
        self._known = {row["prefix"]: _known(row, asked) for row in await fetch(self._pool, KNOWN)}
        self._leave_out_expired()

    def _leave_out_expired(self) -> None:
        now = time.monotonic()
        live = self._live = {prefix: key for prefix, key in self._known.items() if key.until > now}
        for prefix in self._open.keys() - live.keys():
            for end in self._open[prefix]:
                end()
        if self._next_expiry is not None:
            self._next_expiry.cancel()
        until = min((key.until for key in live.values()), default=math.inf)
        if until < math.inf:
            self._next_expiry = asyncio.get_running_loop().call_later(until - now, self._leave_out_expired)

    async def _write_used(self) -> None:
        now = time.monotonic()
        self._written = {prefix: at for prefix, at in self._written.items() if now - at < USED_SECONDS}
        due = self._used - self._written.keys()
        if not due:
            return
        self._used -= due
        self._written = {**self._written, **dict.fromkeys(due, now)}
        try:
            await fetch(self._pool, USED, list(due), USED_SECONDS / 2)
        except Exception as error:  # it is no reason to refuse the key
            self._used |= due
            log.warning("cannot write when API keys were last used", extra={"error": type(error).__name__})

    async def _try_to_read(self) -> None:
        asked = time.monotonic()
        async with self._reading:
            if self._tried >= asked:  # somebody else has, meanwhile
                return
            began = time.monotonic()
            try:
                await self._read_over_any_connection()
            except DatabaseUnavailable:
                if self._readable:
                    log.warning("cannot read the API keys: the database is unavailable, or was never migrated")
                self._readable = False
            else:
                if not self._readable:
                    log.info("the API keys can be read again")
                self._readable = True
            finally:
                self._tried = began

    async def _read_over_any_connection(self) -> None:
        try:
            await self.read()
        except DatabaseUnavailable as error:
            if isinstance(error.__cause__, TimeoutError):
                raise
            await self.read()  # while this process stood still, those of the pool may have been closed

    async def _try_again(self) -> None:
        try:
            await self._try_to_read()
        except Exception:
            log.exception("cannot read the API keys")  # the keys last read stay valid until a read succeeds

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self._try_again()
            await self._write_used()


def _known(row: asyncpg.Record, asked: float) -> KnownKey:
    caller = Caller(
        row["owner"],
        row["operator"],
        row["prefix"],
        row["max_order_usd"],
        row["max_daily_usd"],
        row["max_orders_per_min"],
        row["max_reads_per_min"],
        row["read_only"],
        row["expires_at"],
    )
    left = math.inf if row["seconds_left"] is None else row["seconds_left"]
    return KnownKey(caller, row["hash"], asked + left)
