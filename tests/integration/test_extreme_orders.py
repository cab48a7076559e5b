"""Orders with values at the edge of what can be stored or shown are refused, or shown; never an error of the engine."""

from typing import Any

import pytest

from app.api import validation
from app.api.routes import place_order
from tests.engine import SELL_SOL, Engine, running_engine

OFFSETS = ("+16:00", "-23:59")


async def test_a_price_that_is_astronomically_far_is_shown_as_the_greatest_number(engine: Engine) -> None:
    far = {"trailBps": 500, "activationPrice": "99999999999999999999"}
    placed = await engine.place(orderType="trailing_stop", trigger=far)
    order = await engine.order(placed["orderId"])
    assert order["trigger"]["distanceBps"] == 2**53 - 1
    listed = (await engine.http.get("/api/orders")).json()
    assert [one["orderId"] for one in listed["orders"]] == [placed["orderId"]]


@pytest.mark.parametrize("offset", OFFSETS)
async def test_a_moment_with_an_offset_that_no_place_has_is_refused_by_name(engine: Engine, offset: str) -> None:
    moment = f"2027-01-31T12:00:00{offset}"
    limit = SELL_SOL | {"orderType": "limit", "limitPrice": "400", "acknowledgePrice": True, "expiresAt": moment}
    plan = SELL_SOL | {"orderType": "dca", "schedule": {"slices": 2, "everySeconds": 60, "startAt": moment}}
    for asked, field in (
        (limit, "/expiresAt"),
        (plan, "/schedule/startAt"),
        (SELL_SOL | {"expiresAt": moment}, "/expiresAt"),
    ):
        answer = await engine.http.post("/api/orders/execute", json=asked)
        assert answer.status_code == 422, answer.text
        assert [one["pointer"] for one in answer.json()["errors"]] == [field]


async def test_seconds_since_1970_are_no_moment_as_text_either(engine: Engine) -> None:
    answer = await engine.http.post("/api/orders/execute", json=SELL_SOL | {"expiresAt": "1800000000"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/expiresAt")


async def test_an_unforeseen_error_of_one_order_leaves_the_others_of_the_batch_their_answers(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = validation.to_order

    def failing(body: Any, *rest: Any, at: str, **more: Any) -> Any:
        if at == "/orders/1":
            raise OverflowError
        return real(body, *rest, at=at, **more)

    monkeypatch.setattr(place_order, "to_order", failing)
    answer = await engine.http.post("/api/orders/batch", json={"orders": [SELL_SOL] * 3})
    results = answer.json()["results"]
    assert answer.status_code == 200
    assert [one.get("code") or one["status"] for one in results] == ["pending", "internal_error", "pending"]


async def test_the_exits_of_a_bracket_count_for_the_day_what_the_entry_may_bring(
    postgres_dsn: str, redis_dsn: str
) -> None:
    async with running_engine(postgres_dsn, redis_dsn, max_daily_usd=10_000) as engine:
        entry = {"tokenIn": "USDC", "tokenOut": "SOL", "amount": "6000", "limitPrice": "0.0000012"}
        bracket = {
            "type": "bracket",
            "entry": entry | {"orderType": "limit", "acknowledgePrice": True},
            "takeProfit": {"price": "2000000"},
            "stopLoss": {"price": "800000", "limitPrice": "1"},
        }
        answer = await engine.http.post("/api/order-groups", json=bracket)
        assert (answer.status_code, answer.json()["code"]) == (429, "risk_limit"), answer.text
