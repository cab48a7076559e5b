"""The load: so many requests at once on connections that stay open, each an exact number of bytes made beforehand.

It has to be cheaper than anything it measures, so it speaks HTTP by hand and reads of an answer only what it must.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

PATIENCE = 120.0  # seconds without the end of a run


class TooSlow(Exception):
    """A run did not end in its time."""


def request(port: int, path: str, body: str) -> bytes:
    kind = "content-type: application/json\r\n"
    return f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{kind}content-length: {len(body)}\r\n\r\n{body}".encode()


class Run:
    """`count` requests, each sent when an answer made room for it."""

    def __init__(self, request: bytes, count: int) -> None:
        self.request = request
        self.left = count
        self.waiting = count
        self.statuses: Counter[bytes] = Counter()
        self.seconds: list[float] = []
        self.done = asyncio.get_running_loop().create_future()

    def answered(self, status: bytes, took: float) -> None:
        self.statuses[status] += 1
        self.seconds.append(took)
        self.waiting -= 1
        if not self.waiting and not self.done.done():
            self.done.set_result(None)

    def broke(self, why: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(why)


class Connection(asyncio.Protocol):
    """One request in flight at a time."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._read = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def send(self) -> None:
        if self._run.left and self._transport:
            self._run.left -= 1
            self._sent_at = time.perf_counter()
            self._transport.write(self._run.request)

    def data_received(self, data: bytes) -> None:
        self._read = data = self._read + data if self._read else data
        head = data.find(b"\r\n\r\n")
        if head < 0 or len(data) < head + 4 + length(data, head):
            return
        self._read = b""
        self._run.answered(data[9:12], time.perf_counter() - self._sent_at)
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._run.waiting:
            self._run.broke(exc or ConnectionError("the server closed a connection"))


def length(answer: bytes, head: int) -> int:
    """The length of the body, from whatever spelling the server has."""
    for name in (b"content-length: ", b"Content-Length: "):
        begins = answer.find(name, 0, head)
        if begins >= 0:
            begins += len(name)
            return int(answer[begins : answer.index(b"\r\n", begins)])
    raise ValueError("an answer without a content-length")


async def post(port: int, path: str, body: str, count: int, in_flight: int) -> dict[str, Any]:
    """What the answers were, how fast they came, and what this cost here."""
    run = Run(request(port, path, body), count)
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(lambda: Connection(run), "127.0.0.1", port) for _ in range(in_flight)]
    cpu, began_at, began = time.process_time(), time.time(), time.perf_counter()
    for _, connection in opened:
        connection.send()
    try:
        async with asyncio.timeout(PATIENCE):
            await run.done
    except TimeoutError:
        raise TooSlow(f"{run.waiting} of {count} requests were not answered in {PATIENCE:.0f} s") from None
    seconds = time.perf_counter() - began
    cpu = time.process_time() - cpu
    for transport, _ in opened:
        transport.close()
    return {
        "began_at": began_at,
        "per_second": count / seconds,
        "p50_ms": percentile(run.seconds, 50) * 1000,
        "p99_ms": percentile(run.seconds, 99) * 1000,
        "cpu_us": cpu / count * 1e6,
        "statuses": {status.decode(): seen for status, seen in run.statuses.items()},
    }


def percentile(samples: Sequence[float], percent: float) -> float:
    """Exact: the smallest sample that is not below so many percent of them."""
    ranked = sorted(samples)
    return ranked[max(0, -(-len(ranked) * int(percent * 100) // 10_000) - 1)]
