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
    engine: Engine, primed_line: None, tmp_path: Path
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
