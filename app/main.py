"""The API process, `engine api` or `uvicorn app.main:app`: the only place where its parts are wired together."""

import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Callable
from functools import partial

from fastapi import FastAPI
from starlette.types import ASGIApp

from app import metrics
from app.access.authentication import Authenticator
from app.access.connection_limit import ConnectionLimit, max_streams
from app.access.keyring import Keyring
from app.access.rate_limit import RateLimiter
from app.access.read_turns import ReadTurns
from app.access.tickets import Tickets
from app.api import problems
from app.api.admission import BATCHES_AT_ONCE
from app.api.context import ApiContext
from app.api.fast_routes import Application
from app.api.layers.auth_middleware import AuthMiddleware
from app.api.layers.cors import Cors
from app.api.layers.request_log import RequestLog
from app.api.layers.trace import Trace
from app.api.routes import ROUTERS, page
from app.api.spec import openapi, swagger
from app.audit import AuditLog
from app.logs import configure
from app.network import open_market, open_network
from app.orders.changes import Changes
from app.orders.events.feed import Feed
from app.orders.events.lost import LostEvents
from app.orders.events.presence import Presence
from app.orders.events.publisher import EventPublisher
from app.orders.events.signature import EventSignatures
from app.orders.intake import Intake
from app.orders.kill_switch.switch import KillSwitch
from app.orders.memo import Memos
from app.orders.queue.history import QueueHistory
from app.orders.queue.order_queue import OrderQueue
from app.orders.queue.start_limit import StartLimit
from app.orders.reconciling.compared import ComparedSwaps
from app.orders.reconciling.forgotten import ForgottenOrders
from app.orders.reconciling.state import BEHIND_STREAMS, ReconcilingState, compare_database
from app.orders.risk import RiskLimits
from app.orders.store.capacity import Capacity
from app.orders.store.dead_letters import DeadLetters
from app.orders.store.open_orders import OpenOrders
from app.orders.store.placing_groups import GroupPlacing
from app.orders.store.reads import OrderReader
from app.orders.store.revision import Revision
from app.orders.store.throughput import ThroughputMeter
from app.orders.store.writes import OrderStore
from app.orders.traced import TracedChanges, TracedIntake
from app.orders.waiting.dead_men import DeadMen
from app.orders.waiting.price_history import PriceHistory
from app.orders.waiting.prices import PriceStore
from app.orders.waiting.watchers import Watchers
from app.postgres.pools import open_postgres
from app.preflight import servers as preflight
from app.redis_client import CircuitBreaker, fail_fast_redis
from app.settings import Settings, SettingsError, load
from app.tasks import freeze_gc
from app.tracing import Tracing, open_tracing
from app.webhooks.signing import Secrets
from app.webhooks.store import WebhookStore
from migrations.revisions import known_revisions

log = logging.getLogger("engine.api")

ABOUT = """
Executes market orders on the better of two (mock) Solana venues, Raydium and Meteora.

`POST /api/orders/execute` answers once the order is on disk; a separate worker executes it. Every step is streamed:
open a WebSocket on the answer's `wsUrl`, or read `GET /api/orders/{id}/events` as Server-Sent Events.
"""


def create_app(settings: Settings | None = None) -> Application:
    if settings is None:
        settings = load()
        configure(settings)

    tracing = open_tracing(settings, "order-engine-api")

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with open_context(settings, tracing) as ctx:
            app.context = ctx
            if settings.engine_mode == "local":
                log.warning("local mode: any client that reaches this address may trade", extra={"host": settings.host})
            freeze_gc()
            yield

    def layers(routes: ASGIApp) -> ASGIApp:
        outermost = RequestLog(Cors(AuthMiddleware(routes, settings), settings), routes)
        return outermost if tracing is None else Trace(outermost, tracing)

    app = Application(
        layers=layers,
        title="Order Execution Engine",
        version="0.1.0",
        description=ABOUT,
        lifespan=lifespan,
        openapi_url=None,  # FastAPI would write the document anew for each request
    )
    problems.install(app)
    openapi.install(app)
    swagger.install(app)
    page.install(app)
    for router in ROUTERS:
        # Not `include_router`, which would look for the route of each request twice.
        app.router.routes.extend(router.routes)
    return app


@contextlib.asynccontextmanager
async def open_context(settings: Settings, tracing: Tracing | None = None) -> AsyncIterator[ApiContext]:
    """The parts of an API process: started here, and stopped at the end."""
    await preflight.check(settings, api=True)
    dsn, redis_url = settings.postgres_dsn, settings.redis_dsn
    if dsn is None or redis_url is None:
        raise SettingsError("DATABASE_URL and REDIS_URL are not set; `make up` starts servers of its own")
    postgres = await open_postgres(
        dsn, size=settings.db_pool_size, before_writing=compare_database, read_dsn=settings.postgres_read_dsn
    )
    redis = fail_fast_redis(redis_url)
    network, stack = open_network(settings), contextlib.AsyncExitStack()
    market = await stack.enter_async_context(open_market(settings, network))
    store = OrderStore(
        postgres.writing,
        limits=RiskLimits.of(settings),
        max_open=settings.max_open_per_owner,
        forgotten=ForgottenOrders(postgres.writing),
    )
    queue = OrderQueue(redis, StartLimit(settings.queue_max_per_min))
    signatures = EventSignatures.of(settings)
    publisher = EventPublisher(redis, signatures, keep_seconds=settings.active_order_ttl_seconds)
    keyring = Keyring(postgres.internal) if settings.engine_mode == "production" else None
    breaker = CircuitBreaker()
    internal = OrderReader(postgres.internal)
    kill_switch, audit = KillSwitch(postgres.internal), AuditLog(postgres.internal, reading=postgres.reading)
    reconciling = ReconcilingState(postgres.internal)
    begin = partial(reconciling.begin, BEHIND_STREAMS)
    lost = LostEvents(
        redis,
        internal,
        breaker,
        reconciling=lambda: kill_switch.reconciling,
        reconciled_at=lambda: kill_switch.reconciled_at,
        reconciled_for=lambda: kill_switch.reconciled_for,
        keep_seconds=settings.active_order_ttl_seconds,
        begin=begin,
    )
    feed = Feed(redis, signatures, internal, breaker, lost)
    presence = Presence(redis, keep_seconds=settings.active_order_ttl_seconds)
    capacity = Capacity(
        postgres.internal, max_total=settings.queue_max_depth, max_per_owner=settings.queue_max_per_owner
    )
    groups = GroupPlacing(postgres.writing, RiskLimits.of(settings), max_open=settings.max_open_per_owner)
    revision = Revision(postgres.internal, known_revisions())
    make_intake: Callable[..., Intake] = Intake if tracing is None else partial(TracedIntake, tracing)
    make_changes: Callable[..., Changes] = Changes if tracing is None else partial(TracedChanges, tracing)
    ctx = ApiContext(
        settings=settings,
        authenticator=Authenticator(settings, keyring, Tickets(settings.engine_secret)),
        network=network,
        market=market,
        router=network.router(),
        reader=OrderReader(postgres.reading),
        internal=internal,
        lists=OrderReader(postgres.lagging),
        throughput=ThroughputMeter(postgres.lagging),
        dead_letters=DeadLetters(postgres.lagging, writing=postgres.writing),
        intake=make_intake(store, redis, queue, publisher, breaker),
        changes=make_changes(OpenOrders(postgres.writing), groups, publisher),
        dead_men=DeadMen(postgres.writing),
        queue=queue,
        queue_history=QueueHistory(postgres.lagging),
        watchers=Watchers(redis),
        price_history=PriceHistory(postgres.lagging),
        prices=PriceStore(postgres.internal),
        feed=feed,
        presence=presence,
        rate_limiter=RateLimiter(redis, breaker),
        read_turns=ReadTurns(),
        connections=ConnectionLimit(
            max_total=min(settings.max_sockets, max_streams()), max_per_owner=settings.max_sockets_per_owner
        ),
        batches=ConnectionLimit(max_total=sys.maxsize, max_per_owner=BATCHES_AT_ONCE),
        capacity=capacity,
        kill_switch=kill_switch,
        memos=Memos.of(settings),
        reconciling=reconciling,
        unmatched_swaps=ComparedSwaps(postgres.reading),
        webhooks=WebhookStore(postgres.writing, postgres.reading, Secrets.of(settings), audit),
        audit=audit,
        revision=revision,
        breaker=breaker,
    )
    started = (publisher, feed, presence, capacity, audit)
    metrics.watch_process(dropped=lambda: publisher.dropped, in_pool=postgres.open, idle_in_pool=postgres.idle)
    for part in started:
        part.start()
    await kill_switch.open()
    try:
        if keyring is not None:
            await keyring.open()
        await revision.start()
        yield ctx
    finally:
        if keyring is not None:
            await keyring.close()
        await kill_switch.close()
        await revision.stop()
        for part in reversed(started):
            await part.stop()
        await stack.aclose()
        await redis.aclose()
        await postgres.close()
        if tracing is not None:
            await tracing.close()


app = create_app()
