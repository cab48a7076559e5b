"""Edge cases of the pool mathematics that no vector covers."""

from dataclasses import replace

import pytest

from app.dex.curves import ONE_Q64, Bin, ConstantProductPool, DlmmFees, DlmmPool, bin_price, constant_product
from app.dex.errors import DexError

FREE = DlmmFees(10, 0, 0, 30, 600, 5_000, 0, 350_000)


def dlmm(*bins: Bin, active: int = 0, fees: DlmmFees = FREE) -> DlmmPool:
    return DlmmPool(fees, active, 0, 0, active, 0, bins)


def test_a_fee_is_rounded_up_even_to_the_whole_amount() -> None:
    swap = constant_product(1, 1_000, 1_000, 3_000)
    assert (swap.amount_out, swap.fee) == (0, 1)
    assert constant_product(10, 1_000, 1_000, 10**6).amount_out == 0


def test_the_whole_fee_stays_in_a_constant_product_pool() -> None:
    swap = constant_product(1_000, 10_000, 10_000, 10_000)
    assert swap.pool == ConstantProductPool(11_000, 10_000 - swap.amount_out, 10_000)


def test_both_directions_of_a_constant_product_pool() -> None:
    pool = ConstantProductPool(10_000, 40_000, 3_000)
    there, back = pool.swap(100, True, 0), pool.swap(100, False, 0)
    assert there.amount_out == constant_product(100, 10_000, 40_000, 3_000).amount_out
    assert back.amount_out == constant_product(100, 40_000, 10_000, 3_000).amount_out
    assert back.pool == ConstantProductPool(10_000 - back.amount_out, 40_100, 3_000)


@pytest.mark.parametrize("reserves", [(0, 10), (10, 0), (0, 0)])
def test_an_empty_pool_has_insufficient_liquidity(reserves: tuple[int, int]) -> None:
    with pytest.raises(DexError, match="insufficient_liquidity"):
        constant_product(1, *reserves, 0)


@pytest.mark.parametrize("amount", [0, -1])
def test_only_a_positive_amount_can_be_swapped(amount: int) -> None:
    with pytest.raises(ValueError, match="at least one unit"):
        constant_product(amount, 10, 10, 0)
    with pytest.raises(ValueError, match="at least one unit"):
        dlmm(Bin(0, 10, 10, ONE_Q64)).swap(amount, True, 0)


def test_price_impact_excludes_the_fee_and_is_never_understated() -> None:
    assert constant_product(1_000, 99_000, 10**9, 0).price_impact_bps == 100
    assert constant_product(1_001, 99_000, 10**9, 0).price_impact_bps == 101
    assert constant_product(10_000, 10**9, 10**9, 500_000).price_impact_bps == 1


def test_bin_prices_invert_at_zero_and_end_at_128_bits() -> None:
    assert bin_price(0, 25) == ONE_Q64
    assert bin_price(1, 10_000) == pytest.approx(2 * ONE_Q64)
    assert bin_price(1, 25) * bin_price(-1, 25) == pytest.approx(ONE_Q64**2)
    assert bin_price(2**19, 1) != 0
    assert bin_price(-(2**19) - 1, 1) == 0
    assert bin_price(443_636, 400) == 0


def test_a_bin_that_is_drained_exactly_is_enough_and_one_unit_more_is_not() -> None:
    pool = dlmm(Bin(0, 0, 1_000, ONE_Q64))
    swap = pool.swap(1_000, True, 0)
    assert (swap.amount_out, swap.pool.bins) == (1_000, (Bin(0, 1_000, 0, ONE_Q64),))
    with pytest.raises(DexError, match="insufficient_liquidity"):
        pool.swap(1_001, True, 0)
    with pytest.raises(DexError, match="insufficient_liquidity"):
        pool.swap(1, False, 0)


def test_a_drained_bin_charges_its_share_and_the_next_bin_the_rest() -> None:
    fees = replace(FREE, base_factor=100_000)  # 1 %
    pool = dlmm(Bin(-1, 0, 10_000, bin_price(-1, 10)), Bin(0, 0, 10_000, ONE_Q64), fees=fees)
    swap = pool.swap(10_102 + 100, True, 0)
    # 10,000 net cost ⌈10,000·1/99⌉ = 102; the 100 left pay 1.
    assert swap.fee == 102 + 1
    assert swap.amount_out == 10_000 + 98
    assert swap.pool.active_id == -1


def test_whether_a_bin_is_drained_is_decided_after_the_fee() -> None:
    pool = dlmm(Bin(0, 0, 9_999, ONE_Q64), fees=replace(FREE, base_factor=100_000))
    # Draining costs 10,100. The fee of 10,101 is one unit higher, so what is left after it is still not too much.
    assert [pool.swap(amount, True, 0).fee for amount in (10_100, 10_101)] == [101, 102]
    with pytest.raises(DexError, match="insufficient_liquidity"):
        pool.swap(10_102, True, 0)


def test_empty_bins_and_gaps_are_skipped_but_count_as_distance() -> None:
    fees = replace(FREE, variable_fee_control=10**6)
    far = dlmm(Bin(-50, 0, 10**6, bin_price(-50, 10)), Bin(-1, 7, 0, bin_price(-1, 10)), fees=fees)
    near = dlmm(Bin(-1, 0, 10**6, bin_price(-1, 10)), fees=fees)
    assert far.swap(1_000, True, 0).pool.volatility_accumulator == 350_000  # 50 bins, capped
    assert near.swap(1_000, True, 0).pool.volatility_accumulator == 10_000


def test_the_fee_is_capped_at_a_tenth() -> None:
    pool = dlmm(Bin(0, 0, 10**9, ONE_Q64), fees=replace(FREE, base_factor=60_000, base_fee_power_factor=4))
    assert pool.swap(1_000_001, True, 0).fee == 100_001


def test_the_other_tokens_of_a_bin_do_not_count() -> None:
    with pytest.raises(DexError, match="insufficient_liquidity"):
        dlmm(Bin(-1, 10**9, 0, bin_price(-1, 10)), active=-1).swap(1, True, 0)


@pytest.mark.parametrize(
    ("now", "index", "reference"),
    [
        (1_029, -3, 40_000),  # within the filter period: nothing moves
        (1_030, 0, 30_000),  # at its end: the index follows, the volatility decays
        (1_599, 0, 30_000),
        (1_600, 0, 0),  # forgotten
        (900, -3, 40_000),  # a clock that went backwards is not a reason to forget
    ],
)
def test_volatility_is_remembered_for_a_while(now: int, index: int, reference: int) -> None:
    bins = (Bin(0, 10**6, 10**6, ONE_Q64),)
    pool = DlmmPool(replace(FREE, variable_fee_control=1), 0, 60_000, 40_000, -3, 1_000, bins)
    after = pool.swap(1_000, False, now).pool
    assert (after.index_reference, after.volatility_reference) == (index, reference)
    assert after.volatility_accumulator == reference + abs(index) * 10**4
    assert after.last_update_timestamp == now


def test_an_unused_bin_gets_its_price_from_its_id() -> None:
    data = dict.fromkeys(DlmmFees.__dataclass_fields__, 0) | {
        "bin_step": 25,
        "active_id": 3,
        "volatility_accumulator": 0,
        "volatility_reference": 0,
        "index_reference": 3,
        "last_update_timestamp": 0,
        "bins": {"4": ["5", "0", "0"], "3": ["5", "5"]},
    }
    assert [bin_.price for bin_ in DlmmPool.from_dict(data).bins] == [bin_price(3, 25), bin_price(4, 25)]
    with pytest.raises(ValueError, match="fee from the token in"):
        DlmmPool.from_dict(data | {"collect_fee_mode": 1})
