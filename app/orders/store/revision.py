"""Which revision of the schema the database has, and whether this code works with it.

It works with the newest revision that it knows, and with a newer one that says so: a migration leaves the oldest
revision whose code still works as the comment of `alembic_version` (`migrations/env.py`). So the old version goes on
during a rolling upgrade. With any other schema the API accepts no orders and a worker runs none, until the schema is
right: neither has to be restarted.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Literal

import asyncpg

from app.postgres.errors import DatabaseUnavailable
from app.postgres.running import fetch, transaction
from app.tasks import cancel_and_wait, run_forever

log = logging.getLogger("engine.revision")

CHECK_SECONDS = 1.0
FIRST_CHECK_SECONDS = 2.0
READ = "SELECT version_num, obj_description('alembic_version'::regclass, 'pg_class') AS comment FROM alembic_version"
WORKS_WITH = " works with "
# A provider whose disk is nearly full makes the database read-only, and so may an operator.
CHECK = READ.replace(" FROM ", ", current_setting('transaction_read_only') = 'on' AS read_only FROM ", 1)
# As storing an order does, but it waits for nobody: anybody may ask for the health, and often.
WRITES = "LOCK TABLE orders, order_events IN ROW EXCLUSIVE MODE NOWAIT"


def promise(revision: str, oldest: str) -> str:
    """The comment: with this revision of the schema the code of `oldest` still works."""
    return f"{revision}{WORKS_WITH}{oldest}"


def mismatch(found: str | None, comment: str | None, known: Sequence[str]) -> str | None:
    """Why code that knows these revisions, the oldest first, does not work with the database; None: it does."""
    newest = known[-1]
    if found == newest:
        return None
    if found is None:
        return f"the database was never migrated, and revision {newest} is needed: run `engine migrate`"
    if found in known:
        return f"the database has revision {found}, and revision {newest} is needed: run `engine migrate`"
    revision, _, oldest = (comment or "").partition(WORKS_WITH)
    if revision == found and oldest in known:
        return None
    return f"the database has revision {found}, which is newer than {newest}, the newest this engine knows: update it"


class Revision:
    """The revision of the database, as one process sees it."""

    def __init__(self, pool: asyncpg.Pool, known: Sequence[str]) -> None:
        self._pool = pool
        self._known = known
        self.expected = known[-1]
        self.found: str | None = None
        self.read_only = False  # Postgres takes no writes
        self.problem: str | None = None  # why this code does not work with it; None: it does, or nobody knows yet
        self._checked = False
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> Literal["up", "not migrated", "too new"]:
        if self.problem is None:
            return "up"
        return "not migrated" if self.found is None or self.found in self._known else "too new"

    async def start(self) -> None:
        with contextlib.suppress(DatabaseUnavailable, TimeoutError):
            async with asyncio.timeout(FIRST_CHECK_SECONDS):
                await self.check()
        self._task = run_forever("revision", self._check_repeatedly)

    async def stop(self) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task)

    def fits(self) -> bool:
        """Whether this code is known to work with the database."""
        return self._checked and self.problem is None

    async def check(self) -> None:
        rows = await self._read()
        self.found, comment, self.read_only = rows[0] if rows else (None, None, False)
        problem = mismatch(self.found, comment, self._known)
        if problem != self.problem:
            log.log(logging.INFO if problem is None else logging.ERROR, problem or "the schema is right now")
        self.problem, self._checked = problem, True

    async def check_writes(self) -> None:
        """DatabaseUnavailable: somebody has locked the tables of orders, and reads may still be answered."""
        async with transaction(self._pool) as connection:
            await connection.execute(WRITES)

    async def _read(self) -> list[asyncpg.Record]:
        try:
            return await fetch(self._pool, CHECK)
        except DatabaseUnavailable as error:
            if isinstance(error.__cause__, asyncpg.UndefinedTableError):
                return []
            raise

    async def _check_repeatedly(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            with contextlib.suppress(DatabaseUnavailable):
                await self.check()
