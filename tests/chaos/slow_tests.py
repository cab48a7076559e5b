"""The tests that `make test` leaves out or runs with few examples, at full length."""

import asyncio
import random
import re
import sys

from tests.chaos.environment import CLONE, Environment

# Tests with random examples; tests/conftest.py has the numbers of both profiles.
PROPERTIES = (
    "tests/unit/dex/test_curve_properties.py",
    "tests/integration/test_hostile_corpus.py",
    "tests/integration/test_lifecycle_walk.py",
)


async def marked_slow(env: Environment, _: random.Random) -> tuple[str, bool]:
    await env.clear()
    return await _pytest("-m", "slow")


async def many_examples(env: Environment, rng: random.Random) -> tuple[str, bool]:
    await env.clear()
    seed = rng.randrange(1 << 32)
    return await _pytest("--hypothesis-profile=thorough", f"--hypothesis-seed={seed}", *PROPERTIES)


async def _pytest(*selection: str) -> tuple[str, bool]:
    """The summary of pytest, or all its output if a test failed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pytest", "-q", *selection, cwd=CLONE, stdout=asyncio.subprocess.PIPE
    )
    output = (await process.communicate())[0].decode()
    summary = re.search(r"^(\d+ (?:passed|failed).*?)(?:, \d+ deselected)? in ", output, re.MULTILINE)
    if process.returncode == 0 and summary:
        return summary[1], True
    return f"{summary[1] if summary else 'no result'}\n{output}", False
