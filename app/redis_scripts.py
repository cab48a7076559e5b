"""Lua scripts: what has to happen in Redis as one step. And the connection on which they are called.

On that connection calls do not wait for each other: answers come in the order of the calls. A call on a connection that
is borrowed from the pool costs twice as much, mostly to find out whether that connection is still good. Here a loss is
noticed when it happens. redis-py opens the connection, so address, TLS, login and database are those of the pool, and
so are time-outs, retries and errors.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import hiredis
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection, DefaultParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, NoScriptError, ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from app.tasks import TURNS

Argument = str | bytes | int | float
Answers = list[Any]  # one for each command: a value, or an exception

TURN_SECONDS = 0.01  # at least, for a turn of the event loop after a call is late

_INCOMPLETE = object()
_SCRIPTS: list["Script"] = []  # every script of this process, to load again after a restart of Redis


def pack(*command: Argument) -> bytes:
    return cast("bytes", hiredis.pack_command(cast("Any", command)))


class PipelinedPool(ConnectionPool):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.pipelined = PipelinedConnection(self)

    async def disconnect(self, inuse_connections: bool = True) -> None:
        if inuse_connections:
            self.pipelined.close()
        await cast("Any", super()).disconnect(inuse_connections)


def pipelined_connection(redis: Redis) -> "PipelinedConnection":
    """That of a client of `app.redis_client`."""
    return cast("PipelinedPool", redis.connection_pool).pipelined


class PipelinedConnection:
    """It is opened by the first call, and again by the first call after a loss."""

    def __init__(self, pool: Any) -> None:  # its methods have no types
        self._pool = pool
        self._retry = self._pool.make_connection().retry
        self._opening: asyncio.Task[_Stream] | None = None
        self._stream: _Stream | None = None

    async def call(self, *command: Argument) -> Any:
        (answer,) = await self.call_all([pack(*command)])
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def call_all(self, commands: Sequence[bytes]) -> Answers:
        """Packed commands in one round trip. One that fails stops none of the others. A call whose answer was lost may
        have happened, and is repeated if the pool retries.
        """

        async def once() -> Answers:
            stream = self._stream
            if stream is None or stream.lost:
                stream = await self._open()
            answers = await stream.send(commands)
            for answer in answers:
                if isinstance(answer, RedisConnectionError):  # it is still loading its data
                    raise answer
                if isinstance(answer, ReadOnlyError):
                    stream.lose(error := RedisConnectionError("this Redis is no primary any more"))
                    raise error
            return answers

        async def failed(_: Exception) -> None:
            pass

        answers: Answers = await self._retry.call_with_retry(once, failed)
        return answers

    def close(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        if self._stream is not None:
            self._stream.lose(RedisConnectionError("the connection to Redis was closed"))

    async def _open(self) -> "_Stream":
        """One attempt at a time, which all calls wait for: who stops to wait must not stop it."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._connect())
            self._opening.add_done_callback(_read_error)  # those who wait for it may have stopped to
        return await asyncio.shield(self._opening)

    async def _connect(self) -> "_Stream":
        connection = self._pool.make_connection()
        try:
            await connection.connect()
        except BaseException:
            _drop(connection)
            raise
        self._stream = _Stream(connection)
        return self._stream


class _Stream(asyncio.Protocol):
    """An open connection that was taken over from redis-py."""

    def __init__(self, connection: AbstractConnection) -> None:
        self.lost = False
        self._connection = connection
        self._timeout = connection.socket_timeout
        self._loop = asyncio.get_running_loop()
        self._calls = deque[tuple[asyncio.Future[Answers], int, float]]()  # how many answers, and when it is late
        self._answers: Answers = []  # of the first call
        self._timer: asyncio.TimerHandle | None = None
        self._parser = hiredis.Reader(
            protocolError=InvalidResponse, replyError=DefaultParser.parse_error, notEnoughData=_INCOMPLETE
        )
        assert connection._writer is not None
        self._transport = connection._writer.transport
        self._transport.set_protocol(self)

    def send(self, commands: Sequence[bytes]) -> "asyncio.Future[Answers]":
        answered: asyncio.Future[Answers] = self._loop.create_future()
        late = self._loop.time() + self._timeout if self._timeout else float("inf")
        self._calls.append((answered, len(commands), late))
        self._transport.write(commands[0] if len(commands) == 1 else b"".join(commands))
        if self._timer is None and self._timeout:
            self._timer = self._loop.call_at(late, self._check)
        return answered

    def data_received(self, data: bytes) -> None:
        self._parser.feed(data)
        try:
            while (answer := self._parser.gets()) is not _INCOMPLETE:
                answered, count, _ = self._calls[0]
                self._answers.append(answer)
                if len(self._answers) == count:
                    self._calls.popleft()
                    answers, self._answers = self._answers, []
                    if not answered.done():
                        answered.set_result(answers)
        except (RedisError, IndexError) as error:  # an IndexError: an answer that nobody has asked for
            self.lose(RedisConnectionError(f"the answer of Redis cannot be read: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lose(RedisConnectionError(f"the connection to Redis was lost: {exc or 'closed by the server'}"))

    def lose(self, error: RedisError) -> None:
        """Close it, if it is not. Every call that waits gets this error."""
        self.lost = True
        if self._timer is not None:
            self._timer.cancel()
        self._transport.abort()
        _drop(self._connection)
        while self._calls:
            answered, _, _ = self._calls.popleft()
            if not answered.done():
                answered.set_exception(error)

    def _check(self, turns: int = TURNS) -> None:
        """Answers come in order, so the first call is the first to be late. While this process was too busy to read
        the answer no time counts: it may have come.
        """
        self._timer = None
        if not self._calls:
            return
        _, _, late = self._calls[0]
        if late > self._loop.time():
            self._timer = self._loop.call_at(late, self._check)
        elif turns:
            self._timer = self._loop.call_later(TURN_SECONDS, self._check, turns - 1)
        else:
            self.lose(RedisTimeout("Redis did not answer in time"))


def _read_error(opening: "asyncio.Task[_Stream]") -> None:
    """Or asyncio logs it."""
    if not opening.cancelled():
        opening.exception()


def _drop(connection: AbstractConnection) -> None:
    """Close what redis-py holds of it, without waiting."""
    cast("Any", connection)._close()


class Pipeline:
    """Calls of scripts that share a round trip."""

    def __init__(self) -> None:
        self.commands: list[bytes] = []


class Script:
    """One script, called by its digest. Its text is sent only when Redis does not know it (any more)."""

    def __init__(self, *files: Path) -> None:
        self.text = "".join(file.read_text() for file in files)
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        _SCRIPTS.append(self)

    def add_to(self, pipe: Pipeline, keys: Sequence[str], arguments: Sequence[Argument]) -> None:
        """Call it as part of a pipeline, which has to be run by `pipelined`."""
        pipe.commands.append(pack("EVALSHA", self.digest, len(keys), *keys, *arguments))

    async def call(self, redis: Redis, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        connection = pipelined_connection(redis)
        try:
            return await connection.call("EVALSHA", self.digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return await connection.call("EVAL", self.text, len(keys), *keys, *arguments)


async def pipelined(redis: Redis, fill: Callable[[Pipeline], None]) -> list[Any]:
    """One round trip for all calls that `fill` adds. They may run twice, so each must be safe to repeat."""
    pipe, connection = Pipeline(), pipelined_connection(redis)
    fill(pipe)
    answers = await connection.call_all(pipe.commands)
    if any(isinstance(answer, NoScriptError) for answer in answers):
        # Redis was restarted or flushed: it has lost all of them, not just the first one called.
        await connection.call_all([pack("SCRIPT", "LOAD", script.text) for script in _SCRIPTS])
        answers = await connection.call_all(pipe.commands)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers
