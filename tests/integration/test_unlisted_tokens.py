"""Orders whose token this process does not trade: it was delisted, or launched a moment ago. They stop nobody else."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from app.dex.markets import Token
from tests.engine import Engine
from tests.integration.test_watcher import Market, ended, watching
from tests.waiting import place_limit, place_open, place_trailing

GONE = "GONE", "USDC"


async def test_orders_of_a_token_that_is_not_listed_stop_no_other_pair(engine: Engine) -> None:
    stop = await place_open(engine.postgres, ["151"])
    limit = [await place_limit(engine.postgres, "150", limit_out=1, amount_in=10**9)]
    trailing = await place_trailing(engine.postgres, ["170"], persist=2)
    for op, order_type in (("le", "stop"), ("ge", "take_profit")):
        await place_open(engine.postgres, ["1"], op=op, order_type=order_type, pair=GONE)
    await place_limit(engine.postgres, "1", limit_out=1, pair=GONE)
    await place_trailing(engine.postgres, ["1"], pair=GONE)
    async with watching(engine, Market()):
        for order in stop + limit + trailing:
            await ended(engine, order, "pending")


async def test_a_pair_whose_price_cannot_be_computed_stops_no_other_pair(engine: Engine) -> None:
    class Broken(Market):
        def at(self, token_in: Token, token_out: Token, slot: int) -> Mapping[str, Decimal]:
            if token_in.symbol == "JUP":
                raise ZeroDivisionError
            return super().at(token_in, token_out, slot)

    await place_open(engine.postgres, ["1"], pair=("JUP", "USDC"))
    [order] = await place_open(engine.postgres, ["151"])
    async with watching(engine, Broken()):
        await ended(engine, order, "pending")


@pytest.mark.parametrize("unlisted", ["token_in", "token_out"])
async def test_an_order_of_a_token_that_is_not_listed_is_shown_listed_and_cancelled(
    engine: Engine, unlisted: str
) -> None:
    """Nobody knows its decimals, so amounts of it are null."""
    pair = {"token_in": ("GONE", "USDC"), "token_out": ("SOL", "GONE")}[unlisted]
    [order] = await place_open(engine.postgres, ["140"], owner="local", pair=pair)
    [dca] = await place_open(engine.postgres, ["140"], owner="local", pair=pair, order_type="dca")
    schedule = """'{"schedule": {"slices": 2, "everySeconds": 60}}'"""
    await engine.postgres.execute(f"UPDATE orders SET condition = {schedule} WHERE id = $1", dca)
    amount: dict[str, Any] = {"token_in": None, "token_out": "1.5"}
    for path in (f"/api/orders/{order}", f"/api/orders/{dca}"):
        shown = await engine.http.get(path)
        assert (shown.status_code, shown.json()["amount"]) == (200, amount[unlisted])
    listed = await engine.http.get("/api/orders")
    assert [one["amount"] for one in listed.json()["orders"]] == [amount[unlisted]] * 2
    amended = await engine.http.patch(
        f"/api/orders/{order}", json={"trigger": {"price": "141"}}, headers={"If-Match": "1"}
    )
    assert (amended.status_code, amended.json()["code"]) == (409, "not_amendable")
    cancelled = await engine.http.post(f"/api/orders/{order}/cancel")
    assert (cancelled.status_code, cancelled.json()["amount"]) == (200, amount[unlisted])


async def test_a_dead_letter_of_a_token_that_is_not_listed_is_shown_and_not_retried(engine: Engine) -> None:
    [order] = await place_open(engine.postgres, ["140"], owner="local", order_type="market", pair=("GONE", "USDC"))
    await engine.postgres.execute("UPDATE orders SET status = 'failed', error = 'x', condition = NULL")
    listed = await engine.http.get("/api/dlq/failed-orders")
    assert [one["originalOrder"]["amount"] for one in listed.json()["failedOrders"]] == [None]
    retried = await engine.http.post(f"/api/dlq/{order}/retry")
    assert (retried.status_code, retried.json()["errors"][0]["pointer"]) == (422, "/tokenIn")
