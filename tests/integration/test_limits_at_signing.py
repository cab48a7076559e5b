"""Limits that are checked again right before a swap is signed: value of the order and of its day, fees, slippage."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from app.dex.errors import DexError
from app.dex.quotes import PARTS
from app.network import Network, open_network
from app.orders.model import Order
from app.orders.risk import UNITS
from app.orders.signed_swaps import Signed, SignedSwaps
from app.orders.store.reads import OrderReader
from app.orders.waiting.triggers import TriggerStore
from app.settings import load
from tests.engine import Engine, running_engine
from tests.integration.test_orders_of_another_chain import OTHER
from tests.integration.test_slices import DCA
from tests.integration.test_waiting_orders import STOP
from worker import conditions
from worker.risk import RiskChecks

pytestmark = pytest.mark.usefixtures("primed_queue")

FEE = 105_000  # lamports
PAYS_USDC = {"tokenIn": "USDC", "tokenOut": "SOL"}


def network(**changes: Any) -> Network:
    """The simulated market, as if it were that of a real chain."""
    real: dict[str, Any] = {"chain_id": lambda: OTHER, "max_fee": FEE}
    return replace(open_network(load(_env_file=None)), **real | changes)


def tells(mid: int | None) -> Callable[..., Awaitable[int | None]]:
    async def mid_now(*_: Any) -> int | None:
        return mid and mid * PARTS

    return mid_now


class Told(SignedSwaps):
    """Says this of each day."""

    def __init__(self, signed: Signed) -> None:
        self._told = signed

    async def today(self, chain: str, owner: str) -> Signed:
        return self._told


async def placed(engine: Engine, **fields: Any) -> Order:
    order = await OrderReader(engine.postgres).order(UUID((await engine.place(**fields))["orderId"]), None)
    assert order is not None
    return order


@pytest.mark.parametrize(
    ("signed", "says"),
    [
        (Signed(0, 44 * UNITS, ()), None),  # with 60 more within 100 and the tolerance
        (Signed(0, 46 * UNITS, ()), "today's swaps are worth 106 USD, and the limit is 100 USD"),
        (Signed(0, 46 * UNITS, (50,)), "the limit is 50 USD"),
        (Signed(0, 46 * UNITS, (None, 500)), None),
        (Signed(0, 10**6 * UNITS, (50, 0)), None),
        (Signed(9 * FEE, 0, ()), None),
        (Signed(10 * FEE, 0, ()), "1050000 lamports in fees"),
    ],
)
async def test_the_day_of_the_wallet_has_a_limit(engine: Engine, signed: Signed, says: str | None) -> None:
    settings = load(_env_file=None, max_daily_usd=100, max_daily_fee_lamports=10 * FEE)
    order = await placed(engine, **PAYS_USDC, amount=60)
    check = RiskChecks(network(), settings, Told(signed)).check
    if says is None:
        await check(order, 1)
    else:
        with pytest.raises(DexError, match=f"day_limit: .*{says}"):
            await check(order, 1)


@pytest.mark.parametrize(
    ("mid", "worth", "says"),
    [
        (10_500, 60, None),
        (10_700, 60, "slippage_exceeded: the price rose too far"),
        (None, 60, "venue_unavailable: the price of this pair is not known"),
        (10_000, 106, "risk_limit: the order is now worth 106 USD, and the limit is 100 USD"),
    ],
)
async def test_a_swap_is_compared_with_the_price_once_it_is_signed(
    engine: Engine, mid: int | None, worth: int, says: str | None
) -> None:
    """10,000 were quoted."""
    order = await placed(engine, **PAYS_USDC, amount=60)
    risen = network(mid_now=tells(mid), usd=lambda *_: worth * UNITS, max_deviation_percent=5)
    checks = RiskChecks(risen, load(_env_file=None, max_order_usd=100), Told(Signed(0, 0, ())))
    if says is None:
        assert await checks.value_now(order, 10_000, 1) == worth * UNITS
    else:
        with pytest.raises(DexError, match=says):
            await checks.value_now(order, 10_000, 1)


async def test_an_order_that_waited_waits_for_another_day(engine: Engine) -> None:
    stop = replace(await placed(engine, **STOP), rearms=conditions.MAX_REARMS)  # however often it had to
    for order, waits in ((stop, True), (await placed(engine), False)):
        assert conditions.waits_again(order, "day_limit", is_last=False) is waits


async def test_a_day_that_is_used_up_is_asked_for_again_after_a_quarter_of_an_hour(engine: Engine) -> None:
    used_up, other = await placed(engine, **STOP), await placed(engine, **STOP)
    await engine.postgres.execute("UPDATE orders SET code = 'day_limit' WHERE id = $1", used_up.id)
    seconds = conditions.wait_before(0, "day_limit")
    wait = "UPDATE triggers SET look_at = now() + $1 * interval '1 second'"
    looked = "SELECT order_id FROM triggers WHERE look_at IS NULL"
    for ahead, expected in ((seconds, [other.id]), (seconds + 60, [used_up.id, other.id])):  # set back by a minute
        await engine.postgres.execute(wait, ahead)
        await TriggerStore(engine.postgres, max_age=4.0).look_again()
        assert {row["order_id"] for row in await engine.postgres.fetch(looked)} == set(expected)


async def test_a_key_that_may_not_trade_loosens_no_limit(engine: Engine) -> None:
    key = "INSERT INTO api_keys (owner, prefix, hash, max_daily_usd, read_only, expires_at) VALUES ('ann', $1, $2, {})"
    await engine.postgres.execute(key.format("1000, false, now() + interval '1 day'"), "p1", b"1")
    await engine.postgres.execute(key.format("NULL, true, NULL"), "p2", b"2")
    await engine.postgres.execute(key.format("50000, false, now() - interval '1 day'"), "p3", b"3")
    assert (await SignedSwaps(engine.postgres).today(OTHER, "ann")).limit(10**6) == 1_000


async def test_that_a_key_has_ended_loosens_no_limit_for_its_orders_that_wait(engine: Engine) -> None:
    key = "INSERT INTO api_keys (owner, prefix, hash, max_daily_usd, revoked_at, expires_at) VALUES ('ann', $1, $2, {})"

    async def limit(owner: str = "ann") -> int:
        return (await SignedSwaps(engine.postgres).today(OTHER, owner)).limit(10_000)

    for name, terms, expected in (
        ("expired", "5000, NULL, now() - interval '2 days'", 5_000),
        ("revoked since", "1000, now() - interval '1 day', now() + interval '1 day'", 1_000),
        ("without a limit", "0, now() - interval '1 hour', NULL", 10_000),
        ("higher than the setting", "50000, now() - interval '1 minute', NULL", 10_000),
        ("good", "20000, NULL, NULL", 20_000),
    ):
        await engine.postgres.execute(key.format(terms), name, name.encode())
        assert await limit() == expected, name
    assert await limit("ben") == 10_000


async def test_on_the_simulated_chain_nobody_is_asked(engine: Engine) -> None:
    order = await placed(engine)
    settings = load(_env_file=None, max_daily_usd=1, max_daily_fee_lamports=1)
    await RiskChecks(network(chain_id=lambda: None), settings, Told(Signed(10, 10**9, ()))).check(order, 1)


async def test_no_floor_is_further_below_the_quote_than_the_engine_allows(engine: Engine) -> None:
    order = await placed(engine, slippageBps=10_000)
    for most, floor in ((100, 990_000), (10_000, 0)):
        checks = RiskChecks(network(), load(_env_file=None, max_slippage_bps=most), Told(Signed(0, 0, ())))
        assert checks.floor(order, 10**6) == floor


async def test_an_order_with_more_slippage_than_the_engine_allows_is_refused(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, max_slippage_bps=100) as engine:
        body: dict[str, Any] = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1"}
        for refused in (body | {"slippageBps": 101}, STOP | body, DCA | {"slippageBps": 101}):
            answer = await engine.http.post("/api/orders/execute", json=refused)
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/slippageBps")
        order = (await engine.place(**STOP, slippageBps=100))["orderId"]
        seq = {"If-Match": "1"}
        answer = await engine.http.patch(f"/api/orders/{order}", json={"slippageBps": 101}, headers=seq)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/slippageBps")
