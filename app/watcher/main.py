"""The watcher process, `engine watcher`: wiring, start and stop.

It fires the orders that wait for a price. Any number may run; market orders need none.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator
from functools import partial

import uvloop

from app import metrics
from app.logs import configure
from app.network import Network, open_market, open_network
from app.open_files import raise_file_limit
from app.orders.events.publisher import EventPublisher
from app.orders.events.signature import EventSignatures
from app.orders.intake import Intake
from app.orders.queue.history import QueueHistory
from app.orders.queue.order_queue import OrderQueue
from app.orders.queue.start_limit import StartLimit
from app.orders.reconciling.state import compare_database
from app.orders.samples import sample_forever
from app.orders.store.capacity import Capacity
from app.orders.store.revision import Revision
from app.orders.store.writes import OrderStore
from app.orders.waiting.dead_men import DeadMen
from app.orders.waiting.groups import Groups
from app.orders.waiting.lost import LostTriggers
from app.orders.waiting.plans import PlanStore
from app.orders.waiting.price_history import PriceHistory
from app.orders.waiting.prices import MAX_AGE_SLOTS, PriceStore
from app.orders.waiting.snipes import SnipeStore
from app.orders.waiting.trailing import TrailingStops
from app.orders.waiting.triggers import TriggerStore
from app.orders.waiting.watchers import Watchers
from app.postgres.pools import open_postgres
from app.preflight import servers as preflight
from app.redis_client import REDIS_UNAVAILABLE, CircuitBreaker, fail_fast_redis
from app.settings import Settings, SettingsError, load
from app.tasks import cancel_and_wait, failing, freeze_gc, run_forever
from app.watcher.announcer import Announcer
from app.watcher.dead_man import DeadManSwitches
from app.watcher.limits import Limits
from app.watcher.pairs import pool_mids
from app.watcher.recorder import Recorder
from app.watcher.rounds import repeat
from app.watcher.schedules import Schedules
from app.watcher.snipers import Snipers
from app.watcher.stops import Stops
from app.watcher.trails import Trails
from app.watcher.upkeep import Upkeep
from app.webhooks.deliverer import Deliverer
from app.webhooks.deliveries import DeliveryStore
from app.webhooks.sender import Sender
from app.webhooks.signing import Secrets
from app.webhooks.statements import PER_OWNER
from migrations.revisions import known_revisions

log = logging.getLogger("engine.watcher")

HEARTBEAT_SECONDS = 1.0
OPEN_FILES = 10_000  # each owner may have 20 connections to receivers of webhooks, and they are kept for a while


def main() -> None:
    settings = load()
    configure(settings)
    raise_file_limit(OPEN_FILES)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(settings))


async def run(settings: Settings) -> None:
    metrics.serve(settings.worker_metrics_host, settings.watcher_metrics_port)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with watcher(settings):
        freeze_gc()
        log.info("watcher ready")
        await stop.wait()
    log.info("watcher stopped")


@contextlib.asynccontextmanager
async def watcher(settings: Settings, *, network: Network | None = None) -> AsyncIterator[None]:
    """A watcher that works until the end of the block. Tests pass their own network."""
    await preflight.check(settings, api=False)
    dsn, redis_url = settings.postgres_dsn, settings.redis_dsn
    if dsn is None or redis_url is None:
        raise SettingsError("DATABASE_URL and REDIS_URL are not set; `make up` starts servers of its own")
    network, stack = network or open_network(settings), contextlib.AsyncExitStack()
    await stack.enter_async_context(open_market(settings, network))
    postgres = await open_postgres(dsn, size=settings.db_pool_size, before_writing=compare_database)
    redis = fail_fast_redis(redis_url)
    publisher = EventPublisher(redis, EventSignatures.of(settings), keep_seconds=settings.active_order_ttl_seconds)
    queue = OrderQueue(redis, StartLimit(settings.queue_max_per_min))
    breaker = CircuitBreaker()
    intake = Intake(OrderStore(postgres.writing), redis, queue, publisher, breaker)
    announcer = Announcer(intake, publisher, queue, breaker, per_minute=settings.queue_max_per_min)
    prices = PriceStore(postgres.writing)
    max_age = MAX_AGE_SLOTS * network.slot_seconds
    chain = network.chain_id()
    triggers = TriggerStore(postgres.writing, max_age=max_age, chain=chain)
    trailing = TrailingStops(postgres.writing, max_age=max_age, chain=chain)
    stops = Stops(triggers, network, announcer)
    trails = Trails(trailing, network, announcer)
    limits = Limits(triggers, network, announcer)
    lost = LostTriggers(postgres.writing)
    upkeep = Upkeep(triggers, trailing, Groups(postgres.writing), prices, lost, announcer)
    capacity = Capacity(
        postgres.internal, max_total=settings.queue_max_depth, max_per_owner=settings.queue_max_per_owner
    )
    schedules = Schedules(PlanStore(postgres.writing, max_age=max_age, chain=chain), network, announcer, capacity)
    snipers = Snipers(SnipeStore(postgres.writing, max_age=max_age, chain=chain), network, announcer)
    dead_man = DeadManSwitches(DeadMen(postgres.writing), announcer)
    recorder = Recorder(prices, network, [stops.receive, trails.receive, limits.receive])
    revision = Revision(postgres.internal, known_revisions())
    # On connections of its own: firing never waits for a receiver's deliveries.
    webhooks = Deliverer(
        DeliveryStore(postgres.internal),
        Sender(local=settings.engine_mode == "local", max_connections=PER_OWNER * settings.webhook_concurrency),
        Secrets.of(settings),
        at_once=settings.webhook_concurrency,
        per_second=settings.webhook_max_per_second,
    )
    watchers = Watchers(redis)
    sample_prices = partial(PriceHistory(postgres.internal).sample, partial(pool_mids, network))
    sample_queue = partial(QueueHistory(postgres.internal).sample, queue)
    metrics.watch_process(dropped=lambda: publisher.dropped, in_pool=postgres.open, idle_in_pool=postgres.idle)
    metrics.BEHIND.set_function(lambda: max(stops.behind(), trails.behind()))
    publisher.start()
    capacity.start()
    await revision.start()
    tasks = [
        run_forever("prices", partial(recorder.run, revision.fits)),
        run_forever("stops", stops.run),
        run_forever("trailing stops", trails.run),
        run_forever("limits", limits.run),
        run_forever("schedules", partial(repeat, schedules.round, revision.fits)),
        run_forever("snipers", partial(repeat, snipers.round, revision.fits, sooner=snipers.launched)),
        run_forever("dead man", partial(repeat, dead_man.round, revision.fits)),
        run_forever("upkeep", partial(repeat, upkeep.round, revision.fits)),
        run_forever("price history", partial(sample_forever, sample_prices, revision.fits)),
        run_forever("queue history", partial(sample_forever, sample_queue, revision.fits)),
        run_forever("webhooks", partial(repeat, webhooks.round, revision.fits)),
        run_forever("heartbeat", partial(_send_heartbeats, watchers)),
    ]
    try:
        yield
    finally:
        await cancel_and_wait(*tasks)
        await webhooks.stop()
        await publisher.stop()
        await revision.stop()
        await capacity.stop()
        with contextlib.suppress(*REDIS_UNAVAILABLE):
            await watchers.heartbeat(stopped=True)
        await stack.aclose()
        await redis.aclose()
        await postgres.close()


async def _send_heartbeats(watchers: Watchers) -> None:
    while True:
        with contextlib.suppress(*REDIS_UNAVAILABLE):
            await watchers.heartbeat(failing=failing())
        await asyncio.sleep(HEARTBEAT_SECONDS)


if __name__ == "__main__":
    main()
