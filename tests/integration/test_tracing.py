"""One trace from the request to the fill of an order, over API, Redis, Postgres and worker; nothing when it is off."""

import logging
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from typing import Any

import orjson
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app import tracing
from app.api.layers.request_log import RequestLog
from app.api.routes.waiting.groups import OCO
from app.logs import JsonLines, WithTrace
from app.main import create_app, open_context
from app.orders.changes import Changes
from app.orders.intake import Intake
from app.settings import SettingsError, load
from tests.engine import HAPPY, SELL_SOL, Engine, eventually, running_engine

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = {"traceparent": f"00-{TRACE}-{CALLER}-01", "X-Request-Id": "mine-1"}
ENDPOINT = "http://127.0.0.1:4318/v1/traces"


class Collector:
    """The spans that all processes of a test have exported."""

    def __init__(self) -> None:
        self._exporters: list[InMemorySpanExporter] = []

    def processor(self, _: str) -> SimpleSpanProcessor:
        self._exporters.append(InMemorySpanExporter())
        return SimpleSpanProcessor(self._exporters[-1])

    @property
    def spans(self) -> list[ReadableSpan]:
        return [span for exporter in self._exporters for span in exporter.get_finished_spans()]

    async def named(self, name: str, count: int = 1) -> list[ReadableSpan]:
        async def found() -> list[ReadableSpan]:
            spans = [span for span in self.spans if span.name == name]
            return spans if len(spans) >= count else []

        return await eventually(found)


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Collector:
    made = Collector()
    monkeypatch.setattr(tracing, "exporting_to", made.processor)
    return made


@pytest.fixture
async def traced(collector: Collector, postgres_dsn: str, redis_dsn: str, primed_queue: None) -> AsyncIterator[Engine]:
    async with running_engine(postgres_dsn, redis_dsn, tracing_endpoint=ENDPOINT) as engine:
        yield engine


def parents(spans: Iterable[ReadableSpan]) -> dict[str, str]:
    """Name → name of its parent, or the id of one that is not ours."""
    names = {span.context.span_id: span.name for span in spans if span.context}
    return {span.name: names.get(span.parent.span_id, f"{span.parent.span_id:016x}") for span in spans if span.parent}


async def test_one_trace_leads_from_the_request_to_the_fill(
    traced: Engine, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "engine")
    await traced.start_worker()
    answer = await traced.http.post("/api/orders/execute", json=SELL_SOL, headers=GIVEN)
    assert re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-01", answer.headers["traceparent"])
    order = answer.json()["orderId"]
    assert (await traced.read_stream(order)).statuses == HAPPY
    await collector.named("execute order")
    spans = collector.spans
    assert {span.context and f"{span.context.trace_id:032x}" for span in spans} == {TRACE}
    placed, executed = "place order", "execute order"
    assert parents(spans) == {
        "POST /api/orders/execute": CALLER,
        placed: "POST /api/orders/execute",
        "store in Postgres": placed,
        "publish and queue in Redis": placed,
        executed: placed,
        **dict.fromkeys(("order routing", "order building", "order submitted"), executed),
    }
    by_name: dict[str, Any] = {span.name: span for span in spans}
    assert by_name[placed].attributes["order.id"] == by_name[executed].attributes["order.id"] == order
    assert by_name["order submitted"].attributes["order.next"] == "confirmed"
    assert by_name["POST /api/orders/execute"].attributes["http.response.status_code"] == 202
    services = {name: span.resource.attributes["service.name"] for name, span in by_name.items()}
    assert (services[placed], services[executed]) == ("order-engine-api", "order-engine-worker")
    logged = [vars(record) for record in caplog.records if record.getMessage() == "order confirmed"]
    assert [line["request"] for line in logged] == ["mine-1"]  # without the trace, which has a field of its own


async def test_every_attempt_of_an_order_is_in_the_trace_of_its_request(traced: Engine, collector: Collector) -> None:
    await traced.start_worker(retry_base_seconds=0.01)
    await traced.http.post("/test/dlq", headers=GIVEN)  # its venue is always unavailable
    attempts: list[Any] = await collector.named("execute order", 3)
    assert [span.attributes["order.attempt"] for span in attempts] == [1, 2, 3]
    assert {span.context.trace_id for span in attempts} == {int(TRACE, 16)}
    assert [span.status.is_ok for span in attempts] == [True, True, False]
    assert attempts[-1].status.description == "venue_unavailable"


async def test_the_orders_of_a_group_have_the_trace_and_a_request_that_is_not_recorded_has_none(
    traced: Engine, collector: Collector
) -> None:
    assert (await traced.http.post("/api/order-groups", json=OCO, headers=GIVEN)).status_code == 202
    carried = await traced.postgres.fetch("SELECT DISTINCT request_id FROM orders")
    assert len(carried) == 1
    assert re.fullmatch(f"mine-1/00-{TRACE}-[0-9a-f]{{16}}-01", carried[0][0])
    before = len(collector.spans)
    unsampled = GIVEN | {"traceparent": f"00-{TRACE}-{CALLER}-00"}
    order = (await traced.http.post("/api/orders/execute", json=SELL_SOL, headers=unsampled)).json()["orderId"]
    assert await traced.postgres.fetchval("SELECT request_id FROM orders WHERE id = $1", order) == "mine-1"
    assert len(collector.spans) == before
    for broken in ("00-0-0-01", "\u00fc", "x" * 5000):
        headers = [(b"traceparent", broken.encode("latin-1"))]
        answer = await traced.http.get("/api/limits", headers=headers)
        assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-0[13]", answer.headers["traceparent"]), broken
    assert (await traced.http.get("/health/live")).headers.get("traceparent") is None


def test_a_line_of_the_log_has_the_trace_it_belongs_to(collector: Collector) -> None:
    lines, spans = WithTrace(JsonLines()), tracing.Tracing("test", sample=1, processor=collector.processor(""))
    record = logging.makeLogRecord({"msg": "hello", "order": "7"})
    assert "trace" not in orjson.loads(lines.format(record))
    with spans.span("a", {}, parent=GIVEN["traceparent"]):
        assert orjson.loads(lines.format(record)) | {"trace": TRACE, "order": "7"} == orjson.loads(lines.format(record))


async def test_tracing_that_is_off_takes_no_part(engine: Engine) -> None:
    assert isinstance(create_app(engine.settings).build_middleware_stack(), RequestLog)
    async with open_context(engine.settings) as ctx:
        assert (type(ctx.intake), type(ctx.changes)) == (Intake, Changes)
    assert "traceparent" not in (await engine.http.get("/api/limits", headers=GIVEN)).headers


@pytest.mark.parametrize(
    ("module", "libraries"),
    [("app.main", ("opentelemetry.sdk", "opentelemetry.exporter")), ("worker.main", ("opentelemetry",))],
)
def test_tracing_that_is_off_imports_nothing(module: str, libraries: tuple[str, ...]) -> None:
    """FastAPI itself imports the interface of OpenTelemetry into the API."""
    code = f"import sys, {module}; print(*(name for name in sys.modules if name.startswith({libraries!r})))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_an_endpoint_is_a_url_and_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"TRACING_ENDPOINT: .*must be a URL"):
        load(tracing_endpoint="collector:4318")
    monkeypatch.setattr("app.settings.find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"pip install 'order-execution-engine\[tracing\]'"):
        load(tracing_endpoint=ENDPOINT)
