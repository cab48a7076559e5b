"""The clients, in a process of their own: told what to do line by line, answering line by line.

`Client` is how the benchmark holds such a process; run as a module, this is the process.
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
    """What went wrong over there."""


class Client:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, what: str, **told: Any) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(json.dumps({"what": what, **told}).encode() + b"\n")
        await stdin.drain()
        line = await stdout.readline()
        if not line:
            raise ClientFailed(f"the client process ended during {what}")
        answer: dict[str, Any] = json.loads(line)
        if FAILED in answer:
            raise ClientFailed(f"{what}: {answer[FAILED]}")
        return answer


@contextlib.asynccontextmanager
async def client() -> AsyncIterator[Client]:
    """It ends when its stdin does, so also when we are killed."""
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


async def answer_lines() -> None:
    from tests.bench import crowd, listening, load, setting

    can: dict[str, Callable[..., Awaitable[dict[str, Any]]]] = {
        "post": load.post,
        "get": load.get,
        "idle": listening.idle,
        "live": listening.live,
        "set": setting.set_all,
        "place": crowd.place,
        "open": crowd.open_all,
        "hear": crowd.hear,
    }
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader(limit=MAX_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        told = json.loads(line)
        try:
            answer = await can[told.pop("what")](**told)
        except Exception as error:
            answer = {FAILED: f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


def main() -> None:
    import uvloop

    gc.disable()  # or thousands of sockets would now and then stand still here, and it would look like theirs
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, contextlib.suppress(KeyboardInterrupt):
        runner.run(answer_lines())


if __name__ == "__main__":
    main()
