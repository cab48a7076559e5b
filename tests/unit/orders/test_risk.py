"""Which of several orders exceed a risk limit."""

from typing import Any

from app.orders.model import PlaceOrder, new_order_id
from app.orders.risk import UNITS, RiskLimits, beyond_limits, most_used


def order(usd: int | None, owner: str = "me", **own: Any) -> PlaceOrder:
    return PlaceOrder(
        id=new_order_id(),
        owner=owner,
        type="market",
        token_in="SOL",
        token_out="USDC",
        amount_in=1,
        slippage_bps=50,
        usd_value=None if usd is None else usd * UNITS,
        fingerprint=b"",
        request_id="-",
        **own,
    )


def refused(orders: list[PlaceOrder], limits: RiskLimits, **used: int) -> list[int]:
    """The places of the orders that exceed a limit."""
    beyond = beyond_limits(orders, limits, {owner: usd * UNITS for owner, usd in used.items()})
    return [place for place, one in enumerate(orders) if one.id in beyond]


def test_an_order_may_be_worth_exactly_its_limit() -> None:
    limits = RiskLimits(order_usd=100)
    assert refused([order(100), order(101), order(100)], limits) == [1]
    assert refused([order(10**12)], RiskLimits()) == []


def test_orders_take_from_the_day_of_their_owner_one_after_the_other() -> None:
    limits = RiskLimits(daily_usd=100)
    assert refused([order(60), order(60), order(40), order(1)], limits) == [1, 3]
    assert refused([order(60), order(60, owner="you")], limits) == []
    assert refused([order(60), order(60, owner="you")], limits, me=41, you=40) == [0]


def test_an_order_that_is_too_large_by_itself_takes_nothing_from_the_day() -> None:
    assert refused([order(90), order(50)], RiskLimits(order_usd=50, daily_usd=100)) == [0]


def test_the_limits_of_a_key_replace_the_usual_ones() -> None:
    limits = RiskLimits(order_usd=100, daily_usd=150)
    own = [
        order(200, max_order_usd=300, max_daily_usd=0),
        order(20, max_order_usd=10),
        order(90, owner="you", max_daily_usd=80),
        order(10**9, max_order_usd=0, max_daily_usd=0),
    ]
    assert refused(own, limits) == [1, 2]


def test_without_a_price_an_order_is_refused_as_soon_as_there_is_a_limit() -> None:
    assert refused([order(None)], RiskLimits()) == []
    assert refused([order(None)], RiskLimits(order_usd=100)) == [0]
    assert refused([order(None)], RiskLimits(daily_usd=100)) == [0]


def most(orders: list[PlaceOrder], limits: RiskLimits, **used: int) -> dict[str, int]:
    """In dollars."""
    known = {owner: usd * UNITS for owner, usd in used.items()}
    return {
        owner: usd // UNITS
        for owner, usd in most_used(orders, limits, beyond_limits(orders, limits, known), known).items()
    }


def test_orders_are_within_a_day_as_long_as_no_more_was_used_than_they_leave() -> None:
    limits = RiskLimits(daily_usd=100)
    assert most([order(60), order(10), order(20, owner="you")], limits) == {"me": 30, "you": 80}
    assert most([order(60), order(10, max_daily_usd=65)], limits, me=0) == {"me": 40}  # the second is beyond
    assert most([order(5), order(10, max_daily_usd=20)], limits) == {"me": 5}
    assert most([order(10**9, max_daily_usd=0)], limits) == {}
    assert most([order(60)], RiskLimits(order_usd=100)) == {}


def test_what_a_day_has_left_for_a_smaller_order_is_not_known_until_its_use_is() -> None:
    limits = RiskLimits(daily_usd=100)
    assert most([order(101), order(10), order(20, owner="you")], limits) == {"me": -1, "you": 80}
    assert most([order(101), order(10)], limits, me=20) == {"me": 90}
    assert most([order(101)], RiskLimits(order_usd=100, daily_usd=200)) == {}
