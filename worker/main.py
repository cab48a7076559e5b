"""The worker process, `engine worker`: wired together here, started, and stopped without losing an order."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence

import uvloop
from arq.connections import ArqRedis

from app import metrics, production
from app.background import ended, lasting, settle
from app.connections import open_postgres, patient_pool, quick_redis
from app.dex.chain import Chain
from app.dex.markets import Markets
from app.dex.router import Router, quote_timeout
from app.dex.venues import DeadVenue, Venue, open_venues
from app.logs import configure
from app.mockchain.ledger import MockChain
from app.orders.announcing import Announcer
from app.orders.book import Book
from app.orders.orphans import Orphans
from app.orders.queue import Line, deserialize, serialize
from app.settings import Settings, SettingsError, load
from worker import measuring
from worker.execution import Execution, Patience
from worker.holding import Holdings
from worker.pickup import Pickup
from worker.recovery import Sweeper

log = logging.getLogger("engine.worker")

GRACE_SECONDS = 5  # for orders in hand when told to stop; what is not done by then is handed back


def main() -> None:
    settings = load()
    production.refuse_unsafe(settings, api=False)
    configure(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(settings))


async def run(settings: Settings) -> None:
    measuring.expose(settings)
    async with worker(settings) as pickup:
        settle()
        log.info(
            "worker ready",
            extra={
                "concurrency": settings.worker_concurrency,
                "starts_per_minute": settings.queue_max_per_min,
            },
        )
        await pickup.work()
    log.info("worker stopped")


@contextlib.asynccontextmanager
async def worker(
    settings: Settings, *, venues: Sequence[Venue] | None = None, chain: Chain | None = None, signals: bool = True
) -> AsyncIterator[Pickup]:
    """All parts of a worker, ready to `work()`; tests bring venues and a chain of their own."""
    dsn, redis_url = settings.postgres_dsn, settings.redis_dsn
    if dsn is None or redis_url is None:
        raise SettingsError("DATABASE_URL and REDIS_URL are not set; `make up` starts servers of its own")
    postgres = await open_postgres(dsn, size=settings.db_pool_size)
    redis = ArqRedis(patient_pool(redis_url), job_serializer=serialize, job_deserializer=deserialize)
    quick = quick_redis(redis_url)
    markets = Markets.load()
    pools = open_venues(
        markets, seed=settings.mock_seed, quote_ms=settings.mock_quote_ms, block_ms=settings.mock_block_ms
    )
    ledger = await MockChain.open(
        dsn,
        venues=pools,
        block_ms=settings.mock_block_ms,
        execution_ms_min=settings.mock_execution_ms_min,
        execution_ms_max=settings.mock_execution_ms_max,
        failure_rate=settings.mock_failure_rate,
        seed=settings.mock_seed,
    )
    announcer = Announcer(quick, keep_seconds=settings.active_order_ttl_seconds)
    book = Book(postgres.writing, lease_seconds=settings.lease_seconds)
    holdings = Holdings(book, announcer, lease_seconds=settings.lease_seconds)
    sweeper = Sweeper(
        orphans=Orphans(postgres.reading),
        redis=quick,
        line=Line(quick, starts_per_minute=0),  # it grants none, and has no use for when one will be
        announcer=announcer,
        starts_per_minute=settings.queue_max_per_min,
    )
    execution = Execution(
        book=book,
        holdings=holdings,
        markets=markets,
        router=Router(venues or pools, timeout=quote_timeout(settings.mock_quote_ms), unlisted=[DeadVenue()]),
        chain=measuring.Watched(chain or ledger),
        patience=Patience(
            max_attempts=settings.max_attempts,
            retry_base_seconds=settings.retry_base_seconds,
            confirm_seconds=settings.mock_execution_ms_max / 1000 + 1,
        ),
    )
    pickup = Pickup(
        execution.run,
        redis=redis,
        line=Line(redis, starts_per_minute=settings.queue_max_per_min),
        concurrency=settings.worker_concurrency,
        lease_seconds=settings.lease_seconds,
        grace_seconds=GRACE_SECONDS,
        unprimed=sweeper.hurry,
        signals=signals,
    )
    metrics.watch_process(dropped=lambda: announcer.dropped, in_pool=postgres.open, idle_in_pool=postgres.idle)
    announcer.start()
    background = [
        lasting("sweeper", sweeper.run),
        lasting("leases", holdings.keep),
    ]
    try:
        yield pickup
    finally:
        await ended(*background)
        await announcer.stop()
        await ledger.close()
        await quick.aclose()
        await redis.aclose(close_connection_pool=True)
        await postgres.close()


if __name__ == "__main__":
    main()
