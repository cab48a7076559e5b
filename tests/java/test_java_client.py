"""Java's own HTTP client, with its defaults, places an order and receives its events to the end. Needs a JDK."""

import asyncio
from pathlib import Path

from tests.engine import HAPPY, Engine

PROGRAM = Path(__file__).with_name("PlaceOrder.java")


async def test_a_java_client_places_an_order_and_hears_it_to_the_end(engine: Engine) -> None:
    await engine.start_worker()
    process = await asyncio.create_subprocess_exec(
        "java", str(PROGRAM), engine.base_url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
    assert process.returncode == 0, output
    assert output.split("\n") == ["202 HTTP_1_1", *HAPPY, "1000", ""]
