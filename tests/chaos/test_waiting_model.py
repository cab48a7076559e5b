"""A slice of the battery's rows about orders that wait: one random book, beside the model of it."""

import asyncio
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from app.orders.waiting import plans, statements, trailing
from app.watcher.main import watcher
from tests.chaos.waiting.books import BLOCK_MS, SwingingBook
from tests.chaos.waiting.comparison import compare
from tests.chaos.waiting.model import LATE
from tests.chaos.waiting.orders import COMMIT
from tests.chaos.waiting.planted_bugs import BUGS
from tests.chaos.waiting.runs import trade
from tests.engine import running_engine

CHANGED = [
    (plans, "SLICE"),
    *((statements, name) for name in ("FIRE", "FIRE_THESE", "FIRE_QUOTED")),
    *((trailing, name) for name in ("FIRE", "FIRE_THESE")),
    (trailing.TrailingStops, "follow"),
]
STALL = timedelta(seconds=0.25)
SEED, EACH, SLOTS, PLANS, SNIPERS, QUIET = 20, 70, 10, 1, 6, 0.3


@dataclass(frozen=True)
class Trading:
    base_url: str
    db: asyncpg.Pool


async def test_each_planted_bug_still_finds_the_statements_that_it_changes(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    try:
        for plant in BUGS.values():
            with monkeypatch.context() as undone:
                for module, name in CHANGED:
                    undone.setattr(module, name, getattr(module, name))
                plant()
                changed = [*statements.FIRE.values(), *statements.FIRE_THESE.values(), statements.FIRE_QUOTED]
                for sql in (*changed, plans.SLICE, trailing.FIRE, trailing.FIRE_THESE):
                    await connection.prepare(sql)
    finally:
        await connection.close()


@pytest.mark.usefixtures("primed_queue")
async def test_every_order_of_a_random_book_does_what_the_model_says(postgres_dsn: str, redis_dsn: str) -> None:
    pace = {"mock_block_ms": BLOCK_MS, "mock_execution_ms_max": 300, "min_slice_seconds": 1}
    book, stalls = SwingingBook(("SOL", "USDC"), random.Random(SEED)), list[tuple[datetime, datetime]]()
    async with running_engine(postgres_dsn, redis_dsn, **pace) as engine:

        async def notice_stalls() -> None:
            """Other tests share the machine: while it stands still an order may be late."""
            began = datetime.now(UTC)
            await asyncio.sleep(0.05)
            await engine.postgres.fetchval("SELECT 1")
            if datetime.now(UTC) - began > STALL:
                stalls.append((began - COMMIT, datetime.now(UTC) + LATE))

        await engine.start_worker()
        async with watcher(engine.settings):
            trading = Trading(engine.base_url, engine.postgres)
            much = {"each": EACH, "slots": SLOTS, "plans": PLANS, "snipers": SNIPERS}
            triggers = await trade(trading, [book], **much, quiet=QUIET, meanwhile=notice_stalls)
            found = await compare(engine.postgres, [book], triggers, stalls)
    assert not any(found.problems.values()), str(found)
    assert found.fired >= EACH // 4, str(found)
