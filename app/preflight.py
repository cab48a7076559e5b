"""What production mode refuses: a set-up that is fine on one's own machine, and open to anybody elsewhere."""

import asyncio
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import asyncpg

from app.postgres import POSTGRES_UNAVAILABLE
from app.settings import Settings, SettingsError

MIN_SECRET_LENGTH = 32
MIN_DISTINCT_CHARACTERS = 8  # different ones; a secret of one letter is long and says nothing
SAMPLE_PASSWORDS = frozenset({"postgres", "changeme", "password"})
SAMPLE_HOSTS = ("example.com", "example.org", "example.net", "example")

NO_KEYS = "there is no API key in the database, so nobody could call: make one with `engine keys create --owner NAME`."


def refuse_unsafe(settings: Settings, *, api: bool) -> None:
    """Raises one sentence that names what is wrong; a worker takes no calls, and needs less than an API."""
    if settings.engine_mode == "production":
        for complaint in _complaints(settings, api):
            raise SettingsError(f"{complaint} Production mode refuses it.")


async def keys_exist(dsn: str) -> None:
    """Raises one sentence if there is no live key. A database that is away says nothing, now or later."""
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


def _complaints(settings: Settings, api: bool) -> Iterator[str]:
    if _password(settings) in SAMPLE_PASSWORDS:
        name = "DATABASE_URL" if settings.database_url else "DB_PASSWORD"
        yield f"{name}: the password is the sample's; set one of your own."
    if not api:
        return
    secret = settings.engine_secret or ""
    if not secret:
        yield "ENGINE_SECRET: is not set; make one with `openssl rand -hex 32`."
    elif len(secret) < MIN_SECRET_LENGTH or len(set(secret)) < MIN_DISTINCT_CHARACTERS or _repeats(secret):
        yield "ENGINE_SECRET: is too easy to guess; make one with `openssl rand -hex 32`."
    if not settings.allowed_origins:
        yield "ALLOWED_ORIGINS: is not set; name the origins that browsers may call from, or the engine's own."
    for origin in settings.allowed_origins:
        if not _is_origin(origin):
            yield "ALLOWED_ORIGINS: an origin looks like https://app.example.com, and * is none."
        if _is_sample(origin):
            yield "ALLOWED_ORIGINS: is the sample's; name your own."
    if settings.public_url and _is_sample(settings.public_url):
        yield "PUBLIC_URL: is the sample's; name your own."


def _password(settings: Settings) -> str | None:
    try:
        return unquote(urlsplit(settings.postgres_dsn or "").password or "") or None
    except ValueError:
        return None


def _repeats(text: str) -> bool:
    """Whether it is some shorter text over and over."""
    return text in (text + text)[1:-1]


def _is_origin(text: str) -> bool:
    try:
        split = urlsplit(text)
        return bool(split.scheme in ("http", "https") and split.hostname) and text == f"{split.scheme}://{split.netloc}"
    except ValueError:
        return False


def _is_sample(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return any(host == sample or host.endswith(f".{sample}") for sample in SAMPLE_HOSTS)
