"""What a sniper may look like, and that a key places one."""

from typing import Any

import pytest

from tests.engine import Engine
from tests.integration.test_launches import launch
from tests.integration.test_snipers import MINT, SNIPER, TRIGGER
from tests.integration.test_waiting_orders import refused

pytestmark = pytest.mark.usefixtures("primed_queue")


async def test_the_same_key_places_one_sniper_also_after_the_launch(engine: Engine) -> None:
    headers = {"Idempotency-Key": "one"}
    first = await engine.http.post("/api/orders/execute", json=SNIPER, headers=headers)
    await launch(engine)
    again = await engine.http.post("/api/orders/execute", json=SNIPER, headers=headers)
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json()["orderId"] == first.json()["orderId"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"tokenOut": "WIFF"}, "/tokenOut"),
    ({"tokenOut": MINT[:-1] + "0"}, "/tokenOut"),  # not in the alphabet
    ({"tokenOut": "1" * 31}, "/tokenOut"),  # 31 bytes
    ({"tokenOut": "SOL"}, "/tokenOut"),
    ({"limitPrice": None}, "/limitPrice"),
    ({"limitPrice": "0"}, "/limitPrice"),
    ({"trigger": {}}, "/trigger/event"),
    ({"trigger": {"event": "liquidity"}}, "/trigger/minDepthUsd"),
    ({"trigger": TRIGGER | {"minDepthUsd": "-1"}}, "/trigger/minDepthUsd"),
    ({"trigger": TRIGGER | {"venue": "raydum"}}, "/trigger/venue"),
    ({"trigger": TRIGGER | {"venue": "raydium"}, "venues": ["meteora"]}, "/trigger/venue"),
    ({"trigger": TRIGGER | {"mint": MINT}}, "/trigger/mint"),
    ({"timeInForce": "ioc"}, "/timeInForce"),
    ({"expiresAt": "2020-01-01T00:00:00Z"}, "/expiresAt"),
    ({"minAmountOut": "1"}, "/minAmountOut"),
    ({"amount": "0.0000000001"}, "/amount"),
    ({"orderType": "market", "limitPrice": None, "trigger": None}, "/tokenOut"),
]


async def test_what_is_wrong_is_named(engine: Engine) -> None:
    for fields, pointer in WRONG:
        body = {name: value for name, value in (SNIPER | fields).items() if value is not None}
        status, _, pointers = await refused(engine, body)
        assert (status, pointers) == (422, [pointer]), fields


async def test_a_sniper_worth_too_little_is_refused(engine: Engine) -> None:
    assert (await refused(engine, SNIPER | {"amount": "0.001"}))[1] == "min_notional"
