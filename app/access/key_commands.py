"""`engine keys`: create, list and revoke API keys."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Unpack

import asyncpg

from app.access import keys
from app.audit import INSERT, Entry, as_json, command_line
from app.postgres.running import run_command
from app.settings import SettingsError

LIMITS = {  # of a key → what it is a limit of, and its unit
    "max_order_usd": ("order", "USD"),
    "max_daily_usd": ("day", "USD"),
    "max_orders_per_min": ("orders", "per minute"),
    "max_reads_per_min": ("reads", "per minute"),
}


def create(dsn: str, owner: str, *, operator: bool, **terms: Unpack[keys.Terms]) -> str:
    """The new key. Only its hash is stored, so it cannot be shown again."""
    if not keys.OWNER.fullmatch(owner):
        raise SettingsError("--owner: letters, digits and . _ @ - only, at most 64.")

    async def create_and_record(connection: asyncpg.Connection) -> str:
        async with connection.transaction():
            key = await keys.create(connection, owner, operator=operator, **terms)
            set_apart = {_camel_case(name): value for name, value in terms.items() if value not in (None, False)}
            details = {"owner": owner, "prefix": key[: keys.PREFIX_LENGTH], "operator": operator, **set_apart}
            await _record(connection, "keys.create", details)
            return key

    return run_command(dsn, create_and_record)


def list_keys(dsn: str, *, for_programs: bool = False) -> list[str]:
    """One line for each key, also those that are revoked or have expired, without its secret."""
    line = _json_line if for_programs else _line
    return [line(key) for key in run_command(dsn, keys.list_keys)]


def revoke(dsn: str, prefix: str) -> str:
    """The owner of the key that was revoked."""

    async def revoke_and_record(connection: asyncpg.Connection) -> str | None:
        async with connection.transaction():
            if owner := await keys.revoke(connection, prefix):
                await _record(connection, "keys.revoke", {"owner": owner, "prefix": prefix})
            return owner

    owner = run_command(dsn, revoke_and_record)
    if owner is None:
        raise SettingsError("no live key has this prefix; `engine keys list` shows them.")
    return owner


def _line(key: keys.KeyInfo) -> str:
    role = "operator" if key.operator else "caller"
    used = f"used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
    return (
        f"{key.prefix}  {role:8}  {key.created_at:%Y-%m-%d %H:%M}  {_state(key):27}  {used:21}  {key.owner}"
        + ("  read-only" if key.read_only else "")
        + "".join(_limit(name, getattr(key, name)) for name in LIMITS)
    )


def _json_line(key: keys.KeyInfo) -> str:
    return json.dumps({_camel_case(name): value for name, value in asdict(key).items()}, default=datetime.isoformat)


def _state(key: keys.KeyInfo) -> str:
    if key.revoked_at:
        return f"revoked {key.revoked_at:%Y-%m-%d %H:%M}"
    if key.expires_at:
        return f"{'expired' if key.expired else 'live until'} {key.expires_at:%Y-%m-%d %H:%M}"
    return "live"


def _limit(name: str, value: int | None) -> str:
    what, unit = LIMITS[name]
    return "" if value is None else f"  {what} unlimited" if value == 0 else f"  {what} {value} {unit}"


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


async def _record(connection: asyncpg.Connection, action: str, details: Mapping[str, Any]) -> None:
    entry = Entry(actor=command_line(), action=action, outcome="done", details=details)
    await connection.execute(INSERT, as_json([entry]))
