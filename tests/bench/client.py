"""The client process: reads one JSON command a line and answers each with one line of JSON.

`Client` is the benchmark's end of the pipe; run as a module, this is the process.
"""

import asyncio
import contextlib
import gc
import json
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

CLONE = Path(__file__).resolve().parents[2]
MAX_BYTES = 1 << 24  # in an answer
FAILED = "failed"


class ClientFailed(Exception):
    """The client process reported an error."""


class Client:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def call(self, command: str, **arguments: Any) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(json.dumps({"command": command, **arguments}).encode() + b"\n")
        await stdin.drain()
        line = await stdout.readline()
        if not line:
            raise ClientFailed(f"the client process ended during {command}")
        answer: dict[str, Any] = json.loads(line)
        if FAILED in answer:
            raise ClientFailed(f"{command}: {answer[FAILED]}")
        return answer


@contextlib.asynccontextmanager
async def client() -> AsyncIterator[Client]:
    """The process ends when its stdin is closed, so it also ends when the benchmark is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.client",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=CLONE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        start_new_session=True,
        limit=MAX_BYTES,
    )
    try:
        yield Client(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def serve_commands() -> None:
    from tests.bench import latency, load, redis_load, socket_clients

    commands: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
        "post": load.post,
        "get": load.get,
        "idle": latency.idle,
        "live": latency.live,
        "set": redis_load.set_all,
        "place": socket_clients.place,
        "open": socket_clients.open_all,
        "wait": socket_clients.wait,
    }
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=MAX_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        arguments = json.loads(line)
        try:
            answer = await commands[arguments.pop("command")](**arguments)
        except Exception as error:
            answer = {FAILED: f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


def main() -> None:
    import uvloop

    gc.disable()  # a collection would stop thousands of sockets, and count as delay of the system that is measured
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, contextlib.suppress(KeyboardInterrupt):
        runner.run(serve_commands())


if __name__ == "__main__":
    main()
