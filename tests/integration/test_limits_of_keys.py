"""Risk limits that a key has for itself."""

import asyncio
from typing import Any

import pytest
import typer.testing

from app.access import key_commands
from app.cli import main
from tests.engine import eventually, running_engine
from tests.fakes import ScriptedChain, ScriptedVenue
from tests.integration.test_access import PRODUCTION, new_key, trust_test_servers
from tests.integration.test_risk_limits import SELL_USDC, limits_of, sell

pytestmark = pytest.mark.usefixtures("primed_queue")


async def test_a_key_may_have_limits_of_its_own(
    postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust_test_servers(monkeypatch)
    own: dict[str, dict[str, Any]] = {
        "small": {"max_order_usd": 10},
        "free": {"max_order_usd": 0, "max_daily_usd": 500},
        "usual": {},
    }
    made = {name: await new_key(postgres_dsn, "me", **limits) for name, limits in own.items()}
    async with running_engine(postgres_dsn, redis_dsn, **PRODUCTION, max_order_usd=100, max_daily_usd=300) as engine:

        async def sell_as(who: str, usdc: int) -> int:
            headers = {"Authorization": f"Bearer {made[who]}"}
            body = SELL_USDC | {"amount": usdc}
            return (await engine.http.post("/api/orders/execute", json=body, headers=headers)).status_code

        assert [await sell_as("small", usdc) for usdc in (11, 10)] == [422, 202]
        assert [await sell_as("usual", usdc) for usdc in (101, 100)] == [422, 202]
        assert [await sell_as("free", usdc) for usdc in (391, 390)] == [429, 202]  # the day is the owner's
        assert await sell_as("usual", 1) == 429
        told = {name: await limits_of(engine, headers={"X-API-Key": key}) for name, key in made.items()}
        assert {name: (one["risk"]["maxOrderUsd"], one["risk"]["maxDailyUsd"]) for name, one in told.items()} == {
            "small": (10, 300),
            "free": (None, 500),
            "usual": (100, 300),
        }

        # The worker knows the limit of the key: the settings alone would refuse the order of 390 USD.
        chain = ScriptedChain()
        await engine.start_worker(venues=[ScriptedVenue("raydium", [10**9])], chain=chain, max_order_usd=100)
        free = await engine.postgres.fetchval("SELECT id FROM orders WHERE max_order_usd = 0")

        async def ended() -> str | None:
            status: str = await engine.postgres.fetchval("SELECT status FROM orders WHERE id = $1", free)
            return status if status in ("confirmed", "failed") else None

        assert await eventually(ended) == "confirmed"


async def test_the_limits_show_what_is_left_of_the_quota_and_take_nothing(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, api_max_orders_per_min=5, max_order_usd=0) as engine:
        assert (await limits_of(engine))["orders"] == {"perMinute": 5, "left": 5}
        await sell(engine, 1)
        assert (await limits_of(engine))["orders"]["left"] == (await limits_of(engine))["orders"]["left"] == 4
        told = await limits_of(engine)
        assert told["streams"] == {"maxOpen": 1_000, "open": 0}
        assert told["maxUnderWay"] == 100_000


async def test_the_command_gives_a_key_limits_and_lists_them(postgres_dsn: str) -> None:
    await asyncio.to_thread(key_commands.create, postgres_dsn, "usual", operator=False)
    await asyncio.to_thread(
        key_commands.create, postgres_dsn, "own", operator=False, max_order_usd=50_000, max_daily_usd=0
    )
    usual, own = await asyncio.to_thread(key_commands.list_keys, postgres_dsn)
    assert usual.endswith("  usual")
    assert own.endswith("  own  order 50000 USD  day unlimited")
    asked = typer.testing.CliRunner().invoke(main, ["keys", "create", "--owner", "me", "--max-order-usd", "-1"])
    assert asked.exit_code == 2
    assert "--max-order-usd" in asked.output
