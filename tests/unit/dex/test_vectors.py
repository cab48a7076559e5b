"""The curves give the digits of the venues' own SDKs."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.dex import curves
from app.dex.errors import DexError

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "amm.json").read_text())
CPMM = VECTORS["cpmm"]
BINS = VECTORS["dlmm"]["bin_prices"]
POOLS = {row["name"]: row for row in VECTORS["dlmm"]["pools"]}
DLMM = [(name, case) for name, row in POOLS.items() for case in row["cases"]]


@pytest.mark.parametrize("case", CPMM, ids=lambda case: case["id"])
def test_constant_product(case: dict[str, Any]) -> None:
    reserves = int(case["reserve_in"]), int(case["reserve_out"])
    swap = curves.constant_product(int(case["amount"]), *reserves, case["trade_fee_rate"])
    assert swap.amount_out == int(case["expect"]["amount_out"])
    if "trade_fee" in case["expect"]:
        assert swap.fee == int(case["expect"]["trade_fee"])


@pytest.mark.parametrize("case", BINS, ids=lambda case: f"{case['bin_id']}/{case['bin_step']}")
def test_bin_price(case: dict[str, Any]) -> None:
    assert curves.bin_price(case["bin_id"], case["bin_step"]) == int(case["price_q64"])


@pytest.mark.parametrize("name", POOLS)
def test_every_stored_price_is_the_price_of_its_bin(name: str) -> None:
    pool = curves.DlmmPool.from_dict(POOLS[name]["pool"])
    assert [bin_.price for bin_ in pool.bins] == [curves.bin_price(bin_.id, pool.fees.bin_step) for bin_ in pool.bins]


@pytest.mark.parametrize(("name", "case"), DLMM, ids=lambda value: value["id"] if isinstance(value, dict) else "")
def test_dlmm(name: str, case: dict[str, Any]) -> None:
    pool, expect = curves.DlmmPool.from_dict(POOLS[name]["pool"]), case["expect"]
    if "error" in expect:
        with pytest.raises(DexError, match="insufficient_liquidity"):
            pool.swap(int(case["amount"]), case["swap_for_y"], case["now"])
        return
    swap = pool.swap(int(case["amount"]), case["swap_for_y"], case["now"])
    assert swap.amount_in == int(expect["amount_in"])
    assert swap.amount_out == int(expect["amount_out"])
    assert swap.fee == int(expect["fee"]) + int(expect["protocol_fee"])
