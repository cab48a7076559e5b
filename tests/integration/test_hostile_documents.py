"""Whatever the OpenAPI document allows, and whatever it does not, is answered as it says, and never with a 5xx (P6)."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.engine import Engine

CONFIG = Path(__file__).with_name("schemathesis.toml")
SEED = "1"  # the same cases each time, so that a red run is about a change; another seed by hand


QUICK = ["--phases", "examples,fuzzing", "--max-examples", "1", "--max-time", "8"]
FULL = ["--max-time", "30"]


@pytest.mark.parametrize(
    ("extent", "min_cases"),
    [pytest.param(QUICK, 50, id="quick"), pytest.param(FULL, 300, id="full", marks=pytest.mark.slow)],
)
async def test_schemathesis_finds_no_answer_that_the_document_does_not_promise(
    engine: Engine, tmp_path: Path, extent: list[str], min_cases: int
) -> None:
    """With all its checks; in full with its coverage and stateful phases too."""
    await engine.start_worker(retry_base_seconds=0.01)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run"]
    command += [f"{engine.base_url}/openapi.json", "--no-color", "--continue-on-failure"]
    command += ["--seed", SEED, "--request-timeout", "10", "--generation-database", "none", *extent]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    told = (await asyncio.wait_for(process.communicate(), 90))[0].decode()
    assert process.returncode == 0, told
    cases = re.search(r"(\d+) generated", told)
    assert cases, told
    assert int(cases[1]) > min_cases, told
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
