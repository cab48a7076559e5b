"""The repeat of an accepted request is answered with what it made, whatever refuses a new one now."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import orjson
import pytest

from app import main
from app.api.orders import lifetime, waiting
from app.dex.chain import FoundSwap, Outcome
from app.dex.markets import Markets, Token
from app.dex.simulated.launches import mint_of
from app.network import open_network
from app.orders.memo import Memos
from app.orders.model import new_order_id
from app.orders.reconciling.compared import ComparedSwaps
from tests.engine import SELL_SOL, Engine, running_engine
from worker.found_swaps import Fillings, unmatched_swap

pytestmark = pytest.mark.usefixtures("primed_queue")

URL, GROUPS = "/api/orders/execute", "/api/order-groups"
SOON = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
PAIR: dict[str, Any] = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5"}
PROFIT: dict[str, Any] = {**PAIR, "orderType": "take_profit", "trigger": {"price": "160"}}
STOP: dict[str, Any] = {**PAIR, "orderType": "stop", "trigger": {"price": "140"}}
EASY_STOP: dict[str, Any] = {**STOP, "trigger": {"price": "1"}}
OCO: dict[str, Any] = {"type": "oco", "legs": [PROFIT, STOP]}
SNIPER: dict[str, Any] = {
    **{"tokenIn": "SOL", "tokenOut": mint_of("WIF"), "amount": "1", "orderType": "sniper", "limitPrice": "500"},
    "trigger": {"event": "pool_created", "venue": "raydium", "minDepthUsd": "20000"},
}
ENTRY: dict[str, Any] = {"tokenIn": "USDC", "tokenOut": "SOL", "amount": "150", "limitPrice": "0.0069"}
BRACKET: dict[str, Any] = {
    "type": "bracket",
    "entry": ENTRY,
    "takeProfit": {"price": "160"},
    "stopLoss": {"price": "130"},
}


@dataclass
class Now:
    """The market and the clock of the API."""

    price: Decimal = Decimal(150)
    usd: int = 1_000_000_000
    moment: datetime = field(default_factory=lambda: datetime.now(UTC))

    def mids(self, token_in: Token, token_out: Token, _: int) -> dict[str, Decimal]:
        price = self.price if token_in.symbol == "SOL" else 1 / self.price
        return {"raydium": price, "meteora": price}

    def now(self, _: Any) -> datetime:
        return self.moment


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Now:
    now = Now()
    for module in (waiting, lifetime):
        monkeypatch.setattr(module, "datetime", now)
    monkeypatch.setattr(
        main, "open_network", lambda settings: replace(open_network(settings), mids=now.mids, usd=lambda *_: now.usd)
    )
    return now


@pytest.fixture
async def moving(postgres_dsn: str, redis_dsn: str, now: Now) -> AsyncIterator[Engine]:
    async with running_engine(postgres_dsn, redis_dsn) as engine:
        yield engine


MET = Now(price=Decimal(170))
LATER = Now(moment=datetime.now(UTC) + timedelta(hours=2))
REFUSED: dict[str, tuple[dict[str, Any], Now, str]] = {
    "the price has reached the trigger": (PROFIT, MET, "would_trigger_immediately"),
    "the price has left the band": (
        {**PAIR, "orderType": "limit", "limitPrice": "149"},
        Now(price=Decimal(200)),
        "price_band",
    ),
    "a market order has expired": ({**PAIR, "expiresAt": SOON}, LATER, "invalid_order"),
    "it has expired": ({**STOP, "expiresAt": SOON}, LATER, "invalid_order"),
    "it has expired before the launch": ({**SNIPER, "expiresAt": SOON}, LATER, "invalid_order"),
    "it has begun": (
        {**PAIR, "orderType": "dca", "schedule": {"slices": 2, "everySeconds": 60, "startAt": SOON}},
        LATER,
        "invalid_order",
    ),
    "the token is worth less": (STOP, Now(usd=1), "min_notional"),
}


async def over_socket(engine: Engine, body: dict[str, Any], key: str) -> dict[str, Any]:
    async with asyncio.timeout(5), engine.socket(URL) as ws:
        await ws.send(orjson.dumps(body | {"idempotencyKey": key}).decode())
        answer: dict[str, Any] = orjson.loads(await ws.recv())
        return answer


async def in_batch(engine: Engine, body: dict[str, Any], key: str) -> dict[str, Any]:
    answer = await engine.http.post("/api/orders/batch", json={"orders": [body | {"idempotencyKey": key}]})
    found: dict[str, Any] = answer.json()
    return found["results"][0] if "results" in found else found


async def alone(engine: Engine, body: dict[str, Any], key: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await engine.http.post(URL, json=body, headers={"Idempotency-Key": key})).json()
    return answer


async def post_group(engine: Engine, body: dict[str, Any], key: str) -> httpx.Response:
    return await engine.http.post(GROUPS, json=body, headers={"Idempotency-Key": key})


@pytest.mark.parametrize(("body", "then", "code"), REFUSED.values(), ids=REFUSED)
async def test_an_order_is_found_by_its_key_when(
    moving: Engine, now: Now, body: dict[str, Any], then: Now, code: str
) -> None:
    first = await alone(moving, body, "first")
    vars(now).update(vars(then))
    for again in (alone, in_batch, over_socket):
        repeat = await again(moving, body, "first")
        assert repeat["idempotent"]
        assert (repeat["orderId"], repeat["status"]) == (first["orderId"], first["status"])
        assert ("trigger" in repeat, "schedule" in repeat) == ("trigger" in first, "schedule" in first)
        assert (await again(moving, body, "second"))["code"] == code
        assert (await again(moving, {**body, "amount": "2"}, "first"))["code"] == "key_reused"


@pytest.mark.parametrize(
    ("body", "then", "code"),
    [
        (OCO, MET, "would_trigger_immediately"),
        ({**BRACKET, "entry": {**ENTRY, "limitPrice": "0.0066"}}, Now(price=Decimal(100)), "price_band"),
        ({**BRACKET, "entry": {**ENTRY, "expiresAt": SOON}}, LATER, "invalid_order"),
    ],
)
async def test_a_group_is_found_by_its_key_when_a_new_one_is_refused(
    moving: Engine, now: Now, body: dict[str, Any], then: Now, code: str
) -> None:
    first = (await post_group(moving, body, "first")).json()
    vars(now).update(vars(then))
    repeat = await post_group(moving, body, "first")
    assert (repeat.status_code, repeat.json()["groupId"]) == (200, first["groupId"])
    assert [order["orderId"] for order in repeat.json()["orders"]] == [order["orderId"] for order in first["orders"]]
    assert (await post_group(moving, body, "second")).json()["code"] == code


async def test_groups_and_batches_are_found_by_their_keys_while_nothing_new_is_accepted(
    postgres_dsn: str, redis_dsn: str, now: Now
) -> None:
    items = [SELL_SOL | {"idempotencyKey": "known"}, SELL_SOL, SELL_SOL | {"idempotencyKey": "new"}]
    async with running_engine(postgres_dsn, redis_dsn, max_daily_usd=2_500) as engine:
        order = (await in_batch(engine, SELL_SOL, "known"))["orderId"]
        group = (await post_group(engine, OCO, "group")).json()["groupId"]
        assert (await post_group(engine, OCO, "other")).json()["code"] == "risk_limit"
        assert (await post_group(engine, OCO, "group")).json()["groupId"] == group
        for state in ("reducing", "halted"):
            await engine.http.put("/api/kill-switch", json={"state": state, "reason": "a test"})
            assert (await post_group(engine, OCO, "group")).json()["groupId"] == group
            assert (await post_group(engine, OCO, "other")).status_code == 503
            results = (await engine.http.post("/api/orders/batch", json={"orders": items})).json()["results"]
            assert [one.get("orderId") or one["code"] for one in results] == [order, *[f"trading_{state}"] * 2]
            refused = await engine.http.post("/api/orders/batch", json={"orders": items[1:]})
            assert (refused.status_code, refused.json()["code"]) == (503, f"trading_{state}")
        assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 3


async def test_one_key_is_one_request_of_an_order_or_of_a_group(engine: Engine) -> None:
    limit = {**PAIR, "orderType": "limit", "limitPrice": "100000"}
    bodies: dict[str, Any] = {
        "order": limit,
        "group": {"type": "oco", "legs": [{**PROFIT, "trigger": {"price": "100000"}}, EASY_STOP]},
    }
    await alone(engine, bodies["order"], "order")
    await post_group(engine, bodies["group"], "group")
    rows = "SELECT count(*) FROM orders", "SELECT count(*) FROM order_groups", "SELECT count(*) FROM triggers"
    assert [await engine.postgres.fetchval(sql) for sql in rows] == [3, 1, 3]
    assert (await post_group(engine, bodies["group"], "order")).json()["code"] == "key_reused"
    for body in (limit, *bodies["group"]["legs"]):  # also in the words of its legs
        assert (await alone(engine, body, "group"))["code"] == "key_reused"
        assert (await in_batch(engine, body, "group"))["code"] == "key_reused"
    assert [await engine.postgres.fetchval(sql) for sql in rows] == [3, 1, 3]


async def test_an_order_and_a_group_that_race_for_a_key_are_never_both_made(engine: Engine) -> None:
    group = {"type": "oco", "legs": [{**PROFIT, "trigger": {"price": "100000"}}, EASY_STOP]}
    await asyncio.gather(
        *(asyncio.gather(alone(engine, SELL_SOL, str(n)), post_group(engine, group, str(n))) for n in range(10))
    )
    groups = await engine.postgres.fetchval("SELECT count(*) FROM order_groups")
    orders = await engine.postgres.fetchval("SELECT count(*) FROM orders")
    assert orders == 10 + groups  # two of a group in the place of one


async def test_a_repeat_is_not_called_wrong_while_nobody_knows_what_it_made(
    moving: Engine, now: Now, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal that is final would tell the client that there is no order."""
    await alone(moving, PROFIT, "first")
    now.price = MET.price
    monkeypatch.setattr("app.orders.store.placing.PLACED_BEFORE", "SELECT pg_terminate_backend(pg_backend_pid()), $1")
    assert (await alone(moving, PROFIT, "first"))["code"] == "database_unavailable"


async def forget(engine: Engine, key: str) -> None:
    """An order with this key was filled, and the database was restored since."""
    swap = FoundSwap(
        memo=f"{new_order_id()} {Memos.of(engine.settings).tag('local', key)}",
        signature="the-transaction",
        at=datetime.now(UTC).timestamp(),
        outcome=Outcome("landed", 0, 200_000_000),
        venue="raydium",
        token_in="SOL",
        token_out="USDC",
        amount_in=1_500_000_000,
    )
    filling = Fillings(Markets.load()).of(swap)
    assert await ComparedSwaps(engine.postgres).note([unmatched_swap(swap, None, filling)])


async def test_no_repeat_of_a_forgotten_order_that_was_filled_is_told_that_nothing_was_placed(engine: Engine) -> None:
    await forget(engine, "first")
    await engine.http.put("/api/kill-switch", json={"state": "halted", "reason": "restored"})
    for send in (alone, in_batch):
        answer = await send(engine, PAIR, "first")
        assert (answer["code"], answer["retryable"]) == ("order_forgotten", True)
        assert "the-transaction" in answer["detail"]
    assert (await alone(engine, {**PAIR, "amount": "2"}, "first"))["code"] == "key_reused"
    assert (await alone(engine, PAIR, "second"))["code"] == "trading_halted"
    await engine.http.put("/api/kill-switch", json={"state": "active", "reason": "a test"})
    late = await alone(engine, {**PAIR, "expiresAt": "2026-01-01T00:00:00Z"}, "first")
    assert (late["code"], late["retryable"]) == ("order_forgotten", False)
    again = await alone(engine, PAIR, "first")
    assert (again["status"], again["idempotent"]) == ("confirmed", True)
