"""What production mode asks of the servers: a Redis that keeps its keys, and a database with an API key."""

import asyncio
import contextlib
import logging

from app.postgres.errors import POSTGRES_UNAVAILABLE
from app.postgres.hosts import connect, hosts_of
from app.preflight import refuse_unsafe
from app.redis_client import REDIS_UNAVAILABLE, fail_fast_redis
from app.settings import Settings, SettingsError

WAITS_FOR_STANDBY = """
SELECT current_setting('synchronous_standby_names') <> ''
   AND current_setting('synchronous_commit') NOT IN ('off', 'local')
"""
KEYS = "SELECT count(*) FROM api_keys WHERE revoked_at IS NULL AND coalesce(expires_at > now(), true)"
NO_KEYS = "the database has no API key, so every request would be refused: run `engine keys create --owner NAME`."

log = logging.getLogger("engine.preflight")


async def check(settings: Settings, *, api: bool, signs: bool = False) -> None:
    """Raises SettingsError for the first thing that is unsafe: in the settings, in Redis, or no API key."""
    refuse_unsafe(settings, api=api, signs=signs)
    if settings.engine_mode == "production":
        await redis_evicts_nothing(settings.redis_dsn or "")
        await warn_if_a_fail_over_loses_writes(settings.postgres_dsn or "")
        if api:
            await keys_exist(settings.postgres_dsn or "")


async def redis_evicts_nothing(url: str) -> None:
    """Raises SettingsError if Redis may evict keys. A Redis that does not answer is no error here."""
    try:
        async with fail_fast_redis(url) as redis:
            policy = (await redis.info("memory")).get("maxmemory_policy", "noeviction")
            refuses_alone = "min_slaves_good_slaves" in await redis.info("replication")
    except REDIS_UNAVAILABLE:
        return
    if "+sentinel://" in url and not refuses_alone:
        log.warning(
            "REDIS_SENTINELS: set min-replicas-to-write 1 in Redis: one that is cut off goes on granting starts"
        )
    if policy != "noeviction":
        raise SettingsError(
            "REDIS_URL: this Redis evicts keys when its memory is full, and orders would leave the queue. "
            "Set its maxmemory-policy to noeviction. Production mode refuses it."
        )


async def warn_if_a_fail_over_loses_writes(dsn: str) -> None:
    """If there are several hosts. A database that does not answer is no error here."""
    if len(hosts_of(dsn)) == 1:
        return
    with contextlib.suppress(*POSTGRES_UNAVAILABLE):
        connection = await connect(dsn)
        try:
            waits = await connection.fetchval(WAITS_FOR_STANDBY)
        finally:
            connection.terminate()
        if not waits:
            log.warning("DATABASE_URL: the primary waits for no standby, so a fail-over loses the latest orders")


async def keys_exist(dsn: str) -> None:
    """SettingsError if there is no live key. A database that is down, or waits for its migration, is no error here."""
    try:
        async with asyncio.timeout(5):
            connection = await connect(dsn)
            try:
                found = await connection.fetchval(KEYS)
            finally:
                await connection.close()
    except POSTGRES_UNAVAILABLE:
        return
    if not found:
        raise SettingsError(NO_KEYS)
