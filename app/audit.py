"""The audit log: what operators did, and which requests were refused for lack of a right. It only grows.

- An operator's action whose entry cannot be written is not done: the entry is written first, or by the same statement.
  Its outcome follows in a second entry. Only a halt is done all the same, and its entry is written as soon as it can
  be.
- Entries are written one statement at a time: while the table is locked, a connection is left for a halt.
- An attacker can have any number of requests refused. Those of one key with one outcome on one route share an entry per
  flush, and so do those without a valid key of one address with one outcome.
  `MAX_GROUPS` of such groups have an entry, shared out among the owners, of whom those without a valid key are one, and
  the rest are counted in one. They are written in the background.
- Entries hold no keys, no tickets and no bodies. Text from a request is cut and printable.
"""

import asyncio
import contextlib
import getpass
import logging
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from app.postgres.errors import DatabaseUnavailable
from app.postgres.running import fetch, fetch_soon
from app.tasks import cancel_and_wait

log = logging.getLogger("engine.audit")

FLUSH_SECONDS = 5.0  # between two writes of refusals
MAX_GROUPS = 50
MAX_OUTCOMES = 1_000  # that wait for Postgres
MAX_TEXT = 120

_KEY = re.compile(r"oe_[0-9A-Za-z_]*")


def insert(parameter: str) -> str:
    """The statement that writes the entries in this parameter, the JSON that `as_json` makes."""
    columns = "action, outcome, owner, key_prefix, address, request_id, details, left_out"
    return f"""INSERT INTO audit_log ({columns}) SELECT {columns} FROM json_to_recordset({parameter}) AS e(
        action text, outcome text, owner text, key_prefix text, address text, request_id text, details json,
        left_out int)"""


INSERT = insert("$1")
PAGE = """
SELECT id, at, action, outcome, owner, key_prefix, address, request_id, details, left_out FROM audit_log
 WHERE id < $1 AND ($2::text IS NULL OR owner = $2) AND ($3::text IS NULL OR action = $3)
 ORDER BY id DESC LIMIT $4
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who made a request. None: not known."""

    owner: str | None = None  # of the key; `os:` and a user for the command line
    key_prefix: str | None = None
    address: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    actor: Actor
    action: str
    outcome: str  # begun, done, or the code of a problem
    details: Mapping[str, Any] = field(default_factory=dict)
    left_out: int = 0  # more refusals like this one


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    id: int
    at: datetime
    entry: Entry


def as_json(entries: Sequence[Entry]) -> str:
    rows = [
        {
            **{name: getattr(entry.actor, name) for name in Actor.__dataclass_fields__},
            "action": entry.action,
            "outcome": entry.outcome,
            "details": dict(entry.details),
            "left_out": entry.left_out,
        }
        for entry in entries
    ]
    return orjson.dumps(rows, default=str).decode()


def note(entries: Sequence[Entry]) -> None:
    """To the log, once they are written."""
    for entry in entries:
        who = {name: getattr(entry.actor, name) for name in Actor.__dataclass_fields__}
        labels = {"outcome": entry.outcome, **who, "details": dict(entry.details), "left_out": entry.left_out}
        log.info("%s", entry.action, extra={name: value for name, value in labels.items() if value})


def printable(text: str) -> str:
    """Text from a request: cut, on one line, in ASCII, and without anything that looks like a key."""
    shown = text[:MAX_TEXT].encode("ascii", "backslashreplace").decode().encode("unicode_escape").decode()
    return _KEY.sub("oe_…", shown)[:MAX_TEXT]


def command_line() -> Actor:
    """Who runs a command of `engine`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a user id without a name
        user = str(os.getuid())
    return Actor(owner=f"os:{printable(user)}")


class AuditLog:
    """`reading`: for pages, which may take long."""

    def __init__(self, pool: asyncpg.Pool, *, reading: asyncpg.Pool) -> None:
        self._pool = pool
        self._reading = reading
        self._outcomes: list[Entry] = []
        self._refusals: dict[tuple[str | None, ...], Entry] = {}
        self._other_refusals = 0
        self._waiting = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._write_repeatedly(), name="audit log")

    async def stop(self) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task)
        with contextlib.suppress(DatabaseUnavailable, TimeoutError):
            async with asyncio.timeout(1):
                await self._flush()

    @contextlib.asynccontextmanager
    async def action(self, actor: Actor, action: str, details: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Around an operator's action. It may add details of the outcome. DatabaseUnavailable: it must not be done."""
        entry = Entry(actor=actor, action=action, outcome="begun", details=details)
        await self.write([entry])
        more: dict[str, Any] = {}
        outcome = "internal_error"
        try:
            yield more
            outcome = "done"
        except Exception as error:
            outcome = getattr(error, "code", type(error).__name__)
            raise
        finally:
            self._write_later(replace(entry, outcome=outcome, details={**details, **more}))

    async def write(self, entries: Sequence[Entry], statement: str = INSERT, *arguments: Any) -> list[asyncpg.Record]:
        """By this statement, whose last parameter is the entries. Returns its rows; without any, it wrote nothing."""
        rows = await fetch_soon(self._pool, statement, *arguments, as_json(entries), turn=self._writing)
        if rows or statement is INSERT:
            note(entries)
        return rows

    async def follow(self, entry: Entry, *, within: float) -> None:
        """Write the entry of what is done already; if that takes longer, go on with it in the background."""
        try:
            async with asyncio.timeout(within):
                await self.write([entry])
        except Exception as error:
            log.warning("the entry of %s cannot be written yet", entry.action, extra={"error": type(error).__name__})
            self._write_later(entry)

    def _write_later(self, entry: Entry) -> None:
        if len(self._outcomes) < MAX_OUTCOMES:
            self._outcomes.append(entry)
        self._waiting.set()

    def refused(self, actor: Actor, code: str, request: str, route: str) -> None:
        """A request that was answered 401 or 403; `request`: its method and path."""
        group = (actor.address, code) if actor.owner is None else (actor.key_prefix, code, route)
        if entry := self._refusals.get(group):
            self._refusals[group] = replace(entry, left_out=entry.left_out + 1)
        elif len(self._refusals) < MAX_GROUPS or self._make_room(actor.owner):
            details = {"request": printable(request)}
            self._refusals[group] = Entry(actor=actor, action="refused", outcome=code, details=details)
        else:
            self._other_refusals += 1
        self._waiting.set()

    def _make_room(self, owner: str | None) -> bool:
        """By leaving out the last group of the owner who has most, unless this one has as many."""
        groups = Counter(entry.actor.owner for entry in self._refusals.values())
        [(most, count)] = groups.most_common(1)
        if groups[owner] + 1 >= count:
            return False
        last = next(group for group, entry in reversed(self._refusals.items()) if entry.actor.owner == most)
        self._other_refusals += 1 + self._refusals.pop(last).left_out
        return True

    async def page(self, before: int, owner: str | None, action: str | None, limit: int) -> list[StoredEntry]:
        """Newest first: those with a smaller id than `before`."""
        return [_stored(row) for row in await fetch(self._reading, PAGE, before, owner, action, limit)]

    async def _flush(self) -> None:
        entries = [*self._outcomes, *self._refusals.values()]
        others = self._other_refusals
        if others:
            entries.append(Entry(actor=Actor(), action="refused", outcome="many_addresses", left_out=others))
        if not entries:
            return
        outcomes, refusals = self._outcomes, self._refusals
        self._outcomes, self._refusals, self._other_refusals = [], {}, 0
        try:
            await self.write(entries)
        except BaseException:
            self._outcomes = (outcomes + self._outcomes)[:MAX_OUTCOMES]
            self._other_refusals += others + sum(1 + one.left_out for one in self._refusals.values())
            self._refusals = refusals
            raise

    async def _write_repeatedly(self) -> None:
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            try:
                await self._flush()
            except DatabaseUnavailable:
                self._waiting.set()
            except Exception:
                log.exception("entries cannot be written to the audit log")
            await asyncio.sleep(FLUSH_SECONDS)


def _stored(row: asyncpg.Record) -> StoredEntry:
    actor = Actor(**{name: row[name] for name in Actor.__dataclass_fields__})
    details = orjson.loads(row["details"])
    return StoredEntry(
        id=row["id"],
        at=row["at"],
        entry=Entry(
            actor=actor, action=row["action"], outcome=row["outcome"], details=details, left_out=row["left_out"]
        ),
    )
