"""The connection on which the engine calls its scripts: against a real Redis that is killed, paused or busy."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import ResponseError

from app.redis_client import REDIS_UNAVAILABLE, CircuitBreaker, RedisUnavailable
from app.redis_scripts import PipelinedConnection, PipelinedPool, pack, pipelined_connection
from tests.engine import eventually


@pytest.fixture
async def admin(redis_dsn: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_dsn) as client:
        yield client


@pytest.fixture
async def connection(redis_dsn: str) -> AsyncIterator[PipelinedConnection]:
    """One that fails at once."""
    async with Redis.from_pool(PipelinedPool.from_url(redis_dsn, socket_timeout=0.3)) as client:
        yield pipelined_connection(client)


async def kill(admin: Redis, connection: int) -> None:
    await admin.client_kill_filter(_id=str(connection))


async def blocked(admin: Redis, connection: int) -> bool:
    """Whether Redis holds back the answer to this connection."""
    (client,) = [one for one in await admin.client_list() if int(one["id"]) == connection]
    return "b" in client["flags"]


async def test_calls_share_a_connection_and_each_gets_its_own_answer(connection: PipelinedConnection) -> None:
    async def ask(n: int) -> tuple[int, list[bytes]]:
        answers = await connection.call_all([pack("ECHO", n), pack("ECHO", -n)])
        return await connection.call("CLIENT", "ID"), answers

    answers = await asyncio.gather(*(ask(n) for n in range(100)))

    assert [pair for _, pair in answers] == [[b"%d" % n, b"%d" % -n] for n in range(100)]
    assert len({client for client, _ in answers}) == 1


async def test_a_command_that_fails_stops_none_of_the_others(connection: PipelinedConnection) -> None:
    one, wrong, two = await connection.call_all([pack("ECHO", 1), pack("NO SUCH COMMAND"), pack("ECHO", 2)])

    assert (one, two) == (b"1", b"2")
    assert isinstance(wrong, ResponseError)


async def test_who_stops_to_wait_leaves_the_answers_of_the_others_in_place(connection: PipelinedConnection) -> None:
    await connection.call("PING")
    leaving = asyncio.create_task(connection.call("BLPOP", "empty", 0.05))
    staying = asyncio.create_task(connection.call("ECHO", "somebody"))
    await asyncio.sleep(0)
    leaving.cancel()

    assert await staying == b"somebody"


async def test_a_redis_that_does_not_answer_in_time_is_left_and_asked_again_on_another_connection(
    connection: PipelinedConnection, admin: Redis
) -> None:
    before = await connection.call("CLIENT", "ID")
    late = [asyncio.create_task(connection.call("BLPOP", "empty", 5)) for _ in range(3)]

    for one in await asyncio.gather(*late, return_exceptions=True):
        assert isinstance(one, REDIS_UNAVAILABLE)
    assert await connection.call("CLIENT", "ID") != before


async def test_a_call_whose_answer_was_lost_fails_and_the_next_one_is_answered(
    connection: PipelinedConnection, admin: Redis
) -> None:
    client = await connection.call("CLIENT", "ID")
    waiting = asyncio.create_task(connection.call("BLPOP", "empty", 5))
    await eventually(lambda: blocked(admin, client))
    await kill(admin, client)

    with pytest.raises(REDIS_UNAVAILABLE):
        await waiting
    assert await connection.call("PING") == b"PONG"


async def test_a_pool_that_retries_repeats_a_call_whose_answer_was_lost(redis_dsn: str, admin: Redis) -> None:
    retry = Retry(ConstantBackoff(0.01), -1)
    async with Redis.from_pool(PipelinedPool.from_url(redis_dsn, retry=retry)) as client:
        connection = pipelined_connection(client)
        name = await connection.call("CLIENT", "ID")
        waiting = asyncio.create_task(connection.call("BLPOP", "filled later", 5))
        await eventually(lambda: blocked(admin, name))
        await kill(admin, name)
        await cast("Any", admin).rpush("filled later", "x")

        assert await waiting == [b"filled later", b"x"]


async def test_calls_fail_at_once_while_redis_is_down() -> None:
    async with Redis.from_pool(PipelinedPool.from_url("redis://127.0.0.1:1")) as client:
        connection = pipelined_connection(client)
        answers = await asyncio.gather(*(connection.call("PING") for _ in range(3)), return_exceptions=True)

    assert all(isinstance(answer, REDIS_UNAVAILABLE) for answer in answers)


async def test_a_client_that_is_closed_leaves_no_connection(redis_dsn: str, admin: Redis) -> None:
    async with Redis.from_pool(PipelinedPool.from_url(redis_dsn)) as client:
        name = await pipelined_connection(client).call("CLIENT", "ID")

    async def gone() -> bool:
        return name not in {int(one["id"]) for one in await admin.client_list()}

    await eventually(gone)


async def test_a_process_that_was_too_busy_to_read_an_answer_does_not_take_redis_for_down(
    connection: PipelinedConnection, admin: Redis
) -> None:
    """Its callers would get their quotas again, and health would say that Redis is down."""
    breaker = CircuitBreaker(cooldown=0.0)
    await connection.call("PING")
    for _ in range(3):
        call = asyncio.ensure_future(breaker.call(connection.call("PING")))
        await asyncio.sleep(0)
        time.sleep(0.7)  # noqa: ASYNC251  (longer than the time-outs of the breaker and of the connection)
        assert await call == b"PONG"

    await admin.client_pause(2_000)
    with pytest.raises(RedisUnavailable):
        await breaker.call(connection.call("PING"))


async def test_a_connection_that_cannot_be_made_leaves_no_error_that_nobody_reads(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Those who waited for it had given up: asyncio logged a traceback as an error, seven for twelve seconds."""
    writers = list[asyncio.StreamWriter]()
    silent = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    url = f"redis://:password@127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    async with Redis.from_pool(PipelinedPool.from_url(url, socket_timeout=0.1)) as client:
        connection = pipelined_connection(client)
        with pytest.raises(RedisUnavailable):
            await CircuitBreaker(timeout=0.01).call(connection.call("PING"))
        opening = connection._opening
        assert opening is not None
        await asyncio.wait([opening])
        connection._opening = opening = None
        gc.collect()
    for writer in writers:
        writer.close()
    silent.close()
    assert "never retrieved" not in caplog.text
