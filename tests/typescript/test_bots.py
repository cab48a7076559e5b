"""The bot of the TypeScript client's README, in a folder as `npm init` makes it. Needs Node 22.18 or newer."""

import asyncio
import signal
from pathlib import Path

import pytest

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


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "package.json").write_text('{"name": "bot", "type": "commonjs"}')
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "order-execution-client").symlink_to(CLIENTS / "typescript")
    return tmp_path


async def test_the_bot_of_the_readme_logs_a_webhook_for_each_step(engine: Engine, project: Path) -> None:
    (project / "bot.mts").write_text(printed_bot("typescript", "ts", free_port()))
    async with running(engine, "node", "bot.mts", cwd=project) as bot:
        await logs_a_webhook_for_each_step(engine, bot)


async def test_the_bot_replaces_what_a_killed_run_left_and_leaves_nothing(engine: Engine, project: Path) -> None:
    port, url = await left_by_an_earlier_run(engine)
    (project / "bot.mts").write_text(printed_bot("typescript", "ts", port))
    async with running(engine, "node", "bot.mts", cwd=project) as bot:
        await starts_over(engine, bot, url)
        bot.send_signal(signal.SIGINT)
        await asyncio.wait_for(bot.communicate(), 60)
    assert await webhooks_of(engine) == []
