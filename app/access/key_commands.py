"""`engine keys`: create, list and revoke API keys."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from app.access import keys
from app.settings import SettingsError

Result = TypeVar("Result")


def create(
    dsn: str, owner: str, *, operator: bool, max_order_usd: int | None = None, max_daily_usd: int | None = None
) -> str:
    """The new key. Only its hash is stored, so it cannot be shown again."""
    if not keys.OWNER.fullmatch(owner):
        raise SettingsError("--owner: letters, digits and . _ @ - only, at most 64.")
    return _run(
        dsn,
        lambda connection: keys.create(
            connection, owner, operator=operator, max_order_usd=max_order_usd, max_daily_usd=max_daily_usd
        ),
    )


def list_keys(dsn: str) -> list[str]:
    """One line for each key, live or revoked, without its secret."""
    lines = []
    for key in _run(dsn, keys.list_keys):
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
    owner = _run(dsn, lambda connection: keys.revoke(connection, prefix))
    if owner is None:
        raise SettingsError("no live key has this prefix; `engine keys list` shows them.")
    return owner


def _run(dsn: str, command: Callable[[asyncpg.Connection], Awaitable[Result]]) -> Result:
    """Run one command on a connection of its own."""

    async def connect_and_run() -> Result:
        connection = await asyncpg.connect(dsn, timeout=5)
        try:
            return await command(connection)
        finally:
            await connection.close()

    try:
        return asyncio.run(connect_and_run())
    except asyncpg.UndefinedTableError:
        raise SettingsError("the database has no table of API keys: run `engine migrate` first.") from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise SettingsError(f"DATABASE_URL: the database does not answer ({type(error).__name__}).") from None
