"""Connections to Postgres. Of several hosts in one address, only the primary is used, and only the newest primary.

- All hosts are asked at once: one whose machine is gone does not answer at all, and the next one would wait for it.
- A primary that was cut off while its standby was promoted does not know that. It still answers reads, which are old
  by then. The standby began a new timeline, so of two primaries the one with the later timeline is the newest. Once a
  process has seen it, it closes its connections to the other one, and opens none.
- A write that takes too long is left by closing its connection, never by cancelling it. If it waits for a synchronous
  standby, a cancelled write is kept and becomes visible, on a primary that nobody may follow: a repeat of the order
  would be answered with an order that the next primary does not have.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit
from weakref import WeakKeyDictionary

import asyncpg

from app.keepalive import keep_alive
from app.tasks import run_forever

log = logging.getLogger("engine.postgres")

GRACE_SECONDS = 0.2  # after a primary has answered: another host may be a newer primary
PATIENCE_SECONDS = 1.0  # after a standby has answered: the primary may be slow
LOOK_SECONDS = 1.0  # between looks at each host
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 2.0

HISTORY = """
SELECT (SELECT system_identifier FROM pg_control_system()) AS system,
       CASE WHEN NOT pg_is_in_recovery() AND current_setting('default_transaction_read_only') = 'off'
            THEN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END AS timeline
"""


@dataclass(frozen=True, slots=True)
class History:
    """Which data a server has. Each promotion begins another timeline with a higher number."""

    system: int
    timeline: int | None  # None: it is a standby, or takes no writes


FIRST_OWN_TYPE = 10_000  # below it the types are of Postgres itself, with the same numbers in every database
_types: dict[frozenset[int], Any] = {}


class EngineConnection(asyncpg.Connection):
    """A connection whose statement is never cancelled. The server ends the statement of a client that is gone, unless
    it waits for a standby.
    """

    __slots__ = ()

    def __init__(self, protocol: Any, transport: Any, *arguments: Any) -> None:
        super().__init__(protocol, transport, *arguments)
        keep_alive(transport.get_extra_info("socket"))

    def _cancel_current_command(self, waiter: Any, cancel_waiter: Any = None) -> None:
        asyncio.get_running_loop().call_soon(cast("Any", self)._protocol.abort)

    async def _introspect_types(self, numbers: Iterable[int], seconds: float | None) -> Any:
        """What arrays are made of. A process asks once: it takes 10 ms of CPU, and each new connection would ask."""
        asked = frozenset(numbers)
        if (known := _types.get(asked)) is None:
            known = await cast("Any", super())._introspect_types(asked, seconds)
            if max(asked) < FIRST_OWN_TYPE:
                _types[asked] = known
        return known


_newest: dict[int, int] = {}  # system → the latest timeline that this process has seen
_opened: WeakKeyDictionary[asyncpg.Connection, tuple[History, asyncio.AbstractEventLoop]] = WeakKeyDictionary()


def hosts_of(dsn: str) -> list[tuple[str, str]]:
    """The hosts that an address names, with their ports."""
    address = urlsplit(dsn)
    query = parse_qs(address.query)
    names = (address.netloc.rpartition("@")[2] or query.get("host", [""])[0]).split(",")
    ports = query.get("port", ["5432"])[0].split(",")
    hosts = []
    for n, name in enumerate(names):
        host, colon, port = name.rpartition(":")
        if not colon or name.endswith("]"):
            host, port = name, ports[n % len(ports)]
        hosts.append((unquote(host).strip("[]"), port))
    return hosts


async def connect(dsn: str, *, standby: bool = False, **options: Any) -> asyncpg.Connection:
    """To the primary; with `standby` to a standby, or to the primary if no standby answers.

    An OSError if there is none now: it is to be tried again.
    """
    hosts = hosts_of(dsn)
    if len(hosts) == 1:
        return await _connect(dsn, **options)
    asked = {asyncio.create_task(_ask(dsn, host, port, **options)) for host, port in hosts}
    chosen: asyncpg.Connection | None = None
    try:
        chosen = await _choose(asked, standby=standby)
        return chosen
    finally:
        for task in asked:
            task.cancel()
            task.add_done_callback(lambda task: _close_others(task, chosen))


async def _choose(asked: set["asyncio.Task[asyncpg.Connection]"], *, standby: bool) -> asyncpg.Connection:
    found: dict[asyncpg.Connection, int] = {}
    errors: list[BaseException] = []
    waiting, seconds = asked, None
    while waiting:
        done, waiting = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if error := task.exception():
                errors.append(error)
                continue
            connection = task.result()
            history = _opened[connection][0]
            if standby and history.timeline is None:
                return connection
            if history.timeline is None:
                errors.append(ConnectionError("a standby"))
            elif history.timeline < _newest.get(history.system, 0):
                errors.append(ConnectionError("an old primary, which another one has replaced"))
            else:
                found[connection] = history.timeline
        if not done:
            break
        seconds = GRACE_SECONDS if found else PATIENCE_SECONDS
    if found:
        return max(found, key=lambda connection: found[connection])
    refused = next((error for error in errors if not isinstance(error, OSError)), None)
    raise refused or ConnectionError("no primary: " + "; ".join(str(error) or "no answer" for error in errors))


def _close_others(task: "asyncio.Task[asyncpg.Connection]", chosen: asyncpg.Connection | None) -> None:
    if not task.cancelled() and not task.exception() and task.result() is not chosen:
        task.result().terminate()


async def _connect(dsn: str, **options: Any) -> asyncpg.Connection:
    connection: asyncpg.Connection = await asyncpg.connect(dsn, **{"timeout": CONNECT_SECONDS, **options})
    return connection


async def _ask(dsn: str, host: str, port: str, **options: Any) -> asyncpg.Connection:
    """A connection to this host, whatever it is."""
    connection = await _connect(dsn, host=host, port=int(port), target_session_attrs="any", **options)
    try:
        await _read(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def _read(connection: asyncpg.Connection) -> None:
    """Which history this server has. Connections to a primary that it has replaced are closed."""
    async with asyncio.timeout(ANSWER_SECONDS):
        ((system, timeline),) = await connection.fetch(HISTORY)
    history = History(system, timeline)
    _opened[connection] = (history, asyncio.get_running_loop())
    newest = _newest.get(history.system)
    if history.timeline is None or (newest is not None and history.timeline <= newest):
        return
    _newest[history.system] = history.timeline
    if newest is not None:
        log.warning("there is a new primary, connections to the old one are closed")
        _close_older(history.system, history.timeline)


def _close_older(system: int, timeline: int) -> None:
    """Their statements fail at once, like those on a connection that was lost."""
    for connection, (history, loop) in list(_opened.items()):
        older = history.system == system and (history.timeline or timeline) < timeline
        if older and loop is asyncio.get_running_loop():
            connection.terminate()


def follow(dsn: str) -> "list[asyncio.Task[None]]":
    """Tasks that look at each host again and again: a new primary is noticed although the old one answers."""
    hosts = hosts_of(dsn)
    if len(hosts) == 1:
        return []
    return [run_forever(f"look at {host}", partial(_look, dsn, host, port)) for host, port in hosts]


async def _look(dsn: str, host: str, port: str) -> None:
    while True:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            connection = await _ask(dsn, host, port)
            try:
                while True:
                    await asyncio.sleep(LOOK_SECONDS)
                    await _read(connection)
            finally:
                connection.terminate()
        await asyncio.sleep(LOOK_SECONDS)
