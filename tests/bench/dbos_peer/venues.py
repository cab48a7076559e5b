"""Two mock venues without delay, as in the Node peer: a constant product pool, and a fixed price with a fee."""

import re

DECIMALS = {"SOL": 9, "USDC": 6, "USDT": 6, "BONK": 5}
RESERVES = {"SOL": 50_000 * 10**9, "USDC": 7_500_000 * 10**6}
PRICES = {"SOL": (149 * 10**6, 10**9), "USDC": (10**9, 150 * 10**6)}
AMOUNT = re.compile(r"(\d{1,20})(?:\.(\d{1,18}))?", re.ASCII)


def base_units(token: str, amount: str) -> int | None:
    match = AMOUNT.fullmatch(amount)
    if match is None or len(match[2] or "") > DECIMALS[token]:
        return None
    units = int(match[1] + (match[2] or "").ljust(DECIMALS[token], "0"))
    return units if 0 < units < 2**64 else None


def quotes(token_in: str, token_out: str, amount_in: int) -> dict[str, int]:
    """The amount out at each venue."""
    in_pool, (over, under) = amount_in * 9_970 // 10_000, PRICES[token_in]
    return {
        "raydium": RESERVES[token_out] * in_pool // (RESERVES[token_in] + in_pool),
        "meteora": amount_in * 9_980 // 10_000 * over // under,
    }


def price(token_in: str, token_out: str, amount_in: int, amount_out: int) -> float:
    return amount_out / 10 ** DECIMALS[token_out] / (amount_in / 10 ** DECIMALS[token_in])
