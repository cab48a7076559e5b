"""The bots of both languages: each places a bracket order, and logs its webhooks while the price falls and rises."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from app.watcher.main import watcher
from tests.acceptance.stack import free_port
from tests.engine import Engine, eventually

CLIENTS = Path(__file__).resolve().parents[2] / "clients"
BOTS = {
    "python": ("python/examples/bot.py", [sys.executable, "-u", "-c"]),
    "typescript": ("typescript/examples/bot.ts", ["node", "--input-type=module-typescript", "--eval"]),
}


async def moved(engine: Engine, price: str) -> None:
    body = {"tokenIn": "SOL", "tokenOut": "USDC", "price": price}
    assert (await engine.http.post("/api/simulate/market", json=body)).status_code == 200


@pytest.mark.parametrize("language", BOTS)
async def test_a_bot_of_thirty_lines_logs_a_webhook_for_each_step(engine: Engine, language: str) -> None:
    file, command = BOTS[language]
    source = (CLIENTS / file).read_text()
    assert len([line for line in source.splitlines() if line.strip()]) <= 30
    await engine.start_worker()
    bot = await asyncio.create_subprocess_exec(
        *command,
        source.replace("8000", str(free_port())),
        cwd=CLIENTS / language,
        env=os.environ | {"PYTHONPATH": str(CLIENTS / "python"), "ENGINE_URL": engine.base_url},
        stdout=asyncio.subprocess.PIPE,
    )

    async def statuses() -> list[str]:
        orders = (await engine.http.get("/api/orders")).json()["orders"]
        return sorted(order["status"] for order in orders)

    async def are(expected: list[str]) -> bool:
        return await statuses() == expected

    async with watcher(engine.settings):
        await eventually(lambda: are(["open"] * 3), within=30)
        await moved(engine, "140")  # the entry is bought
        await eventually(lambda: are(["confirmed", "open", "open"]), within=30)
        await moved(engine, "190")  # and sold at a profit
        output = (await asyncio.wait_for(bot.communicate(), 60))[0].decode()
    assert bot.returncode == 0, output
    assert re.findall(r"^event 2 (\w+)", output, re.MULTILINE)[-1] == "cancelled"
    logged = set(re.findall(r"order\.(\w+)", output))
    assert logged >= {"open", "pending", "routing", "building", "submitted", "confirmed"}, output
