"""The subscription to the event channel: each message is handed on as soon as it arrives, without a task in between.

redis-py opens the connection, so address, TLS and login are those of its pool.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import hiredis
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, DefaultParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse

from app.redis_scripts import pack

_INCOMPLETE = object()


async def subscribe(
    redis: Redis, channel: str, *, subscribed: Callable[[], None], received: Callable[[bytes], None]
) -> None:
    """Until the connection is lost, or `received` fails: raises why. `subscribed` is called first."""
    connection = cast("Any", redis.connection_pool).make_connection()
    try:
        await connection.connect()
        subscription = _Subscription(connection, subscribed, received)
        subscription.transport.write(pack("SUBSCRIBE", channel))
        await subscription.ended
    finally:
        cast("Any", connection)._close()


class _Subscription(asyncio.Protocol):
    def __init__(
        self, connection: AbstractConnection, subscribed: Callable[[], None], received: Callable[[bytes], None]
    ) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._subscribed = subscribed
        self._received = received
        self._parser = hiredis.Reader(
            protocolError=InvalidResponse, replyError=DefaultParser.parse_error, notEnoughData=_INCOMPLETE
        )
        assert connection._writer is not None
        self.transport = connection._writer.transport
        self.transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed(data)
            while (message := self._parser.gets()) is not _INCOMPLETE:
                if isinstance(message, Exception):
                    raise message
                kind, _, content = message
                if kind == b"message":
                    self._received(content)
                elif kind == b"subscribe":
                    self._subscribed()
        except Exception as error:
            self._end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(RedisConnectionError(f"the connection to Redis was lost: {exc or 'closed by the server'}"))

    def _end(self, error: Exception) -> None:
        self.transport.abort()
        if not self.ended.done():
            self.ended.set_exception(error)
