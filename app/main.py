"""The API process, `engine api` or `uvicorn app.main:app`: the only place where its parts are wired together."""

import contextlib
import logging
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from app import metrics, production
from app.access.callers import LOOPBACK, Doorkeeper
from app.access.keys import Keyring
from app.access.limits import Limits
from app.access.slots import Slots
from app.access.tickets import Tickets
from app.api import (
    asyncapi,
    dead_letters,
    docs,
    gate,
    health,
    market,
    older_clients,
    openapi,
    operator,
    orders,
    page,
    placing,
    problems,
    rehearsing,
    stream_all,
    streams,
    tickets,
)
from app.api.parts import Parts
from app.api.requests import Requests
from app.background import settle
from app.connections import Breaker, open_postgres, quick_redis
from app.dex.markets import Markets
from app.dex.router import Router, quote_timeout
from app.dex.venues import open_venues
from app.logs import configure
from app.orders.announcing import Announcer
from app.orders.book import Book
from app.orders.dead_letters import DeadLetters
from app.orders.feed import Feed
from app.orders.intake import Intake
from app.orders.pace import Pacer
from app.orders.presence import Presence
from app.orders.queue import Line
from app.orders.reading import Reader
from app.orders.room import Room
from app.settings import Settings, SettingsError, load
from migrations.upgrade import newest_revision

log = logging.getLogger("engine.api")

ABOUT = """
Executes market orders on the better of two (mock) Solana venues, Raydium and Meteora.

`POST /api/orders/execute` answers once the order is on disk; a separate worker executes it. Every step is streamed:
open a WebSocket on the answer's `wsUrl`, or read `GET /api/orders/{id}/events` as Server-Sent Events.
"""


def create_app(settings: Settings | None = None) -> FastAPI:
    if settings is None:
        settings = load()
        configure(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running_parts(settings) as parts:
            app.state.parts = parts
            if settings.engine_mode == "local":
                log.warning("local mode: whoever reaches this address may trade", extra={"host": settings.host})
            settle()
            yield

    app = FastAPI(
        title="Order Execution Engine",
        version="0.1.0",
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    problems.install(app)
    openapi.install(app)
    docs.install(app)
    page.install(app)
    for module in (
        *(streams, placing, orders, stream_all, tickets, older_clients),
        *(dead_letters, rehearsing, market, operator, health, asyncapi),
    ):
        # Not `include_router`, which would look for the route of each request twice.
        app.router.routes.extend(module.router.routes)

    app.add_middleware(gate.Gate)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        # A front end under development has a port of its own.
        allow_origin_regex=LOOPBACK.pattern if settings.engine_mode == "local" else None,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=["Location", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"],
    )
    app.add_middleware(Requests)
    return app


@contextlib.asynccontextmanager
async def running_parts(settings: Settings) -> AsyncIterator[Parts]:
    """All parts of an API process, started; stopped again at the end."""
    production.refuse_unsafe(settings, api=True)
    dsn, redis_url = settings.postgres_dsn, settings.redis_dsn
    if dsn is None or redis_url is None:
        raise SettingsError("DATABASE_URL and REDIS_URL are not set; `make up` starts servers of its own")
    postgres = await open_postgres(dsn, size=settings.db_pool_size)
    redis = quick_redis(redis_url)
    markets = Markets.load()
    venues = open_venues(
        markets, seed=settings.mock_seed, quote_ms=settings.mock_quote_ms, block_ms=settings.mock_block_ms
    )
    reader = Reader(postgres.reading)
    line = Line(redis, starts_per_minute=settings.queue_max_per_min)
    announcer = Announcer(redis, keep_seconds=settings.active_order_ttl_seconds)
    keyring = Keyring(postgres.reading) if settings.engine_mode == "production" else None
    breaker = Breaker()
    feed = Feed(redis, reader, breaker)
    presence = Presence(redis, keep_seconds=settings.active_order_ttl_seconds)
    room = Room(postgres.reading, most=settings.queue_max_depth, most_per_owner=settings.queue_max_per_owner)
    parts = Parts(
        settings=settings,
        doorkeeper=Doorkeeper(settings, keyring, Tickets(settings.engine_secret)),
        markets=markets,
        router=Router(venues, timeout=quote_timeout(settings.mock_quote_ms)),
        reader=reader,
        pacer=Pacer(postgres.reading),
        dead_letters=DeadLetters(postgres.reading),
        intake=Intake(Book(postgres.writing), redis, line, announcer, breaker),
        line=line,
        feed=feed,
        presence=presence,
        limits=Limits(redis, breaker),
        slots=Slots(most=settings.max_sockets, most_per_owner=settings.max_sockets_per_owner),
        room=room,
        newest_revision=newest_revision(),
        breaker=breaker,
    )
    started = (announcer, feed, presence, room)
    metrics.watch_process(dropped=lambda: announcer.dropped, in_pool=postgres.open, idle_in_pool=postgres.idle)
    for part in started:
        part.start()
    try:
        if keyring is not None and await keyring.open() == 0:
            raise SettingsError(production.NO_KEYS)
        yield parts
    finally:
        if keyring is not None:
            await keyring.close()
        for part in reversed(started):
            await part.stop()
        await redis.aclose()
        await postgres.close()


app = create_app()
