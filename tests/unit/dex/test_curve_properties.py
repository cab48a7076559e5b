"""Properties of every pool and every amount, from one unit to 2⁶⁴ - 1.

- the pool never loses: its invariant never falls
- more in never gives less out
- two swaps never bring more than one, apart from rounding
- a swap there and back never profits
- an amount is spent completely, and the outcome is at most what the pool holds

The number of examples comes from the hypothesis profile (tests/conftest.py).
"""

from fractions import Fraction

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from app.dex import curves
from app.dex.curves import Bin, ConstantProductPool, DlmmFees, DlmmPool, bin_price
from app.dex.errors import DexError

U64 = 2**64 - 1
NOW = 1_700_000_000

many = settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


def sized(most: int) -> st.SearchStrategy[int]:
    """1 … most, every order of magnitude as likely as the next."""
    return st.integers(0, most.bit_length()).flatmap(
        lambda bits: st.integers(min(1 << max(bits - 1, 0), most), min((1 << bits) - 1 or 1, most))
    )


amounts = sized(U64)
products = st.builds(ConstantProductPool, sized(U64), sized(U64), st.integers(0, 100_000))


@st.composite
def ladders(draw: st.DrawFn) -> DlmmPool:
    """A pool as the program would have it: X from the active bin upwards, Y from it downwards, gaps anywhere."""
    step = draw(st.sampled_from([1, 4, 10, 25, 100, 400]))
    active = draw(st.integers(-(300_000 // step), 300_000 // step))
    offsets = sorted(draw(st.sets(st.integers(-12, 12), min_size=1, max_size=12)))
    held = sized(draw(st.sampled_from([10**3, 10**9, 10**14, 10**18])))
    bins = tuple(
        Bin(
            active + offset,
            draw(held) if offset >= 0 else 0,
            draw(held) if offset <= 0 else 0,
            bin_price(active + offset, step),
        )
        for offset in offsets
    )
    fees = DlmmFees(
        bin_step=step,
        base_factor=draw(st.integers(0, 20_000)),
        base_fee_power_factor=draw(st.integers(0, 1)),
        filter_period=draw(st.integers(1, 60)),
        decay_period=draw(st.integers(60, 1_200)),
        reduction_factor=draw(st.integers(0, 10_000)),
        variable_fee_control=draw(st.sampled_from([0, 7_500, 40_000, 2_000_000])),
        max_volatility_accumulator=350_000,
    )
    reference = active + draw(st.integers(-5, 5))
    volatility = draw(st.integers(0, 300_000))
    before = NOW - draw(st.sampled_from([0, 5, 100, 5_000]))
    return DlmmPool(fees, active, volatility, volatility // 3, reference, before, bins)


pools: st.SearchStrategy[curves.Pool] = st.one_of(products, ladders())


def swapped(pool: curves.Pool, amount: int, x_to_y: bool) -> "curves.Swap[curves.Pool]":
    """A swap the pool can serve; others are not what a property is about."""
    try:
        return pool.swap(amount, x_to_y, NOW)
    except DexError as error:
        assume(error.code != "insufficient_liquidity")
        raise


def unit_worth(before: curves.Pool, x_to_y: bool) -> int:
    """The most that one unit in can bring anywhere in the pool."""
    if isinstance(before, ConstantProductPool):
        spot = (before.reserve_y, before.reserve_x) if x_to_y else (before.reserve_x, before.reserve_y)
        return -(-spot[0] // spot[1])
    assert isinstance(before, DlmmPool)
    prices = [bin_.price for bin_ in before.bins]
    return -(-max(prices) >> 64) if x_to_y else -((-1 << 64) // min(prices))


@many
@given(pools, amounts, st.booleans())
def test_a_swap_spends_the_whole_amount_within_what_the_pool_holds(
    pool: curves.Pool, amount: int, x_to_y: bool
) -> None:
    swap = swapped(pool, amount, x_to_y)
    assert swap.amount_in == amount
    assert 0 <= swap.fee <= amount
    assert 0 <= swap.price_impact_bps <= 10_000
    if isinstance(pool, ConstantProductPool):
        assert 0 <= swap.amount_out < (pool.reserve_y if x_to_y else pool.reserve_x)
    else:
        assert isinstance(pool, DlmmPool)
        assert 0 <= swap.amount_out <= sum(bin_.amount_y if x_to_y else bin_.amount_x for bin_ in pool.bins)


@many
@given(pools, amounts, st.booleans())
def test_the_pool_never_loses(pool: curves.Pool, amount: int, x_to_y: bool) -> None:
    after = swapped(pool, amount, x_to_y).pool
    if isinstance(pool, ConstantProductPool):
        assert isinstance(after, ConstantProductPool)
        assert after.reserve_x * after.reserve_y >= pool.reserve_x * pool.reserve_y
        return
    assert isinstance(pool, DlmmPool)
    assert isinstance(after, DlmmPool)
    for old, new in zip(pool.bins, after.bins, strict=True):
        assert min(new.amount_x, new.amount_y) >= 0
        # A bin is worth p·X + Y, each at the bin's own price.
        worth = [bin_.amount_x * bin_.price + (bin_.amount_y << 64) for bin_ in (old, new)]
        assert worth[1] >= worth[0]


@many
@given(pools, amounts, amounts, st.booleans())
def test_more_in_never_gives_less_out(pool: curves.Pool, one: int, other: int, x_to_y: bool) -> None:
    less, more = sorted((one, other))
    assert swapped(pool, less, x_to_y).amount_out <= swapped(pool, more, x_to_y).amount_out


@many
@given(pools, amounts, st.integers(1, 10**9), st.booleans())
def test_one_unit_more_never_gives_less_out(pool: curves.Pool, amount: int, near: int, x_to_y: bool) -> None:
    most = swapped(pool, amount, x_to_y).amount_out
    assume(amount > near)
    assert swapped(pool, amount - near, x_to_y).amount_out <= most
    assert swapped(pool, amount - 1, x_to_y).amount_out <= most


@many
@given(pools, amounts, amounts, st.booleans())
def test_splitting_never_beats_the_whole_by_more_than_rounding(
    pool: curves.Pool, first: int, second: int, x_to_y: bool
) -> None:
    assume(first + second <= U64)
    whole = swapped(pool, first + second, x_to_y)
    one = swapped(pool, first, x_to_y)
    two = swapped(one.pool, second, x_to_y)
    # Rounding: one unit out, and what the one unit in that a fee is rounded by can bring.
    assert one.amount_out + two.amount_out <= whole.amount_out + 1 + unit_worth(pool, x_to_y)


@many
@given(pools, amounts, st.booleans())
def test_there_and_back_never_profits(pool: curves.Pool, amount: int, x_to_y: bool) -> None:
    there = swapped(pool, amount, x_to_y)
    assume(there.amount_out > 0)
    assert swapped(there.pool, there.amount_out, not x_to_y).amount_out <= amount


@many
@given(products, amounts, st.booleans())
def test_a_constant_product_outcome_is_the_exact_one_rounded_down(
    pool: ConstantProductPool, amount: int, x_to_y: bool
) -> None:
    x, y = (pool.reserve_x, pool.reserve_y) if x_to_y else (pool.reserve_y, pool.reserve_x)
    swap = pool.swap(amount, x_to_y)
    net = Fraction(amount - swap.fee)
    assert swap.fee - 1 < Fraction(amount * pool.fee_millionths, 10**6) <= swap.fee
    assert swap.amount_out <= y - x * y / (x + net) < swap.amount_out + 1
