"""Schemathesis: valid and invalid requests get the answers in the OpenAPI document, and never a 5xx (P6)."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.engine import Engine

CONFIG = Path(__file__).with_name("schemathesis.toml")
SEED = "1"  # the same cases each time, so that a failure comes from a change; try other seeds by hand


@pytest.mark.slow
async def test_schemathesis_finds_no_undocumented_answer(engine: Engine, tmp_path: Path) -> None:
    """With all its checks, and in all its phases."""
    await engine.start_worker(retry_base_seconds=0.01)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"]
    command += [f"{engine.base_url}/openapi.json", "--no-color", "--continue-on-failure"]
    command += ["--seed", SEED, "--request-timeout", "10", "--generation-database", "none", "--max-time", "30"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output = (await asyncio.wait_for(process.communicate(), 90))[0].decode()
    assert process.returncode == 0, output
    cases = re.search(r"(\d+) generated", output)
    assert cases, output
    assert int(cases[1]) > 300, output
    print(cases[0], "cases")


async def test_the_owner_filter_of_dead_letters_is_validated(engine: Engine) -> None:
    """Found by schemathesis: a NUL in `owner` caused a 500."""
    for path, method in (("failed-orders", "GET"), ("stats", "GET"), ("clear", "DELETE"), ("clear/failed", "DELETE")):
        for owner in ("%00", "a%00", "a%0a", "", "x" * 65, "%ff"):
            answer = await engine.http.request(method, f"/api/dlq/{path}?owner={owner}")
            assert answer.status_code == 422, (path, owner)
        assert (await engine.http.request(method, f"/api/dlq/{path}?owner=local")).status_code == 200


async def test_an_endless_body_is_refused_as_soon_as_it_is_too_large(engine: Engine) -> None:
    """A client that sends a GiB in chunks gets its answer after 8 KiB, not at the end."""
    reader, writer = await asyncio.open_connection(engine.http.base_url.host, engine.http.base_url.port)
    sent, chunk = 0, b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    answer = asyncio.create_task(reader.read(12))
    try:
        writer.write(b"POST /api/orders/batch HTTP/1.1\r\nHost: localhost\r\n")
        writer.write(b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
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
