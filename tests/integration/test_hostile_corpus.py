"""Fuzzing (P6): any request works or gets a problem document, never a 5xx, and never an echo of a value.

The number of cases comes from the hypothesis profile (tests/conftest.py). The server is a real `engine api` process,
once with each log format.
"""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.acceptance.stack import ENGINE, environment, eventually, free_port
from tests.integration import hostile, hostile_client, hostile_lines
from tests.integration.hostile import MARKER, UNKNOWN, repeated_values
from tests.integration.hostile_client import HANDSHAKE, Answer, parse_answer, send_request
from tests.no_tls import NO_TLS
from tests.servers import Databases

SETTINGS = settings(suppress_health_check=list(HealthCheck))
GETS = [
    b"/api/orders",
    b"/api/quotes",
    b"/api/orders/execute",
    b"/api/dlq/failed-orders",
    b"/api/dlq/stats",
    b"/api/queue",
]
GETS += [b"/api/orders/%b%b" % (UNKNOWN.encode(), rest) for rest in (b"", b"/events", b"/history", b"/status", b"/ws")]
SOCKETS = [
    b"/api/orders/execute",
    b"/api/stream",
    b"/order/" + UNKNOWN.encode(),
    b"/api/orders/%b/ws" % UNKNOWN.encode(),
]


@dataclass(frozen=True)
class Process:
    port: int
    log: Path


@pytest.fixture(scope="module", params=["json", "console"])
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    servers = request.getfixturevalue("servers")
    made: Databases = request.getfixturevalue("databases")
    home, port = tmp_path_factory.mktemp("hostile"), free_port()
    log = home / "log"
    dsn = made.create()
    chosen = environment(home, DATABASE_URL=dsn, REDIS_URL=servers.redis, PORT=str(port), LOG_FORMAT=request.param)
    chosen |= {"API_MAX_ORDERS_PER_MIN": "0", "API_MAX_READS_PER_MIN": "0"}
    with log.open("wb") as output:
        process = subprocess.Popen([*ENGINE, "api"], cwd="/", env=chosen, stdout=output, stderr=output)
    try:
        eventually(lambda: is_up(port))
        yield Process(port, log)
        assert process.poll() is None, "the engine died"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        made.drop(dsn)
    assert_log_is_clean(log.read_text(), request.param)


def is_up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/live", verify=NO_TLS).is_success
    except httpx.HTTPError:
        return False


def assert_log_is_clean(log: str, form: str) -> None:
    lines = log.splitlines()
    assert len(lines) > 50
    for line in lines:
        assert MARKER not in line
        assert line.isprintable(), line
        if form == "json":
            assert json.loads(line)["level"] in ("info", "warning"), line
        else:
            assert re.match(r"\d\d:\d\d:\d\d\.\d{3} (INFO|WARNING) ", line), line


def assert_works_or_problem(answer: Answer | None, *, method: bytes = b"") -> None:
    assert answer is not None
    assert answer.status < 500, answer.raw
    if answer.status < 400:
        return
    if method == b"HEAD":
        return
    assert answer.headers["content-type"] == "application/problem+json", answer.raw
    problem = json.loads(answer.body)
    assert MARKER.lower() not in (repeated_values(problem) + str(answer.headers)).lower()
    assert problem["status"] == answer.status
    assert problem["requestId"]


@SETTINGS
@given(st.data())
def test_bodies(api: Process, data: st.DataObject) -> None:
    path, fields = data.draw(st.sampled_from(hostile.BODIES))
    body = data.draw(hostile.mutated(fields if data.draw(st.integers(0, 5)) else hostile.SIDE_BODY))
    kind = data.draw(
        st.sampled_from([b"application/json"] * 8 + [b"text/plain", b"application/json; charset=utf-16", b"\xff"])
    )
    assert_works_or_problem(
        send_request(api.port, b"POST", path.encode(), [(b"Host", b"localhost"), (b"Content-Type", kind)], body)
    )


@SETTINGS
@given(path=st.sampled_from(GETS), query=hostile_lines.QUERIES)
def test_queries(api: Process, path: bytes, query: bytes) -> None:
    assert_works_or_problem(send_request(api.port, b"GET", path + b"?" + query, [(b"Host", b"localhost")]))


@SETTINGS
@given(
    method=hostile_lines.METHODS,
    segments=st.lists(
        st.sampled_from([b"api", b"orders", b"web", b"docs", b"order", b"dlq"]) | hostile_lines.WORDS, max_size=4
    ),
)
def test_paths(api: Process, method: bytes, segments: list[bytes]) -> None:
    assert_works_or_problem(
        send_request(api.port, method, b"/" + b"/".join(segments), [(b"Host", b"localhost")]), method=method
    )


@SETTINGS
@given(
    path=st.sampled_from([*GETS, b"/health", b"/api/orders/execute"]),
    headers=hostile_lines.HEADERS,
    place=st.booleans(),
)
def test_headers(api: Process, path: bytes, headers: list[tuple[bytes, bytes]], place: bool) -> None:
    if place:
        body = b'{"tokenIn":"SOL","tokenOut":"USDC","amount":1}'
        assert_works_or_problem(send_request(api.port, b"POST", b"/api/orders/execute", headers, body))
    else:
        assert_works_or_problem(send_request(api.port, b"GET", path, headers))


@SETTINGS
@given(path=st.sampled_from(SOCKETS), query=hostile_lines.QUERIES, frames=st.lists(hostile.FRAMES, max_size=5))
def test_sockets(api: Process, path: bytes, query: bytes, frames: list[bytes]) -> None:
    head, rest = hostile_client.talk(api.port, path + b"?" + query, HANDSHAKE, frames)
    if not head.startswith(b"HTTP/1.1 101 "):
        return assert_works_or_problem(parse_answer(head, rest))
    received = hostile_client.parse_frames(rest)
    for opcode, payload in received:
        if opcode == 1:
            assert json.loads(payload)["type"] in ("error", "subscribed")
        if opcode != 10:  # a pong repeats its ping
            assert MARKER.encode() not in payload
    # 0: the close frame was lost, because the connection was reset before the engine had read everything.
    codes = {int.from_bytes(payload[:2]) for opcode, payload in received if opcode == 8}
    assert codes <= {0, 1000, 1002, 1003, 1007, 1009, 4400, 4401, 4404}


@SETTINGS
@given(path=st.sampled_from(SOCKETS), headers=hostile_lines.HEADERS, omitted=st.sets(st.integers(0, 4), max_size=2))
@example(path=SOCKETS[1], headers=[(b"Sec-WebSocket-Version", MARKER.encode())], omitted={2})
@example(path=SOCKETS[1], headers=[(b"Sec-WebSocket-Key", MARKER.encode())], omitted={4})
def test_handshakes(api: Process, path: bytes, headers: list[tuple[bytes, bytes]], omitted: set[int]) -> None:
    usual = [header for at, header in enumerate(HANDSHAKE) if at not in omitted]
    head, rest = hostile_client.talk(api.port, path, usual + headers, [])
    if not head.startswith(b"HTTP/1.1 101 "):
        assert_works_or_problem(parse_answer(head, rest))
