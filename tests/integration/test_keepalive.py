"""A connection notices by itself that the machine at its other end is gone."""

import asyncio
import socket
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from app.keepalive import IDLE_SECONDS, UNANSWERED_MS
from app.postgres.pools import open_postgres
from app.redis_client import fail_fast_redis, reconnecting_pool


def is_probed(connected: socket.socket) -> bool:
    tcp = socket.IPPROTO_TCP
    return (
        connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        and connected.getsockopt(tcp, socket.TCP_KEEPIDLE) == IDLE_SECONDS
        and connected.getsockopt(tcp, socket.TCP_USER_TIMEOUT) == UNANSWERED_MS
    )


async def test_both_ends_of_a_connection_to_postgres_probe_it(postgres_dsn: str) -> None:
    postgres = await open_postgres(postgres_dsn, size=4)
    for pool in (postgres.writing, postgres.reading, postgres.internal):
        async with pool.acquire() as connection:
            transport = cast("Any", connection)._con._transport
            assert is_probed(transport.get_extra_info("socket"))
            assert await connection.fetchval("SHOW tcp_keepalives_idle") == str(IDLE_SECONDS)
            assert await connection.fetchval("SHOW tcp_user_timeout") == str(UNANSWERED_MS)
    await postgres.close()


@pytest.mark.parametrize("client", [fail_fast_redis, lambda url: Redis.from_pool(reconnecting_pool(url))])
async def test_a_connection_to_redis_is_probed(redis_dsn: str, client: Any) -> None:
    async with client(redis_dsn) as redis:
        connection = redis.connection_pool.make_connection()  # as the event channel and the scripts do
        await connection.connect()
        transport: asyncio.Transport = connection._writer.transport
        assert is_probed(transport.get_extra_info("socket"))
        await connection.disconnect()
