"""Decimals are converted to integers and back exactly, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dex.amounts import AmountError, minimum_out, price, to_base_units, to_decimal


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    [
        ("1", 9, 10**9),
        ("1.5", 9, 1_500_000_000),
        ("0.000000001", 9, 1),
        ("149.622015", 6, 149_622_015),
        ("007.50", 6, 7_500_000),
        ("1.000000", 6, 1_000_000),
        ("18446744073.709551615", 9, 2**64 - 1),
        ("18446744073709551615", 0, 2**64 - 1),
    ],
)
def test_an_amount_is_parsed_exactly(text: str, decimals: int, units: int) -> None:
    assert to_base_units(text, decimals) == units


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1\n",
        "+1",
        "-1",
        ".5",
        "5.",
        "1e3",
        "1_000",
        "1,5",
        "0x1",
        "NaN",
        "\u0661",
        "1²",
        "1" * 21,
        "1." + "0" * 19,
    ],
)
def test_only_plain_ascii_decimals_are_amounts(text: str) -> None:
    with pytest.raises(AmountError) as refused:
        to_base_units(text, 18)
    # Word for word: nothing of what was sent is in it.
    said = "The amount must be a plain decimal number: up to 20 digits, and up to 18 after a point."
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("text", "decimals", "why"),
    [
        ("0", 9, "greater than zero"),
        ("0.000", 9, "greater than zero"),
        ("1.0000001", 6, "finer"),
        ("1.0000000", 6, "finer"),
        ("18446744073.709551616", 9, "larger"),
        ("99999999999999999999", 9, "larger"),
    ],
)
def test_an_amount_no_token_account_can_hold_is_refused(text: str, decimals: int, why: str) -> None:
    with pytest.raises(AmountError, match=why):
        to_base_units(text, decimals)


@given(st.integers(1, 2**64 - 1), st.integers(0, 18))
def test_an_amount_survives_the_round_trip(units: int, decimals: int) -> None:
    assert to_base_units(to_decimal(units, decimals), decimals) == units


@pytest.mark.parametrize(
    ("units", "decimals", "text"),
    [
        (1_500_000_000, 9, "1.5"),
        (149_622_015, 6, "149.622015"),
        (2_000_000, 6, "2"),
        (1, 9, "0.000000001"),
        (0, 6, "0"),
        (7, 0, "7"),
        (-15, 1, "-1.5"),
    ],
)
def test_a_decimal_is_written_in_its_shortest_form(units: int, decimals: int, text: str) -> None:
    assert to_decimal(units, decimals) == text


@pytest.mark.parametrize(
    ("amount_in", "decimals_in", "amount_out", "decimals_out", "text"),
    [
        (10**9, 9, 149_622_015, 6, "149.622015"),
        (3 * 10**6, 6, 10**9, 9, "0.333333333333"),
        (10**12, 5, 213_516_816, 6, "0.0000213516816"),
        (7, 9, 1, 6, "142.857142857"),
        (10**9, 9, 698_601_398_601, 5, "6986013.98601"),
        (1, 9, 10**18, 0, "1000000000000000000000000000"),
        (5, 6, 0, 6, "0"),
        (10**18, 0, 1, 18, "0." + "0" * 35 + "1"),
        (10**6, 6, 999_999, 6, "0.999999"),
    ],
)
def test_a_price_has_twelve_significant_digits_rounded_down(
    amount_in: int, decimals_in: int, amount_out: int, decimals_out: int, text: str
) -> None:
    assert price(amount_in, decimals_in, amount_out, decimals_out) == text


@pytest.mark.parametrize(
    ("quoted", "slippage_bps", "floor"),
    [
        (200_000_000, 50, 199_000_000),
        (10_001, 1, 10_000),
        (7, 50, 7),
        (1, 9_999, 1),
        (99_999, 1, 99_990),
        (100_001, 1, 99_990),
        (7, 0, 7),
        (7, 10_000, 0),
        (2**64 - 1, 0, 2**64 - 1),
    ],
)
def test_the_slippage_floor_is_exact_and_of_few_units_rounded_up(quoted: int, slippage_bps: int, floor: int) -> None:
    assert minimum_out(quoted, slippage_bps) == floor


@given(st.integers(1, 2**64 - 1), st.integers(0, 9_999))
def test_more_slippage_never_raises_the_floor(quoted: int, slippage_bps: int) -> None:
    assert minimum_out(quoted, slippage_bps + 1) <= minimum_out(quoted, slippage_bps) <= quoted
