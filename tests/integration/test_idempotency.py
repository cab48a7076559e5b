"""One idempotency key places one order, even if many requests race."""

import asyncio
import hashlib
import json

from tests.engine import SELL_SOL, Engine, running_engine


async def test_fifty_racing_posts_with_one_key_place_one_order(engine: Engine) -> None:
    answers = await asyncio.gather(*(engine.place(key="race") for _ in range(50)))
    assert len({answer["orderId"] for answer in answers}) == 1
    assert [answer["idempotent"] for answer in answers].count(False) == 1
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 1
    assert await engine.postgres.fetchval("SELECT count(*) FROM order_events") == 1


async def test_the_same_key_and_body_return_the_current_order(engine: Engine) -> None:
    await engine.start_worker()
    first = await engine.place(key="again")
    await engine.read_stream(first["orderId"])
    answer = await engine.http.post("/api/orders/execute", json=SELL_SOL, headers={"x-idempotency-key": "again"})
    assert answer.status_code == 200
    assert answer.json()["orderId"] == first["orderId"]
    assert answer.json()["status"] == "confirmed"
    assert answer.json()["idempotent"] is True
    assert answer.json()["createdAt"] == first["createdAt"]


async def test_a_repeat_is_answered_with_its_order_also_while_new_orders_are_refused(
    postgres_dsn: str, redis_dsn: str
) -> None:
    async with running_engine(postgres_dsn, redis_dsn, api_max_orders_per_min=1) as engine:
        order = (await engine.place(key="first"))["orderId"]

        async def answers() -> list[tuple[int, str]]:
            tried = (("first", SELL_SOL), ("first", SELL_SOL | {"amount": 2}), ("second", SELL_SOL))
            found = [
                await engine.http.post("/api/orders/execute", json=body, headers={"Idempotency-Key": key})
                for key, body in tried
            ]
            return [(one.status_code, one.json().get("orderId") or one.json()["code"]) for one in found]

        repeated = [(200, order), (422, "key_reused")]
        assert await answers() == [*repeated, (429, "too_many_orders")]
        await engine.http.put("/api/kill-switch", json={"state": "halted", "reason": "a test"})
        assert await answers() == [*repeated, (503, "trading_halted")]
        assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 1


async def test_a_body_with_the_same_meaning_counts_as_the_same(engine: Engine) -> None:
    first = await engine.place(key="written", amount=1.5, venues=["raydium", "meteora"])
    mint = "So11111111111111111111111111111111111111112"
    second = await engine.place(
        key="written", amount="1.50", tokenIn=mint, venues=["meteora", "raydium", "meteora"], slippageBps=None
    )
    assert second["orderId"] == first["orderId"]


async def test_a_retry_after_the_default_slippage_has_changed_returns_the_same_order(
    postgres_dsn: str, redis_dsn: str
) -> None:
    async with running_engine(postgres_dsn, redis_dsn, default_slippage_bps=50) as engine:
        first = await engine.place(key="retried")
    async with running_engine(postgres_dsn, redis_dsn, default_slippage_bps=70) as engine:
        assert (await engine.place(key="retried"))["orderId"] == first["orderId"]
        for said in ({"slippageBps": 50}, {"slippageBps": 70}, {"expiresInSeconds": 300}):
            answer = await engine.http.post(
                "/api/orders/execute", json=SELL_SOL | said, headers={"Idempotency-Key": "retried"}
            )
            assert answer.json()["code"] == "key_reused", said


async def test_a_retry_of_an_order_that_the_first_version_placed_returns_it(engine: Engine) -> None:
    first = await engine.place(key="upgraded")
    # The fingerprint that the first version stored: of all fields, with the defaults filled in.
    fields = {
        "type": "market",
        "token_in": "SOL",
        "token_out": "USDC",
        "amount_in": 1_500_000_000,
        "slippage_bps": 50,
        "min_amount_out": None,
        "max_price_impact_bps": None,
        "venues": None,
        "expires_in_seconds": 300,
        "client_order_id": None,
    }
    stored = hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).digest()
    await engine.postgres.execute("UPDATE orders SET fingerprint = $1", stored)
    assert (await engine.place(key="upgraded"))["orderId"] == first["orderId"]
    other = await engine.http.post(
        "/api/orders/execute", json=SELL_SOL | {"amount": 2}, headers={"Idempotency-Key": "upgraded"}
    )
    assert other.json()["code"] == "key_reused"


async def test_the_same_key_for_another_body_is_refused(engine: Engine) -> None:
    await engine.place(key="taken")
    answer = await engine.http.post(
        "/api/orders/execute", json=SELL_SOL | {"amount": 2}, headers={"Idempotency-Key": "taken"}
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "key_reused"


async def test_without_a_key_each_request_places_an_order(engine: Engine) -> None:
    answers = await asyncio.gather(*(engine.place() for _ in range(20)))
    assert len({answer["orderId"] for answer in answers}) == 20


async def test_a_batch_with_a_repeated_key_places_one_order(engine: Engine) -> None:
    item = SELL_SOL | {"idempotencyKey": "twice"}
    answer = await engine.http.post("/api/orders/batch", json={"orders": [item, item]})
    first, second = answer.json()["results"]
    assert first["orderId"] == second["orderId"]
    assert {first["idempotent"], second["idempotent"]} == {True, False}
