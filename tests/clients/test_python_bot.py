"""The bot of the Python client's README."""

import asyncio
import signal
import sys
from pathlib import Path

from tests.acceptance.stack import free_port
from tests.clients.bots import (
    CLIENTS,
    left_by_an_earlier_run,
    logs_a_webhook_for_each_step,
    printed_bot,
    running,
    starts_over,
    webhooks_of,
)
from tests.engine import Engine

PATH = str(CLIENTS / "python")


async def test_the_bot_of_the_readme_logs_a_webhook_for_each_step(engine: Engine, tmp_path: Path) -> None:
    program = printed_bot("python", "python", free_port())
    async with running(engine, sys.executable, "-c", program, cwd=tmp_path, PYTHONPATH=PATH) as bot:
        await logs_a_webhook_for_each_step(engine, bot)


async def test_the_bot_replaces_what_a_killed_run_left_and_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    port, url = await left_by_an_earlier_run(engine)
    program = printed_bot("python", "python", port)
    async with running(engine, sys.executable, "-c", program, cwd=tmp_path, PYTHONPATH=PATH) as bot:
        await starts_over(engine, bot, url)
        bot.send_signal(signal.SIGINT)
        await asyncio.wait_for(bot.communicate(), 60)
    assert await webhooks_of(engine) == []
