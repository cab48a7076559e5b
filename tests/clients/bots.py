"""The bot that a README prints, run as a program beside an engine that trades."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from app.watcher.main import watcher
from tests.acceptance.stack import free_port
from tests.engine import Engine, eventually

CLIENTS = Path(__file__).resolve().parents[2] / "clients"


def printed_bot(language: str, block: str, port: int) -> str:
    """The last program of the README. Only the port is another one, so that tests can run beside each other."""
    readme = (CLIENTS / language / "README.md").read_text()
    bot: str = re.findall(rf"^```{block}\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)[-1]
    return bot.replace("8000", str(port))


@asynccontextmanager
async def running(engine: Engine, *command: str, cwd: Path, **env: str) -> AsyncIterator[asyncio.subprocess.Process]:
    bot = await asyncio.create_subprocess_exec(
        *command,
        cwd=cwd,
        env=os.environ | env | {"ENGINE_URL": engine.base_url},
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    try:
        yield bot
    finally:
        if bot.returncode is None:
            bot.kill()
            await bot.wait()


async def moved(engine: Engine, price: str) -> None:
    body = {"tokenIn": "SOL", "tokenOut": "USDC", "price": price}
    assert (await engine.http.post("/api/simulate/market", json=body)).status_code == 200


async def have_statuses(engine: Engine, expected: list[str]) -> None:
    async def have() -> bool:
        orders = (await engine.http.get("/api/orders")).json()["orders"]
        return sorted(order["status"] for order in orders) == expected

    await eventually(have, within=30)


async def webhooks_of(engine: Engine) -> list[str]:
    return [webhook["url"] for webhook in (await engine.http.get("/api/webhooks")).json()["webhooks"]]


async def logs_a_webhook_for_each_step(engine: Engine, bot: asyncio.subprocess.Process) -> None:
    """Its bracket is bought, and sold at a profit. It has printed a webhook of each event of the three orders."""
    await engine.start_worker()
    async with watcher(engine.settings):
        await have_statuses(engine, ["open"] * 3)
        await moved(engine, "140")  # the entry is bought
        await have_statuses(engine, ["confirmed", "open", "open"])
        await moved(engine, "190")  # and sold at a profit
        output = (await asyncio.wait_for(bot.communicate(), 90))[0].decode()
    assert bot.returncode == 0, output
    orders = (await engine.http.get("/api/orders")).json()["orders"]
    assert sorted(order["status"] for order in orders) == ["cancelled", "confirmed", "confirmed"]
    happened = {(order["orderId"], seq) for order in orders for seq in range(1, order["seq"] + 1)}
    logged = re.findall(r"orderId'?: '([0-9a-f-]+)',\s+'?seq'?: (\d+)", output)
    assert {(order, int(seq)) for order, seq in logged} == happened, output
    assert await webhooks_of(engine) == []


async def starts_over(engine: Engine, bot: asyncio.subprocess.Process, url: str) -> None:
    """`url`: where an earlier run had its webhook, which is still there."""
    await have_statuses(engine, ["open"] * 3)
    assert await webhooks_of(engine) == [url]
    forged = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,bm90aGluZw=="}
    assert (await engine.http.post(url, json={}, headers=forged)).status_code == 400
    assert bot.returncode is None


async def left_by_an_earlier_run(engine: Engine) -> tuple[int, str]:
    """The port of the bot that is to start, and its URL, for which there is a webhook already."""
    port = free_port()
    url = f"http://localhost:{port}/"
    assert (await engine.http.post("/api/webhooks", json={"url": url})).status_code == 201
    return port, url
