"""Whatever the OpenAPI document allows, and whatever it does not, is answered as it says, and never with a 5xx (P6)."""

import asyncio
import re
import sys
from pathlib import Path

from tests.engine import Engine

CONFIG = Path(__file__).with_name("schemathesis.toml")
SECONDS = 12
SEED = "1"  # the same cases each time, so that a red run is about a change; another seed by hand


async def test_schemathesis_finds_no_answer_that_the_document_does_not_promise(
    engine: Engine, primed_queue: None, tmp_path: Path
) -> None:
    """All its checks, its stateful links too; a few seconds of them. More: --max-time, by hand, against `make up`."""
    await engine.start_worker(retry_base_seconds=0.01)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"]
    command += [f"{engine.base_url}/openapi.json", "--no-color", "--continue-on-failure"]
    command += ["--seed", SEED, "--max-time", str(SECONDS), "--request-timeout", "10", "--generation-database", "none"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    told = (await asyncio.wait_for(process.communicate(), 90))[0].decode()
    assert process.returncode == 0, told
    cases = re.search(r"(\d+) generated", told)
    assert cases, told
    assert int(cases[1]) > 100, told
    print(cases[0], "cases")


async def test_the_owner_of_dead_letters_is_a_name(engine: Engine) -> None:
    """What schemathesis found: a NUL in it was a 500."""
    for path, method in (("failed-orders", "GET"), ("stats", "GET"), ("clear", "DELETE"), ("clear/failed", "DELETE")):
        for owner in ("%00", "a%00", "a%0a", "", "x" * 65, "%ff"):
            answer = await engine.http.request(method, f"/api/dlq/{path}?owner={owner}")
            assert answer.status_code == 422, (path, owner)
        assert (await engine.http.request(method, f"/api/dlq/{path}?owner=local")).status_code == 200


async def test_a_body_without_an_end_is_refused_as_soon_as_it_is_too_large(engine: Engine) -> None:
    """A client that means to send a GiB in chunks is answered after 64 KiB, not at the end."""
    reader, writer = await asyncio.open_connection(engine.http.base_url.host, engine.http.base_url.port)
    sent, chunk = 0, b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    answer = asyncio.create_task(reader.read(12))
    try:
        writer.write(b"POST /api/orders/batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        async with asyncio.timeout(10):
            while not answer.done() and sent < 1 << 30:
                writer.write(chunk)
                await writer.drain()
                sent += 0x4000
                await asyncio.sleep(0)
            assert await answer == b"HTTP/1.1 413"
    finally:
        writer.close()
    assert sent < 8 << 20
