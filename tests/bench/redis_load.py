"""The rate of SETs that Redis reaches here: written and counted without a client library."""

import asyncio
import time
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit

SECONDS = 1.0


class SetConnection(asyncio.Protocol):
    """One connection that keeps a fixed number of commands in flight."""

    def __init__(self, password: str, number: int, pipelined: int) -> None:
        self._auth = f"AUTH {password}\r\n".encode()
        key, value = f"bench:{number}", "x" * 64
        self._command = f"*3\r\n$3\r\nSET\r\n${len(key)}\r\n{key}\r\n${len(value)}\r\n{value}\r\n".encode()
        self._pipelined = pipelined
        self.done = -1  # the answer to AUTH does not count

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._auth + self._command * self._pipelined)

    def data_received(self, data: bytes) -> None:
        answered = data.count(b"\n")
        self.done += answered
        self._transport.write(self._command * answered)

    def close(self) -> None:
        self._transport.abort()


def _identity(setter: SetConnection) -> SetConnection:
    return setter


async def set_all(url: str, connections: int, pipelined: int) -> dict[str, Any]:
    at, loop = urlsplit(url), asyncio.get_running_loop()
    protocols = [SetConnection(at.password or "", number, pipelined) for number in range(connections)]
    for setter in protocols:
        await loop.create_connection(partial(_identity, setter), "127.0.0.1", at.port or 6379)
    began, before = time.perf_counter(), sum(setter.done for setter in protocols)
    await asyncio.sleep(SECONDS)
    done = sum(setter.done for setter in protocols) - before
    took = time.perf_counter() - began
    for setter in protocols:
        setter.close()
    return {"per_second": done / took}
