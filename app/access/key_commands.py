"""`engine keys`: making, listing and ending the keys that callers hold."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from app.access import keys
from app.settings import SettingsError

Answer = TypeVar("Answer")


def create(dsn: str, owner: str, *, operator: bool) -> str:
    """The new key: nobody can ever read it again."""
    if not keys.OWNER.fullmatch(owner):
        raise SettingsError("--owner: letters, digits and . _ @ - only, at most 64.")
    return _asked(dsn, lambda connection: keys.create(connection, owner, operator=operator))


def listed(dsn: str) -> list[str]:
    """A line for every key there is or was; none tells a secret."""
    lines = []
    for key in _asked(dsn, keys.known):
        role = "operator" if key.operator else "caller"
        ended = f"revoked {key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "live"
        lines.append(f"{key.prefix}  {role:8}  {key.created_at:%Y-%m-%d %H:%M}  {ended:24}  {key.owner}")
    return lines


def revoke(dsn: str, prefix: str) -> str:
    """Whose key it was that ends now."""
    owner = _asked(dsn, lambda connection: keys.revoke(connection, prefix))
    if owner is None:
        raise SettingsError("no live key has this prefix; `engine keys list` shows them.")
    return owner


def _asked(dsn: str, question: Callable[[asyncpg.Connection], Awaitable[Answer]]) -> Answer:
    """One question to the database, in a connection of its own."""

    async def ask() -> Answer:
        connection = await asyncpg.connect(dsn, timeout=5)
        try:
            return await question(connection)
        finally:
            await connection.close()

    try:
        return asyncio.run(ask())
    except asyncpg.UndefinedTableError:
        raise SettingsError("the database has no table of API keys: run `engine migrate` first.") from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise SettingsError(f"DATABASE_URL: the database does not answer ({type(error).__name__}).") from None
