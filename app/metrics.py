"""Prometheus metrics: the API serves them at /metrics, a worker and a watcher at ports of their own.

Labels are statuses, codes, venues and routes, never a text that a client can choose.
"""

import logging
from collections.abc import Callable
from typing import Any, Self
from wsgiref.simple_server import WSGIServer

import prometheus_client
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, start_http_server
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics import MetricWrapperBase


class _KeepsChildren(MetricWrapperBase):
    """`labels` of the library takes a lock and makes text of each label, which costs more than counting."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._kept: dict[tuple[object, ...], Self] = {}
        super().__init__(*arguments, **options)

    def labels(self, *labelvalues: object, **labelkwargs: object) -> Self:
        child = self._kept.get(labelvalues)
        if child is None:
            child = self._kept[labelvalues] = super().labels(*labelvalues, **labelkwargs)
        return child


class Counter(_KeepsChildren, prometheus_client.Counter):
    """By labels, if it has any."""


class Histogram(_KeepsChildren, prometheus_client.Histogram):
    """By labels, if it has any."""


log = logging.getLogger("engine.metrics")

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
# Only an API serves these: another process would report zeros, for example 0 live workers.
API = CollectorRegistry()

WAITS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
STEPS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)

# HTTP and sockets
REQUESTS = Counter("engine_http_requests", "Requests answered", ["method", "route", "status"], registry=API)
SECONDS = Histogram(
    "engine_http_request_seconds",
    "Time to answer a request",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
    registry=API,
)
QUOTA_LEFT = Histogram(
    "engine_quota_left_ratio",
    "Share of a caller's limit per minute that was left; of each call to Redis, the smallest",
    buckets=(0, 0.1, 0.25, 0.5, 0.75, 1),
    registry=API,
)
SOCKETS = Gauge("engine_sockets_open", "WebSockets open in this process", registry=API)
REFUSED = Counter("engine_refused", "Requests refused by a limit, by problem code", ["code"], registry=API)
for _code in (
    *("too_many_orders", "too_many_reads", "queue_share_full", "queue_full"),
    *("risk_limit", "trading_reducing", "trading_halted", "wrong_schema"),
):
    REFUSED.labels(_code)  # starts at 0: Prometheus sees an increase only from a value it has scraped before

# Orders
ACCEPTED = Counter("engine_orders_accepted", "Orders accepted", registry=API)
ENDED = Counter("engine_orders_ended", "Orders that ended", ["outcome", "venue"], registry=REGISTRY)
FAILED = Counter("engine_orders_failed", "Dead letters, by error code", ["code"], registry=REGISTRY)
RETRIES = Counter("engine_retries", "Attempts that ended and will be repeated", ["code"], registry=REGISTRY)
QUOTES = Counter(
    "engine_quotes", "Quotes for orders: won, lost, or an error code", ["venue", "answer"], registry=REGISTRY
)
SENDS = Counter(
    "engine_sends", "Outcomes of swaps sent: landed, or an error code", ["venue", "outcome"], registry=REGISTRY
)
CHAIN = Counter("engine_chain_errors", "Calls to the chain that failed, by code", ["code"], registry=REGISTRY)
TO_START = Histogram("engine_start_seconds", "Time from accepted to the first start", buckets=WAITS, registry=REGISTRY)
TO_END = Histogram(
    "engine_run_seconds", "Time from a start to the order's end", ["outcome"], buckets=STEPS, registry=REGISTRY
)
STEP = Histogram("engine_step_seconds", "Time spent in a status", ["status"], buckets=STEPS, registry=REGISTRY)
SWEPT = Counter("engine_swept", "Orders the sweeper found: queued, or abandoned by code", ["found"], registry=REGISTRY)

RECONCILED = Counter(
    "engine_reconciled",
    "What reconciling with the chain found: confirmed, cancelled, or an unmatched swap",
    ["found"],
    registry=REGISTRY,
)
for _found in ("confirmed", "cancelled", "unmatched"):
    RECONCILED.labels(_found)

# Orders that wait
FIRED = Counter("engine_orders_fired", "Orders whose condition was met", ["type"], registry=REGISTRY)
TO_PENDING = Histogram(
    "engine_fire_seconds",
    "Time from the price that fired an order until it was pending",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4),
    registry=REGISTRY,
)
SLOTS_SKIPPED = Counter(
    "engine_slots_skipped",
    "Slots of which no watcher has recorded a price, although orders waited for one",
    registry=REGISTRY,
)
BEHIND = Gauge(
    "engine_fire_behind_seconds", "Time that the oldest price has waited to be compared with orders", registry=REGISTRY
)
WATCHERS = Gauge("engine_watchers_alive", "Watchers with a heartbeat", registry=API)
PRICES_AGE = Gauge(
    "engine_prices_age_seconds",
    "Age of the newest price of the pair that has waited longest for one; 0: no order waits for a price",
    registry=API,
)
ARMED = Gauge("engine_triggers_armed", "Orders that wait for a price; above 10000 an estimate", registry=API)

# Webhooks
WEBHOOK_ATTEMPTS = Counter(
    "engine_webhook_attempts", "Deliveries sent: delivered, or failed and tried again", ["outcome"], registry=REGISTRY
)
for _outcome in ("delivered", "failed"):
    WEBHOOK_ATTEMPTS.labels(_outcome)
WEBHOOKS_DISABLED = Counter("engine_webhooks_disabled", "Webhooks switched off: nothing arrived", registry=REGISTRY)
WEBHOOKS_BEHIND = Gauge(
    "engine_webhooks_behind_seconds",
    "Time that the oldest delivery has been due, of webhooks where deliveries arrive",
    registry=REGISTRY,
)

# The queue, read at each scrape
WAITING = Gauge("engine_queue_waiting", "Orders in the queue", registry=API)
RUNNING = Gauge("engine_queue_running", "Orders that workers run", registry=API)
OLDEST = Gauge("engine_queue_oldest_seconds", "Time that the first order in the queue has been due", registry=API)
HEADROOM = Gauge("engine_starts_left", "Starts left of the start limit; -1: no limit", registry=API)
TRADING = Gauge("engine_trading_state", "Kill switch, for all owners: 0 active, 1 reducing, 2 halted", registry=API)
RECONCILING = Gauge("engine_reconciling", "1: nothing starts until the chain was asked about every order", registry=API)
WORKERS = Gauge("engine_workers_alive", "Workers with a heartbeat", registry=API)
UP = Gauge("engine_server_up", "1 if the server answers this process and takes writes", ["server"], registry=API)

# This process
PUBLISHED = Histogram(
    "engine_publish_lag_seconds",
    "Time from the commit until Redis had the event; of each call to Redis, the longest",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
    registry=REGISTRY,
)
FORGED = Counter(
    "engine_events_refused",
    "Events from Redis without a valid signature; streams read them from Postgres",
    registry=API,
)
DROPPED = Gauge(
    "engine_events_dropped", "Events that were not published; streams read them from Postgres", registry=REGISTRY
)
NOT_FINAL = Counter("engine_fills_not_final", "Fills that the chain had not finalized in time", registry=REGISTRY)
POOL = Gauge("engine_pool_connections", "Connections to Postgres", ["state"], registry=REGISTRY)
TASK_FAILURES = Counter(
    "engine_task_failures", "Background tasks that failed, and are repeated", ["task"], registry=REGISTRY
)
ERRORS = Counter("engine_errors", "Unexpected errors", ["type"], registry=REGISTRY)


def exposition() -> tuple[bytes, str]:
    """The metrics of an API as text, and the content type."""
    return generate_latest(API) + generate_latest(REGISTRY), CONTENT_TYPE_LATEST


def watch_process(*, dropped: Callable[[], int], in_pool: Callable[[], int], idle_in_pool: Callable[[], int]) -> None:
    """Registers gauges that are computed at each scrape only."""
    DROPPED.set_function(dropped)
    POOL.labels("open").set_function(in_pool)
    POOL.labels("used").set_function(lambda: in_pool() - idle_in_pool())
    for ours in ("engine", "asyncio"):  # asyncio logs the exception of a task that nothing awaited
        logging.getLogger(ours).addHandler(_ERRORS)  # the same handler: adding it twice has no effect


def serve(host: str, port: int) -> WSGIServer | None:
    """Serve the metrics of a worker or watcher. If the port is taken, the process runs without them."""
    if not port:
        return None
    try:
        server, _ = start_http_server(port, addr=host, registry=REGISTRY)  # in a daemon thread
    except OSError as error:
        log.warning("the metrics port is not available", extra={"port": port, "error": error.strerror})
        return None
    log.info("metrics are served", extra={"host": host, "port": port})
    return server


class _CountErrors(logging.Handler):
    """Every log line with a traceback is an unexpected error."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[0] is not None:
            ERRORS.labels(record.exc_info[0].__name__).inc()


_ERRORS = _CountErrors()
