"""What orders wait for, and the least they accept: exact arithmetic."""

from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.orders.conditions import (
    OrderType,
    amount_at,
    compared,
    distance_bps,
    floor_price,
    is_met,
    less,
    price_for,
    trigger_again,
    trigger_of,
)

prices = st.decimals(min_value="0.000000000000000001", max_value="99999999999999999999", places=18)


@given(price=prices, amount=st.integers(1, 2**64 - 1), decimals=st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_a_floor_is_the_least_amount_that_is_not_below_the_price(
    price: D, amount: int, decimals: tuple[int, int]
) -> None:
    floor = amount_at(price, amount, *decimals)
    one_in, one_out = 10 ** decimals[0], 10 ** decimals[1]
    assert Fraction(floor, one_out) >= Fraction(amount, one_in) * Fraction(price)
    assert Fraction(floor - 1, one_out) < Fraction(amount, one_in) * Fraction(price)


@given(price=prices, bps=st.integers(0, 10_000))
def test_a_price_less_a_slippage_is_rounded_up_to_what_the_database_keeps(price: D, bps: int) -> None:
    exact = Fraction(price) * (10_000 - bps) / 10_000
    assert 0 <= Fraction(less(price, bps)) - exact < Fraction(1, 10**18)


def test_a_limit_and_a_take_profit_wait_for_a_rise_and_a_stop_for_a_fall() -> None:
    condition = {"price": "140", "persistSlots": 3}
    limit = trigger_of(OrderType.LIMIT, "SOL/USDC", D(155), {"price": "155"})
    stop, profit = (trigger_of(kind, "SOL/USDC", None, condition) for kind in (OrderType.STOP, OrderType.TAKE_PROFIT))
    assert (limit.op, limit.level, limit.persist) == ("ge", D(155), 0)
    assert (stop.op, stop.level, stop.persist) == ("le", D(140), 3)
    assert (profit.op, profit.level, profit.persist) == ("ge", D(140), 3)
    assert stop.rank < profit.rank
    assert is_met(stop, D(140))
    assert not is_met(stop, D("140.000000000000000001"))
    assert is_met(profit, D(140))
    assert not is_met(profit, D("139.999999999999999999"))


def test_an_order_that_fired_waits_for_a_quote_at_its_floor_and_a_take_profit_for_its_price_too() -> None:
    condition = {"price": "140"}
    due = trigger_again(OrderType.STOP, "SOL/USDC", None, condition, 300)
    assert (due.op, due.level, due.persist) == ("ge", D("135.8"), 0)
    assert trigger_again(OrderType.STOP, "SOL/USDC", D(138), condition, 300).level == D(138)
    for limit_price, level in ((None, D(140)), (D(138), D(140)), (D(100_000), D(100_000))):
        profit = trigger_again(OrderType.TAKE_PROFIT, "SOL/USDC", limit_price, condition, 300)
        assert (profit.op, profit.level, profit.persist, profit.rank) == ("ge", level, 0, 1)


def test_a_limit_price_is_the_worst_price_whatever_the_trigger_says() -> None:
    assert floor_price(D(138), D("140"), 300) == D(138)
    assert floor_price(None, D("140"), 300) == D("135.8")


@pytest.mark.parametrize(
    ("mids", "low", "high"),
    [([5], 5, 5), ([7, 5], 5, 7), ([9, 5, 7], 7, 7), ([5, 6, 8, 9], 6, 8)],
)
def test_one_venue_alone_fires_nothing(mids: list[int], low: int, high: int) -> None:
    """Both of two venues have to meet the level, or the middle one of three."""
    found = [D(mid) for mid in mids]
    assert (compared("ge", found), compared("le", found)) == (D(low), D(high))


def test_a_limit_is_compared_with_the_best_venue() -> None:
    limit = trigger_of(OrderType.LIMIT, "SOL/USDC", D(155), {"price": "155"})
    assert price_for(limit, [D(150), D(156)]) == D(156)
    assert price_for(limit, []) is None


def test_a_distance_is_in_basis_points_of_the_price() -> None:
    assert distance_bps(D(155), D(150)) == 333
    assert distance_bps(D(140), D(150), falls=True) == 666
    assert distance_bps(D(150), D(150)) == 0


def test_a_price_that_is_past_its_level_is_at_no_distance() -> None:
    """A limit order may wait there for a quote at its size."""
    assert distance_bps(D("149.9"), D(150)) == 0
    assert distance_bps(D(151), D(150), falls=True) == 0
