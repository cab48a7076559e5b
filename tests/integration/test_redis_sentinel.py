"""Redis with a real Sentinel: the primary is killed, and its replica takes over."""

import asyncio
import random
from collections.abc import Iterator

import pytest
from redis.asyncio.connection import SSLConnection

from app.orders.queue.order_queue import STARTS, WINDOW, OrderQueue
from app.orders.queue.start_limit import StartLimit
from app.preflight.servers import redis_evicts_nothing
from app.redis_client import fail_fast_redis, redis_pool
from app.redis_scripts import pipelined_connection
from app.settings import SettingsError, load
from tests.chaos.clients import Clients
from tests.chaos.oracle import judge
from tests.engine import eventually, running_engine
from tests.redis_sentinel import Watched, running_sentinel

LIMIT = 30


@pytest.fixture
def watched() -> Iterator[Watched]:
    with running_sentinel() as started:
        yield started


@pytest.mark.slow
async def test_the_start_limit_holds_when_the_replica_takes_over(watched: Watched, postgres_dsn: str) -> None:
    async with running_engine(postgres_dsn, watched.url, queue_max_per_min=LIMIT) as engine:
        await engine.start_worker()
        async with fail_fast_redis(watched.replica.url) as replica:
            await eventually(lambda: replica.zcount(STARTS, "+inf", "+inf"))  # what says that nothing is missing
        watched.stop_replication()
        clients = Clients(engine.base_url, random.Random(1))
        await clients.place(LIMIT // 2)
        await eventually(lambda: engine.starts())
        watched.kill_primary()
        await clients.place(LIMIT)

        async def primed() -> bool:
            async with fail_fast_redis(watched.replica.url) as redis:
                return not await OrderQueue(redis, StartLimit(LIMIT)).loss() and await redis.zcard(WINDOW) >= LIMIT

        async def all_started() -> bool:
            return len(await engine.starts()) >= LIMIT

        await eventually(all_started, within=20)
        await eventually(primed, within=20)
        await asyncio.sleep(1)  # for a start too many
        verdict = await judge(engine.postgres, accepted={})
        await clients.finish(0)
    assert verdict.max_starts == LIMIT


@pytest.mark.slow
async def test_connections_to_a_redis_that_is_no_primary_any_more_are_left(watched: Watched) -> None:
    async with fail_fast_redis(watched.url) as redis:
        connection = pipelined_connection(redis)
        await connection.call("SET", "engine:x", 1)
        await watched.fail_over()

        async def written() -> bool:
            try:
                return bool(await connection.call("SET", "engine:y", 1))
            except Exception:
                return False

        async def at_the_replica() -> bool:
            async with fail_fast_redis(watched.replica.url) as replica:
                return await written() and await replica.get("engine:y") == b"1"

        await eventually(at_the_replica, within=15)


@pytest.mark.slow
async def test_a_redis_that_goes_on_alone_is_warned_of(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    await redis_evicts_nothing(watched.url)
    assert "min-replicas-to-write" in caplog.text
    caplog.clear()
    async with fail_fast_redis(watched.url) as redis:
        await redis.config_set("min-replicas-to-write", 1)
    await redis_evicts_nothing(watched.url)
    assert not caplog.records


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({"redis_sentinels": "a:1,b"}, "redis+sentinel://a:1,b/0?master=mymaster"),
        (
            {
                "redis_sentinels": "a",
                "redis_master": "orders",
                "redis_password": "p/w",
                "redis_sentinel_password": "s&",
            },
            "redis+sentinel://:p%2Fw@a/0?master=orders&sentinel_password=s%26",
        ),
        (
            {"redis_sentinels": "a", "redis_url": "rediss://me:pw@ignored:7/3?ssl_ca_certs=ca.pem"},
            "rediss+sentinel://me:pw@a/3?ssl_ca_certs=ca.pem&master=mymaster",
        ),
    ],
)
def test_one_address_holds_the_sentinels_and_the_login(given: dict[str, str], address: str) -> None:
    settings = load(_env_file=None, **given)
    assert settings.redis_dsn == address
    assert issubclass(redis_pool(address).connection_class, SSLConnection) is address.startswith("rediss")
    assert load(_env_file=None, **given | {"redis_url": address}).redis_dsn == address


@pytest.mark.parametrize("sentinels", ["redis://a", "a:b", "a b"])
def test_sentinels_that_are_no_hosts_are_refused(sentinels: str) -> None:
    with pytest.raises(SettingsError, match=r"^REDIS_SENTINELS: "):
        load(_env_file=None, redis_sentinels=sentinels)
