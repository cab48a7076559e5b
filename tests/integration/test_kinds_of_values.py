"""A value of each kind in each field of each body: it is refused or taken, and what was taken can be read."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from tests.engine import Engine
from tests.integration.test_order_groups import BRACKET, OCO
from tests.integration.test_repeats import SNIPER
from tests.integration.test_slices import DCA
from tests.integration.test_waiting_orders import LIMIT, STOP

# As JSON: lists and objects cannot be keys of a dict, and the first and last moments overflow in UTC.
KINDS = (
    *("null", "true", "-1", "1e400", "9" * 20, '""', "[]", "{}", "[{}]"),
    *('"0001-01-01T00:00:00+14:00"', '"9999-12-31T23:59:59-12:00"', '"\\ud800"'),
)
FEW = ("9" * 20, "[]", '"\\ud800"', '"9999-12-31T23:59:59-12:00"')
MARKET = {
    **{"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5", "orderType": "market", "slippageBps": 30},
    **{"minAmountOut": "1", "maxPriceImpactBps": 100, "venues": ["raydium"], "expiresInSeconds": 60},
}
ORDERS: tuple[dict[str, Any], ...] = (
    MARKET,
    LIMIT | {"timeInForce": "gtd", "expiresAt": "2027-06-01T00:00:00Z", "acknowledgePrice": True},
    STOP | {"idempotencyKey": "one"},
    SNIPER,
    DCA | {"schedule": DCA["schedule"] | {"startAt": "2027-06-01T00:00:00Z", "onMiss": "skip"}},
    DCA | {"priceBand": {"min": "1", "max": "2"}},
)
POOL = {"venue": "raydium", "symbol": "WIF", "name": "hat", "decimals": 6, "usd": "1", "quote": "SOL", "depthUsd": 5000}
OTHERS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "/api/order-groups", OCO),
    ("POST", "/api/order-groups", BRACKET),
    ("POST", "/api/orders/cancel-all", {"tokenIn": "BONK", "orderType": "dca", "groupId": "none"}),
    ("PATCH", "/api/orders/{order}", {"limitPrice": "200000", "expiresAt": "2027-06-01T00:00:00Z", "slippageBps": 9}),
    ("PUT", "/api/dead-man", {"seconds": 0}),
    ("POST", "/api/simulate/pools", POOL),
    ("POST", "/api/tickets", {"orderId": "none"}),
    ("POST", "/order", {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1, "slippage": 0.01}),
    ("POST", "/api/orders/execute", {"side": "buy", "inputToken": "SOL", "outputToken": "USDC", "amount": 1}),
)
JSON = {"Content-Type": "application/json", "If-Match": "1"}


def changed(body: Any, kind: str) -> Iterator[bytes]:
    """The body with this kind in the place of one value, for each of its values."""
    yield kind.encode()
    if isinstance(body, (dict, list)):
        places = list(body) if isinstance(body, dict) else range(len(body))
        for place in places:
            for inner in changed(body[place], kind):
                copy = body.copy()
                copy[place] = orjson.Fragment(inner)
                yield orjson.dumps(copy)


def every(bodies: Sequence[Any], kinds: Sequence[str]) -> list[Any]:
    return [orjson.Fragment(one) for body in bodies for kind in kinds for one in changed(body, kind)]


async def test_each_kind_of_value_in_an_order_is_refused_or_taken(engine: Engine) -> None:
    orders = every(ORDERS, KINDS)
    pages = [orders[n : n + 50] for n in range(0, len(orders), 50)]
    for page in pages:
        content = orjson.dumps({"orders": page})
        answer = await engine.http.post("/api/orders/batch", content=content, headers=JSON)
        assert answer.status_code == 200, answer.text
        for result in answer.json()["results"]:
            assert result.get("code") != "internal_error", result
            if "orderId" in result:
                assert (await engine.http.get(f"/api/orders/{result['orderId']}")).status_code == 200


async def test_each_kind_of_value_in_another_body_is_refused_or_taken(engine: Engine) -> None:
    order = (await engine.place(**LIMIT))["orderId"]
    for method, path, body in OTHERS:
        for content in every([body], FEW):
            answer = await engine.http.request(
                method, path.format(order=order), content=orjson.dumps(content), headers=JSON
            )
            assert answer.status_code < 500, (content, answer.text)
