"""The only place that converts decimals to integers and back. Everywhere else amounts are integers in base units.

No float and no context-dependent `Decimal` touches an amount: text is sliced and padded, integers are divided.
"""

import re
from decimal import Decimal

MAX_UNITS = 2**64 - 1
"""The most that an SPL token account can hold."""

SIGNIFICANT_DIGITS = 12
"""Digits of a price that are kept, rounded down. Amounts are always exact."""

FEW_UNITS = 100_000
"""Of more, one unit is less than a tenth of a basis point."""

_BPS = 10_000

_GRAMMAR = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,18}))?")


class AmountError(ValueError):
    """The message is a sentence for the client. It never repeats the client's input."""


def to_base_units(text: str, decimals: int) -> int:
    """The base units in a decimal text, 1 … 2**64 - 1.

    More decimals than the token has are refused, even if they are zeros: such an amount was meant for another token.
    """
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise AmountError("The amount must be a plain decimal number: up to 20 digits, and up to 18 after a point.")
    whole, fraction = match[1], match[2] or ""
    if len(fraction) > decimals:
        raise AmountError(f"The amount is finer than the token, which has {decimals} decimals.")
    units = int(whole + fraction.ljust(decimals, "0"))
    if units == 0:
        raise AmountError("The amount must be greater than zero.")
    if units > MAX_UNITS:
        raise AmountError("The amount is larger than a token account can hold.")
    return units


def to_price(text: str) -> Decimal:
    """The price in a decimal text, with every digit: tokens out for one token in."""
    if _GRAMMAR.fullmatch(text) is None:
        raise AmountError("The price must be a plain decimal number: up to 20 digits, and up to 18 after a point.")
    price = Decimal(text)
    if price == 0:
        raise AmountError("The price must be greater than zero.")
    return price


def to_decimal(units: int, decimals: int) -> str:
    """The exact value in its shortest form: `"1.5"`, `"149.622015"`, `"2"`."""
    sign, digits = ("-", str(-units)) if units < 0 else ("", str(units))
    digits = digits.rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :].rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def price(amount_in: int, decimals_in: int, amount_out: int, decimals_out: int) -> str:
    """Tokens out for one token in, rounded down to `SIGNIFICANT_DIGITS`. Digits before the point are never rounded."""
    if amount_in <= 0 or amount_out < 0:
        raise ValueError("a price needs a positive amount in and an amount out")
    numerator, denominator = amount_out * 10**decimals_in, amount_in * 10**decimals_out
    if numerator == 0:
        return "0"
    # The exponent of the leading digit: estimated by length, then corrected by one.
    lead = len(str(numerator)) - len(str(denominator))
    if numerator * 10 ** max(-lead, 0) < denominator * 10 ** max(lead, 0):
        lead -= 1
    places = max(SIGNIFICANT_DIGITS - 1 - lead, 0)
    return to_decimal(numerator * 10**places // denominator, places)


def minimum_out(quoted: int, slippage_bps: int) -> int:
    """The least that a quote and a slippage tolerance allow. Of few units each may be worth much: it is rounded up.

    Of many it is rounded down: vendors take whole basis points, and of a unit more they would make one point less.
    """
    exact = quoted * (_BPS - slippage_bps)
    return exact // _BPS if quoted > FEW_UNITS else -(-exact // _BPS)


def percent(bps: int) -> str:
    """Basis points as people write them: `"0.06 %"`, `"12 %"`."""
    return f"{to_decimal(bps, 2)} %"
