"""Production mode refuses settings and servers that are safe on one's own machine only; local mode stays there."""

import os
import re
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import parse_qs, unquote, urlsplit

from app.settings import Settings, SettingsError
from app.solana_settings import LOOPBACK, chain_problems

MIN_SECRET_LENGTH = 32
MIN_PASSWORD_LENGTH = 12
MIN_DISTINCT_CHARACTERS = 8  # one repeated letter is easy to guess
ROWS = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm")
NEIGHBOURS = {pair for row in ROWS for pair in pairwise(row)}
PLACEHOLDERS = re.compile(r"change.?me|change.?this|example|password|placeholder|secret|your[-_]", re.IGNORECASE)
KNOWN_PASSWORDS = frozenset({"postgres", "redis", "admin", "default", "changeme", "password"})  # and the user's name
EVERYBODY = frozenset({"*", "0.0.0.0/0", "::/0"})
HOST_NAME = re.compile(r"[0-9a-z_-]+(\.[0-9a-z_-]+)*")
DEFAULT_PORTS = {"http": 80, "https": 443}
BAD_IN_URL = frozenset("@?#*\\ ")
EXAMPLE_HOSTS = ("example.com", "example.org", "example.net", "example")


def refuse_unsafe(settings: Settings, *, api: bool, signs: bool = False) -> None:
    """Raises SettingsError that names all unsafe settings."""
    if found := problems(settings, api=api, signs=signs):
        raise SettingsError("\n".join(found))


def problems(settings: Settings, *, api: bool, signs: bool) -> list[str]:
    """One sentence for each unsafe setting. A worker takes no requests, so fewer settings matter."""
    found = list(chain_problems(settings, signs=signs))
    if settings.engine_mode == "production":
        found += [f"{problem} Production mode refuses it." for problem in dict.fromkeys(_problems(settings, api))]
    elif api and settings.host not in LOOPBACK and not settings.trust_network:
        found.append(
            "HOST: in local mode everyone who reaches this address may trade. Set HOST=127.0.0.1, or "
            "ENGINE_MODE=production, or TRUST_NETWORK=true if nobody else reaches it."
        )
    return found


def server_problems(settings: Settings) -> Iterator[str]:
    """Servers without a password, or with one that stands in this repository."""
    for url, names, proofs in (
        (settings.postgres_dsn, ("DATABASE_URL", "DB_PASSWORD"), "a Unix socket, or a client certificate (sslcert)"),
        (settings.postgres_read_dsn, ("DATABASE_READ_URL", "DATABASE_READ_URL"), "a client certificate (sslcert)"),
        (settings.redis_dsn, ("REDIS_URL", "REDIS_PASSWORD"), "a Unix socket"),
    ):
        name = names[0] if getattr(settings, names[0].lower()) else names[1]
        if url is not None and not (passwords := _passwords(url)) and not _proves_itself(url):
            yield f"{name}: no password; set one, or use {proofs}."
        elif url is not None and passwords & (KNOWN_PASSWORDS | _users(url)):
            yield f"{name}: this password stands in examples, or is the name of the user; set your own."
        elif url is not None and any(len(one) < MIN_PASSWORD_LENGTH or _is_a_pattern(one) for one in passwords):
            yield f"{name}: the password is too easy to guess; create one with `openssl rand -hex 32`."


def _problems(settings: Settings, api: bool) -> Iterator[str]:
    yield from server_problems(settings)
    secret = settings.engine_secret or ""
    if not secret:
        yield "ENGINE_SECRET: not set; create one with `openssl rand -hex 32`."
    elif _is_easy_to_guess(secret):
        yield "ENGINE_SECRET: too easy to guess; create one with `openssl rand -hex 32`."
    of_postgres, of_redis = _passwords(settings.postgres_dsn or ""), _passwords(settings.redis_dsn or "")
    if secret in of_postgres | of_redis:
        yield "ENGINE_SECRET: it is also a password; create another one with `openssl rand -hex 32`."
    if of_postgres & of_redis and urlsplit(settings.redis_dsn or "").hostname not in LOOPBACK:  # those of `engine up`
        yield "REDIS_URL: Redis and Postgres have the same password; give each its own."
    if not api:
        return
    if EVERYBODY & {one.strip() for one in os.environ.get("FORWARDED_ALLOW_IPS", "").split(",")}:
        yield "FORWARDED_ALLOW_IPS: every client could name any address as its own; list those of your proxies."
    if not settings.allowed_origins:
        yield "ALLOWED_ORIGINS: not set; list the origins of your browser clients, or the engine's own origin."
    for origin in settings.allowed_origins:
        if not _is_origin(origin):
            yield (
                "ALLOWED_ORIGINS: an origin looks like https://app.example.com, with small letters and a port only if "
                "it is not the default one; * is not allowed."
            )
        if _is_plain_http(origin):
            yield "ALLOWED_ORIGINS: a page loaded over http can be changed on its way; use https."
        if _is_example(origin):
            yield "ALLOWED_ORIGINS: this is the value of the example; set your own."
    for name in settings.allowed_hosts:
        if not HOST_NAME.fullmatch(name):
            yield "ALLOWED_HOSTS: a name has small letters, no scheme and no port; * is not allowed."
    if settings.public_url and not _is_base_url(settings.public_url):
        yield "PUBLIC_URL: it has https, a host in small letters, and at most a port and a path."
    if settings.public_url and _is_example(settings.public_url):
        yield "PUBLIC_URL: this is the value of the example; set your own."
    if settings.public_url and _is_plain_http(settings.public_url):
        yield "PUBLIC_URL: keys and tickets sent over http can be read on their way; use https."


def _passwords(url: str) -> set[str]:
    """Every password that the client of a server may take: from the address, its query, or libpq's variable."""
    try:
        split = urlsplit(url)
        found = {unquote(split.password or ""), *parse_qs(split.query).get("password", [])}
    except ValueError:
        return set()
    if split.scheme == "postgresql":
        found.add(os.environ.get("PGPASSWORD", ""))
    return found - {""}


def _users(url: str) -> set[str]:
    split = urlsplit(url)
    return {unquote(split.username or ""), *parse_qs(split.query).get("user", [])}


def _proves_itself(url: str) -> bool:
    """Whether the server knows its client without a password: by its account (Unix socket) or its certificate."""
    try:
        split = urlsplit(url)
        query = parse_qs(split.query)
    except ValueError:
        return False
    if split.scheme == "postgresql":
        host = unquote(split.hostname or "") or query.get("host", [""])[0]
        return host.startswith("/") or "sslcert" in query
    return split.scheme == "unix"


def _is_easy_to_guess(secret: str) -> bool:
    return (
        len(secret) < MIN_SECRET_LENGTH
        or len(set(secret)) < MIN_DISTINCT_CHARACTERS
        or _is_a_pattern(secret)
        or PLACEHOLDERS.search(secret) is not None
    )


def _is_a_pattern(text: str) -> bool:
    """A shorter text repeated, or mostly neighbours in the alphabet or on a keyboard. Every fifth random one is."""
    pairs = list(pairwise(text.lower()))
    steps = sum(one == other or bool({(one, other), (other, one)} & NEIGHBOURS) for one, other in pairs)
    return text in (text + text)[1:-1] or steps > len(pairs) // 2


def _is_origin(text: str) -> bool:
    """Whether a browser may send exactly this text as the origin of a page."""
    return _is_base_url(text) and text == f"{urlsplit(text).scheme}://{urlsplit(text).netloc}"


def _is_base_url(text: str) -> bool:
    try:
        split = urlsplit(text)
        default = DEFAULT_PORTS.get(split.scheme)
        host = split.hostname or ""
        at = f"[{host}]" if ":" in host else host if HOST_NAME.fullmatch(host) else None
        port = "" if split.port is None else f":{split.port}"
    except ValueError:
        return False
    return (
        bool(default and split.port not in (0, default))
        and split.netloc == f"{at}{port}"
        and not BAD_IN_URL & set(text)
    )


def _is_plain_http(url: str) -> bool:
    """http to another machine. On this one nobody is in between."""
    try:
        split = urlsplit(url)
        return split.scheme == "http" and split.hostname not in LOOPBACK
    except ValueError:
        return False


def _is_example(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return any(host == example or host.endswith(f".{example}") for example in EXAMPLE_HOSTS)
