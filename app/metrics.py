"""What this process counts, for Prometheus: the API at /metrics, a worker at its own port (WORKER_METRICS_PORT).

Labels are statuses, codes, venues and routes, never anything that a client can make up.
"""

import logging
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
# What only an API knows, and only it may show: a worker's zeros would say that no worker is alive.
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
    "What was left of a caller's orders or cancels a minute; of each trip to the limits, the least",
    buckets=(0, 0.1, 0.25, 0.5, 0.75, 1),
    registry=API,
)
SOCKETS = Gauge("engine_sockets_open", "WebSockets open in this process", registry=API)
REFUSED = Counter("engine_refused", "Orders and cancels turned away, by problem code", ["code"], registry=API)
for _code in ("too_many_orders", "queue_share_full", "queue_full"):
    REFUSED.labels(_code)  # begins at 0: Prometheus sees a counter rise only from a value it has seen before

# Orders
ACCEPTED = Counter("engine_orders_accepted", "Orders that were made", registry=API)
ENDED = Counter("engine_orders_ended", "Orders that ended", ["outcome", "venue"], registry=REGISTRY)
FAILED = Counter("engine_orders_failed", "Dead letters, by error code", ["code"], registry=REGISTRY)
RETRIES = Counter("engine_retries", "Attempts that ended and will be repeated", ["code"], registry=REGISTRY)
QUOTES = Counter("engine_quotes", "Quotes for orders: won, lost, or a code", ["venue", "answer"], registry=REGISTRY)
SENDS = Counter("engine_sends", "What became of swaps sent: landed, or a code", ["venue", "outcome"], registry=REGISTRY)
CHAIN = Counter("engine_chain_errors", "Calls that the chain did not answer, by code", ["code"], registry=REGISTRY)
TO_START = Histogram("engine_start_seconds", "From being accepted to the first start", buckets=WAITS, registry=REGISTRY)
TO_END = Histogram(
    "engine_run_seconds", "From a start to the order's end", ["outcome"], buckets=STEPS, registry=REGISTRY
)
STEP = Histogram("engine_step_seconds", "Time spent in a status", ["status"], buckets=STEPS, registry=REGISTRY)
SWEPT = Counter("engine_swept", "What the sweeper found: queued, or abandoned by code", ["found"], registry=REGISTRY)

# The line, as it stands when it is asked for
WAITING = Gauge("engine_queue_waiting", "Orders in line", registry=API)
RUNNING = Gauge("engine_queue_running", "Orders in the hands of workers", registry=API)
OLDEST = Gauge("engine_queue_oldest_seconds", "For how long the first in line has been due", registry=API)
HEADROOM = Gauge("engine_starts_left", "Starts left in this minute; -1: no limit", registry=API)
PAUSED = Gauge("engine_queue_paused", "1 while an operator has paused the line", registry=API)
WORKERS = Gauge("engine_workers_alive", "Workers that gave a sign of life", registry=API)
UP = Gauge("engine_server_up", "1 if the server answers this process", ["server"], registry=API)

# This process
PUBLISHED = Histogram(
    "engine_publish_lag_seconds",
    "From the commit until Redis had the announcement; of each trip, the one that waited longest",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
    registry=REGISTRY,
)
DROPPED = Gauge("engine_events_dropped", "Announcements lost since the start; the book heals", registry=REGISTRY)
POOL = Gauge("engine_pool_connections", "Connections to Postgres", ["state"], registry=REGISTRY)
ERRORS = Counter("engine_errors", "Errors that nobody had foreseen", ["type"], registry=REGISTRY)


def exposition() -> tuple[bytes, str]:
    """The text that Prometheus reads of an API, and its content type."""
    return generate_latest(API) + generate_latest(REGISTRY), CONTENT_TYPE_LATEST


def watch_process(*, dropped: Callable[[], int], in_pool: Callable[[], int], idle_in_pool: Callable[[], int]) -> None:
    """What is asked for only when somebody looks, so that it costs nothing otherwise."""
    DROPPED.set_function(dropped)
    POOL.labels("open").set_function(in_pool)
    POOL.labels("used").set_function(lambda: in_pool() - idle_in_pool())
    for ours in ("engine", "asyncio"):  # the latter: a task that nobody waited for
        logging.getLogger(ours).addHandler(_ERRORS)  # the same one, however often


class _CountErrors(logging.Handler):
    """Whatever is logged with a traceback is an error that nobody had foreseen."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[0] is not None:
            ERRORS.labels(record.exc_info[0].__name__).inc()


_ERRORS = _CountErrors()
