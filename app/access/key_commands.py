"""`engine keys`: create, list and revoke API keys."""

from collections.abc import Mapping
from typing import Any

import asyncpg

from app.access import keys
from app.audit import INSERT, Entry, as_json, command_line
from app.postgres import run_command
from app.settings import SettingsError


def create(
    dsn: str, owner: str, *, operator: bool, max_order_usd: int | None = None, max_daily_usd: int | None = None
) -> str:
    """The new key. Only its hash is stored, so it cannot be shown again."""
    if not keys.OWNER.fullmatch(owner):
        raise SettingsError("--owner: letters, digits and . _ @ - only, at most 64.")

    async def create_and_record(connection: asyncpg.Connection) -> str:
        async with connection.transaction():
            key = await keys.create(
                connection, owner, operator=operator, max_order_usd=max_order_usd, max_daily_usd=max_daily_usd
            )
            limits = {"maxOrderUsd": max_order_usd, "maxDailyUsd": max_daily_usd}
            details = {"owner": owner, "prefix": key[: keys.PREFIX_LENGTH], "operator": operator, **limits}
            await _record(connection, "keys.create", details)
            return key

    return run_command(dsn, create_and_record)


def list_keys(dsn: str) -> list[str]:
    """One line for each key, live or revoked, without its secret."""
    lines = []
    for key in run_command(dsn, keys.list_keys):
        role = "operator" if key.operator else "caller"
        ended = f"revoked {key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "live"
        limits = "".join(
            f"  {what} {'unlimited' if usd == 0 else f'{usd} USD'}"
            for what, usd in (("order", key.max_order_usd), ("day", key.max_daily_usd))
            if usd is not None
        )
        lines.append(f"{key.prefix}  {role:8}  {key.created_at:%Y-%m-%d %H:%M}  {ended:24}  {key.owner}{limits}")
    return lines


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


async def _record(connection: asyncpg.Connection, action: str, details: Mapping[str, Any]) -> None:
    entry = Entry(actor=command_line(), action=action, outcome="done", details=details)
    await connection.execute(INSERT, as_json([entry]))
