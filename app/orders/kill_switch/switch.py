"""The kill switch: whether orders may be placed, started and sent, for all owners and for each one.

- It is kept in Postgres, so that neither a lost Redis nor a restart releases it.
- `reducing` refuses new orders; those under way go on. `halted` also starts nothing and sends nothing. Cancels, expiry,
  and asking the chain about swaps that were sent go on.
- The stricter of the state for all owners and the owner's own applies.
- The statements that place, claim, and move an order to `submitted` decide. The copy in memory makes refusals cheap,
  and says whose orders need not be queued; it is up to `READ_SECONDS` old.
- While the engine reconciles (`app/orders/reconciling`) nothing starts or is sent either: another row, no operator's.
- A change to a less strict state is made only if the scope was not set since its request arrived, maybe long ago.
- A worker that may send must do so within `CLEARANCE_SECONDS`, or ask again. The end of that time goes with the swap to
  the chain's adapter, which compares it last. `set` returns only after that time, so no swap leaves after a halt was
  answered. One that left before may still land: bytes in the buffers of a real network can arrive late.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg

from app.audit import Actor, AuditLog, Entry, insert
from app.batching import Batcher
from app.orders.kill_switch.same_database import IS_ANOTHER
from app.orders.kill_switch.states import ALL, RECONCILING, STRICTNESS, TradingState, is_halted
from app.postgres.errors import DatabaseUnavailable
from app.postgres.running import PAUSES, SOON, fetch, fetch_soon
from app.tasks import cancel_and_wait

log = logging.getLogger("engine.kill_switch")

READ_SECONDS = 1.0
CLEARANCE_SECONDS = 0.5
HALT_PAUSES = (*PAUSES, *[1.0] * 7)  # for a state that another session has locked: ten seconds


# States that were lifted stay, to say who did so.
_WRITE = f"""
INSERT INTO trading_states (scope, state, reason, set_by, set_at) SELECT $1, $2, $3, $4, clock_timestamp() WHERE {SOON}
ON CONFLICT (scope) DO UPDATE SET state = excluded.state, reason = excluded.reason, set_by = excluded.set_by,
                                  set_at = clock_timestamp()"""
_WRITTEN = "RETURNING scope, state, reason, set_by, set_at"
HALT = f"{_WRITE} {_WRITTEN}"
_LEVELS = f"ARRAY[{', '.join(repr(str(state)) for state in TradingState)}]"
_AS_STRICT = f"array_position({_LEVELS}, excluded.state) >= array_position({_LEVELS}, trading_states.state)"
# Returns no row if the scope was set after $5, to a stricter state.
AUDITED_SET = f"""
WITH changed AS ({_WRITE}
      WHERE trading_states.set_at IS NOT DISTINCT FROM $5::timestamptz OR {_AS_STRICT} {_WRITTEN}
), audited AS ({insert("$6")} WHERE EXISTS (SELECT FROM changed))
SELECT * FROM changed
"""
LAST_SET = """
SELECT state, set_at, extract(epoch FROM clock_timestamp() - set_at)::float8 AS seconds FROM trading_states
 WHERE scope = $1
"""
STATES = f"""
SELECT scope, state, set_at, extract(epoch FROM clock_timestamp() - set_at)::float8 AS seconds FROM trading_states
 WHERE state <> '{TradingState.ACTIVE}' OR scope = '{RECONCILING}'
UNION ALL SELECT '{RECONCILING}', '{TradingState.HALTED}', NULL, 0 WHERE {IS_ANOTHER}
"""
ENTRIES = f"""
SELECT scope, state, reason, set_by, set_at FROM trading_states
 WHERE scope = ANY($1::text[]) OR ($2 AND state <> '{TradingState.ACTIVE}' AND scope <> '{RECONCILING}')
 ORDER BY set_at DESC, scope LIMIT $3
"""
MAX_ENTRIES = 1_000
# Also owners whose keys were revoked: they may have orders under way. A state that was set is always released.
IS_OWNER = """
SELECT EXISTS (SELECT FROM api_keys WHERE owner = $1) OR EXISTS (SELECT FROM orders WHERE owner = $1)
    OR EXISTS (SELECT FROM trading_states WHERE scope = $1) AS found
"""
OWNERS = "SELECT DISTINCT owner FROM api_keys ORDER BY owner LIMIT 1000"
MAY_SEND = f"""
SELECT NOT {is_halted("owner")} AS may_send FROM unnest($1::text[]) WITH ORDINALITY AS o(owner, place) ORDER BY place
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchEntry:
    """The state of one scope."""

    scope: str  # an owner, or ALL
    state: TradingState
    reason: str
    set_by: str
    set_at: datetime


class KillSwitchChanged(Exception):
    """The scope was set by somebody else since the request arrived, to a stricter state than this one."""


class KillSwitch:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._states: Mapping[str, TradingState] | None = None  # those that are not active; None: never read
        self.reconciled_at: datetime | None = None  # when that began or ended last; None: never
        self.reconciled_for = float("inf")  # how many seconds ago that was, on the clock that wrote it
        self._task: asyncio.Task[None] | None = None
        self._ask: Batcher[str, float | None] = Batcher(self._ask_all)

    def state(self, owner: str = ALL) -> TradingState:
        """The state that applies to this owner, as it was last read."""
        states = self._states or {}
        active = TradingState.ACTIVE
        return max(states.get(ALL, active), states.get(owner, active), key=STRICTNESS.__getitem__)

    @property
    def reconciling(self) -> bool:
        return RECONCILING in (self._states or {})

    def may_start(self) -> bool:
        """Whether any order may start: false while all owners are halted, and until the states were read."""
        return self._states is not None and not self.holds(ALL)

    def holds(self, owner: str) -> bool:
        """Whether orders of this owner may not start."""
        return self.reconciling or self.state(owner) is TradingState.HALTED

    async def read(self) -> bool:
        """Read the states; whether an owner who was halted, or all of them, no longer are."""
        before = self._halted()
        rows = await fetch(self._pool, STATES)
        states = {row["scope"]: TradingState(row["state"]) for row in rows}
        self._states = {scope: state for scope, state in states.items() if state is not TradingState.ACTIVE}
        of_reconciling = [(row["set_at"], row["seconds"]) for row in rows if row["scope"] == RECONCILING]
        self.reconciled_at, self.reconciled_for = (*of_reconciling, (None, float("inf")))[0]
        return bool(before - self._halted())

    def _halted(self) -> set[str]:
        return {scope for scope, state in (self._states or {}).items() if state is TradingState.HALTED}

    async def may_send(self, owner: str) -> float | None:
        """Asks Postgres, with one query for all that wait: when it was asked, on `time.monotonic`; None: halted."""
        return await self._ask(owner)

    async def _ask_all(self, owners: list[str]) -> list[float | None]:
        asked = time.monotonic()
        rows = await fetch(self._pool, MAY_SEND, owners)
        return [asked if row["may_send"] else None for row in rows]

    async def entries(self, owner: str, *, of_others: bool) -> list[SwitchEntry]:
        """The state of all owners and of this one, if they were ever set, and those that hold for others."""
        return [_entry(row) for row in await fetch(self._pool, ENTRIES, [ALL, owner], of_others, MAX_ENTRIES)]

    async def is_owner(self, name: str) -> bool:
        """Whether an owner has this name, or had it."""
        return bool((await fetch(self._pool, IS_OWNER, name))[0]["found"])

    async def owners(self) -> list[str]:
        """Those with an API key, live or revoked."""
        return [row["owner"] for row in await fetch(self._pool, OWNERS)]

    async def set(
        self, scope: str, state: TradingState, *, reason: str, actor: Actor, audit: AuditLog, arrived: float
    ) -> SwitchEntry:
        """`arrived`: when the request did, on `time.monotonic`. It may raise KillSwitchChanged.

        A halt does not need the audit log, and this returns once no worker sends any more.
        """
        details = {"scope": scope, "state": state, "reason": reason}
        entry = Entry(actor=actor, action="kill_switch.set", outcome="done", details=details)
        columns = scope, state, reason, actor.owner
        if state is TradingState.HALTED:
            (row,) = await fetch_soon(self._pool, HALT, *columns, pauses=HALT_PAUSES)
            await self.read()
            # The entry may be written after that of a later release.
            entry = replace(entry, details=details | {"setAt": row["set_at"]})
            await asyncio.gather(audit.follow(entry, within=CLEARANCE_SECONDS), asyncio.sleep(CLEARANCE_SECONDS))
            return _entry(row)
        last_set = await fetch(self._pool, LAST_SET, scope)
        stricter_since = any(
            STRICTNESS[one["state"]] > STRICTNESS[state] and one["seconds"] < time.monotonic() - arrived
            for one in last_set
        )
        rows: list[asyncpg.Record] = []
        if not stricter_since:
            set_at = last_set[0]["set_at"] if last_set else None
            rows = await audit.write([entry], AUDITED_SET, *columns, set_at)
        await self.read()
        if not rows:
            await audit.follow(replace(entry, outcome="kill_switch_changed"), within=CLEARANCE_SECONDS)
            raise KillSwitchChanged
        return _entry(rows[0])

    async def open(self) -> None:
        """Read the states, and again every second."""
        await self._try_to_read()
        self._task = asyncio.create_task(self._read_repeatedly(), name="kill switch")

    async def close(self) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task)

    async def _try_to_read(self) -> None:
        try:
            with contextlib.suppress(DatabaseUnavailable):  # then no order is accepted either
                await self.read()
        except Exception:
            log.exception("the kill switch cannot be read")

    async def _read_repeatedly(self) -> None:
        while True:
            await asyncio.sleep(READ_SECONDS)
            await self._try_to_read()


def _entry(row: asyncpg.Record) -> SwitchEntry:
    return SwitchEntry(**{**dict(row), "state": TradingState(row["state"])})
