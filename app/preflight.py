"""Production mode refuses settings that are safe on one's own machine only."""

import asyncio
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import asyncpg

from app.postgres import POSTGRES_UNAVAILABLE
from app.settings import Settings, SettingsError

MIN_SECRET_LENGTH = 32
MIN_DISTINCT_CHARACTERS = 8  # a long secret of one repeated letter is easy to guess
EXAMPLE_PASSWORDS = frozenset({"postgres", "changeme", "password"})
EXAMPLE_HOSTS = ("example.com", "example.org", "example.net", "example")

NO_KEYS = "the database has no API key, so every request would be refused: run `engine keys create --owner NAME`."


def refuse_unsafe(settings: Settings, *, api: bool) -> None:
    """Raises SettingsError for the first unsafe setting. A worker takes no requests, so fewer settings matter."""
    if settings.engine_mode == "production":
        for problem in _problems(settings, api):
            raise SettingsError(f"{problem} Production mode refuses it.")


async def keys_exist(dsn: str) -> None:
    """Raises SettingsError if there is no live key. A database that does not answer is no error here."""
    try:
        async with asyncio.timeout(5):
            connection = await asyncpg.connect(dsn)
            try:
                found = await connection.fetchval("SELECT count(*) FROM api_keys WHERE revoked_at IS NULL")
            finally:
                await connection.close()
    except asyncpg.UndefinedTableError:
        raise SettingsError("the database has no table of API keys: run `engine migrate` first.") from None
    except POSTGRES_UNAVAILABLE:
        return
    if not found:
        raise SettingsError(NO_KEYS)


def _problems(settings: Settings, api: bool) -> Iterator[str]:
    if _password(settings) in EXAMPLE_PASSWORDS:
        name = "DATABASE_URL" if settings.database_url else "DB_PASSWORD"
        yield f"{name}: this is the password of the example; set your own."
    if not api:
        return
    secret = settings.engine_secret or ""
    if not secret:
        yield "ENGINE_SECRET: not set; create one with `openssl rand -hex 32`."
    elif len(secret) < MIN_SECRET_LENGTH or len(set(secret)) < MIN_DISTINCT_CHARACTERS or _repeats(secret):
        yield "ENGINE_SECRET: too easy to guess; create one with `openssl rand -hex 32`."
    if not settings.allowed_origins:
        yield "ALLOWED_ORIGINS: not set; list the origins of your browser clients, or the engine's own origin."
    for origin in settings.allowed_origins:
        if not _is_origin(origin):
            yield "ALLOWED_ORIGINS: an origin looks like https://app.example.com; * is not allowed."
        if _is_example(origin):
            yield "ALLOWED_ORIGINS: this is the value of the example; set your own."
    if settings.public_url and _is_example(settings.public_url):
        yield "PUBLIC_URL: this is the value of the example; set your own."


def _password(settings: Settings) -> str | None:
    try:
        return unquote(urlsplit(settings.postgres_dsn or "").password or "") or None
    except ValueError:
        return None


def _repeats(text: str) -> bool:
    """Whether the text is a shorter text repeated."""
    return text in (text + text)[1:-1]


def _is_origin(text: str) -> bool:
    try:
        split = urlsplit(text)
        return bool(split.scheme in ("http", "https") and split.hostname) and text == f"{split.scheme}://{split.netloc}"
    except ValueError:
        return False


def _is_example(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return any(host == example or host.endswith(f".{example}") for example in EXAMPLE_HOSTS)
