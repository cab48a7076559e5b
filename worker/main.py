"""The worker process, `engine worker`: wiring, start and stop."""

import asyncio
import contextlib
import ctypes
import logging
import resource
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial

import uvloop
from arq.connections import ArqRedis

from app import metrics
from app.dex.chain import Chain
from app.dex.venue import UnavailableVenue, Venue
from app.logs import configure
from app.network import open_chain, open_market, open_network
from app.orders.events.publisher import EventPublisher
from app.orders.events.signature import EventSignatures
from app.orders.kill_switch.switch import KillSwitch
from app.orders.memo import Memos
from app.orders.queue.history import QueueHistory
from app.orders.queue.order_queue import OrderQueue
from app.orders.queue.start_limit import StartLimit
from app.orders.reconciling.chains import filled_lately, refuse_other_chains
from app.orders.reconciling.compared import ComparedSwaps
from app.orders.reconciling.landed import LandedOrders
from app.orders.reconciling.slices import FilledSlices
from app.orders.reconciling.state import ReconcilingState, compare_database
from app.orders.samples import sample_forever
from app.orders.signed_swaps import SignedSwaps
from app.orders.store.revision import Revision
from app.orders.store.sweep import SweepStore
from app.orders.store.writes import OrderStore
from app.orders.waiting.groups import Groups
from app.postgres.pools import open_postgres
from app.preflight import servers as preflight
from app.redis_client import fail_fast_redis, reconnecting_pool
from app.settings import Settings, SettingsError, load
from app.tasks import cancel_and_wait, freeze_gc, run_forever
from app.tracing import open_tracing
from migrations.revisions import known_revisions
from worker import order_metrics
from worker.arq_worker import ArqWorker
from worker.execution import Execution
from worker.finality import Finality, TellsFinality
from worker.lease import Leases
from worker.reconciler import Reconciler
from worker.retry import RetryPolicy
from worker.risk import RiskChecks
from worker.sweeper import Sweeper
from worker.tracing.leases import TracedLeases

log = logging.getLogger("engine.worker")

PR_SET_DUMPABLE = 4
GRACE_SECONDS = 5  # after a stop signal, for orders that run; the others are released for another worker


def main() -> None:
    settings = load()
    configure(settings)
    if settings.solana_keypair is not None:
        refuse_core_dumps()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(settings))


def refuse_core_dumps() -> None:
    """A crash would leave the key of the wallet on the disk. On Linux no other process of the same account may read the
    memory or the environment of this one, either.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


async def run(settings: Settings) -> None:
    metrics.serve(settings.worker_metrics_host, settings.worker_metrics_port)
    async with worker(settings) as arq_worker:
        freeze_gc()
        log.info(
            "worker ready",
            extra={
                "concurrency": settings.worker_concurrency,
                "starts_per_minute": settings.queue_max_per_min,
            },
        )
        await arq_worker.work()
    log.info("worker stopped")


@contextlib.asynccontextmanager
async def worker(
    settings: Settings,
    *,
    venues: Sequence[Venue] | None = None,
    chain: Chain | None = None,
    start_limit: StartLimit | None = None,
    signals: bool = True,
) -> AsyncIterator[ArqWorker]:
    """A worker, ready to `work()`. Tests pass their own venues and chain."""
    await preflight.check(settings, api=False, signs=True)
    start_limit = start_limit or StartLimit(settings.queue_max_per_min)
    dsn, redis_url = settings.postgres_dsn, settings.redis_dsn
    if dsn is None or redis_url is None:
        raise SettingsError("DATABASE_URL and REDIS_URL are not set; `make up` starts servers of its own")
    postgres = await open_postgres(dsn, size=settings.db_pool_size, before_writing=compare_database)
    redis = ArqRedis(reconnecting_pool(redis_url))
    quick = fail_fast_redis(redis_url)
    network = open_network(settings)
    stack = contextlib.AsyncExitStack()
    await stack.enter_async_context(open_market(settings, network))
    if chain is None:
        chain = await stack.enter_async_context(open_chain(settings, network))
    publisher = EventPublisher(quick, EventSignatures.of(settings), keep_seconds=settings.active_order_ttl_seconds)
    await refuse_other_chains(postgres.internal, network.chain_id())
    store = OrderStore(postgres.writing, lease_seconds=settings.lease_seconds, chain=network.chain_id())
    kill_switch = KillSwitch(postgres.reading)  # no caller reads in a worker: a permission to send waits for nobody
    tracing = open_tracing(settings, "order-engine-worker")
    make_leases: Callable[..., Leases] = Leases if tracing is None else partial(TracedLeases, tracing)
    leases = make_leases(store, publisher, kill_switch, lease_seconds=settings.lease_seconds)
    queue = OrderQueue(quick, replace(start_limit, starts=0))  # it starts no orders, so it needs no limit
    sweeper = Sweeper(
        store=SweepStore(postgres.internal, lease_seconds=settings.lease_seconds),
        redis=quick,
        queue=queue,
        publisher=publisher,
        start_limit=start_limit,
        kill_switch=kill_switch,
    )
    sample_queue = partial(QueueHistory(postgres.internal).sample, queue)
    finality = list[Finality]()
    if (chain_id := network.chain_id()) is not None and isinstance(chain, TellsFinality):
        finality.append(Finality(partial(filled_lately, postgres.internal, chain_id), chain))
    chain, memos = order_metrics.MeasuredChain(chain), Memos.of(settings)
    risk = RiskChecks(network, settings, SignedSwaps(postgres.writing))
    reconciler = Reconciler(
        state=ReconcilingState(postgres.internal),
        swaps=ComparedSwaps(postgres.internal),
        landed=LandedOrders(postgres.internal),
        slices=FilledSlices(postgres.internal),
        groups=Groups(postgres.internal),
        chain=chain,
        memos=memos,
        markets=network.markets,
        publisher=publisher,
        count=risk.count_found,
        ended=sweeper.starts_again,
    )
    execution = Execution(
        store=store,
        leases=leases,
        markets=network.markets,
        router=replace(network, venues=venues or network.venues).router(unlisted=[UnavailableVenue()]),
        chain=chain,
        memos=memos,
        retry=RetryPolicy(max_attempts=settings.max_attempts, base_seconds=settings.retry_base_seconds),
        confirm_seconds=network.confirm_timeout,
        explorer_url=network.explorer_url,
        risk=risk,
    )
    revision = Revision(postgres.internal, known_revisions())
    arq_worker = ArqWorker(
        execution.run,
        redis=redis,
        queue=OrderQueue(redis, start_limit),
        concurrency=settings.worker_concurrency,
        lease_seconds=settings.lease_seconds,
        grace_seconds=GRACE_SECONDS,
        redis_lost=sweeper.redis_lost,
        may_start=lambda: reconciler.compared and kill_switch.may_start(),
        dropped_halted=sweeper.dropped_halted,
        may_run=revision.fits,
        signals=signals,
    )
    metrics.watch_process(dropped=lambda: publisher.dropped, in_pool=postgres.open, idle_in_pool=postgres.idle)
    publisher.start()
    await revision.start()
    await reconciler.start()
    background = [
        run_forever("reconciler", partial(reconciler.run, revision.fits, lambda: kill_switch.reconciling)),
        run_forever("sweeper", partial(sweeper.run, lambda: reconciler.compared and revision.fits())),
        run_forever("leases", leases.renew_forever),
        *(run_forever("finality", one.run) for one in finality),
        run_forever("queue history", partial(sample_forever, sample_queue, revision.fits)),
    ]
    try:
        yield arq_worker
    finally:
        await cancel_and_wait(*background)
        await publisher.stop()
        await revision.stop()
        await stack.aclose()
        await quick.aclose()
        await redis.aclose(close_connection_pool=True)
        await postgres.close()
        if tracing is not None:
            await tracing.close()


if __name__ == "__main__":
    main()
