"""The load tool: keeps a number of requests in flight on open connections. Each request is bytes prepared beforehand.

It has to cost less than the systems it measures. So it speaks just enough HTTP, and parses only what it needs of an
answer.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, cast

TIMEOUT_SECONDS = 120.0  # for a whole run


class TooSlow(Exception):
    """A run did not end in time."""


def request(port: int, path: str, body: str, caller: str = "") -> bytes:
    """`caller`: a header line with a key."""
    kind = f"{caller}content-type: application/json\r\n"
    return f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{kind}content-length: {len(body)}\r\n\r\n{body}".encode()


class Connection(asyncio.Protocol):
    """One request in flight at a time. `answered` gets the status and the body."""

    def __init__(self, answered: "Callable[[Connection, bytes, bytes], None]", lost: Callable[[], None]) -> None:
        self._answered = answered
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._read = b""
        self.request = b""  # of its caller
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transport does not inherit from it

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self) -> None:
        assert self._transport
        self.sent_at = time.perf_counter()
        self._transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self._read = data = self._read + data if self._read else data
        head = data.find(b"\r\n\r\n")
        if head < 0 or len(data) < head + 4 + length(data, head):
            return
        self._read = b""
        self._answered(self, data[9:12], data[head + 4 :])

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost()

    def close(self) -> None:
        if self._transport:
            self._transport.close()


def length(answer: bytes, head: int) -> int:
    """The length of the body, in either spelling of the header."""
    for name in (b"content-length: ", b"Content-Length: "):
        begins = answer.find(name, 0, head)
        if begins >= 0:
            begins += len(name)
            return int(answer[begins : answer.index(b"\r\n", begins)])
    raise ValueError("an answer without a content-length")


class Run:
    """`count` requests. Each answer makes room for the next one."""

    def __init__(self, requests: Sequence[bytes], count: int) -> None:
        self.requests = requests  # the connections take turns with them
        self._left = count
        self.waiting = count
        self.statuses: Counter[bytes] = Counter()
        self.seconds: list[float] = []
        self.bodies: list[bytes] | None = None
        self.done = asyncio.get_running_loop().create_future()

    def next(self, connection: Connection) -> None:
        if self._left:
            self._left -= 1
            connection.send()

    def answered(self, connection: Connection, status: bytes, body: bytes) -> None:
        self.seconds.append(time.perf_counter() - connection.sent_at)
        self.next(connection)
        self.statuses[status] += 1
        if self.bodies is not None:
            self.bodies.append(body)
        self.waiting -= 1
        if not self.waiting and not self.done.done():
            self.done.set_result(None)

    def lost(self) -> None:
        if self.waiting and not self.done.done():
            self.done.set_exception(ConnectionError("the server closed a connection"))


async def perform(run: Run, port: int, in_flight: int) -> float:
    """Run it to its end and return the seconds it took."""
    loop = asyncio.get_running_loop()
    opened = []
    for number in range(in_flight):
        _, connection = await loop.create_connection(lambda: Connection(run.answered, run.lost), "127.0.0.1", port)
        connection.request = run.requests[number % len(run.requests)]
        opened.append(connection)
    began = time.perf_counter()
    for connection in opened:
        run.next(connection)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await run.done
    except TimeoutError:
        raise TooSlow(f"{run.waiting} requests were not answered in {TIMEOUT_SECONDS:.0f} s") from None
    took = time.perf_counter() - began
    for connection in opened:
        connection.close()
    return took


async def post(port: int, path: str, body: str, count: int, in_flight: int, callers: list[str]) -> dict[str, Any]:
    """Statuses, rate and latency of the answers, and the processor time of the load tool."""
    run = Run([request(port, path, body, caller) for caller in callers or [""]], count)
    cpu, began_at = time.process_time(), time.time()
    seconds = await perform(run, port, in_flight)
    return {
        "began_at": began_at,
        "per_second": count / seconds,
        "p50_ms": percentile(run.seconds, 50) * 1000,
        "p99_ms": percentile(run.seconds, 99) * 1000,
        "cpu_us": (time.process_time() - cpu) / count * 1e6,
        "statuses": {status.decode(): seen for status, seen in run.statuses.items()},
    }


async def get(port: int, path: str, count: int, caller: str) -> dict[str, Any]:
    """One request at a time."""
    run = Run([f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{caller}\r\n".encode()], count)
    run.bodies = []
    await perform(run, port, 1)
    statuses = {status.decode(): seen for status, seen in run.statuses.items()}
    return {"p50_ms": percentile(run.seconds, 50) * 1000, "statuses": statuses, "last": run.bodies[-1].decode()}


def percentile(samples: Sequence[float], percent: float) -> float:
    """Exact: the smallest sample that is at least as large as this share of all samples."""
    ranked = sorted(samples)
    return ranked[max(0, -(-len(ranked) * int(percent * 100) // 10_000) - 1)]
