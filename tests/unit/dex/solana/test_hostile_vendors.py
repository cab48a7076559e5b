"""Answers of Jupiter and Raydium in another form than documented, or by somebody else."""

from copy import deepcopy
from typing import Any

import pytest
from solders.pubkey import Pubkey
from starlette.responses import JSONResponse, Response

from app.dex.adapters.http import VenueHttp
from app.dex.errors import DexError
from tests.unit.dex.solana.test_vendors import RAY, REQUEST, Change, built, jupiter, recorded


def put(*path: str | int, value: Any) -> Change:
    def change(answer: dict[str, Any]) -> None:
        inner: Any = answer
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = value

    return change


STEP = ("routePlan", 0, "swapInfo")
ACCOUNTS = recorded("jupiter_build")["swapInstruction"]["accounts"]
UNHEARD = str(Pubkey.from_bytes(b"m" * 32))
HOSTILE: dict[str, Change] = {
    "an amount of a million digits": put("outAmount", value="9" * 10**5),
    "a negative amount": put("outAmount", value="-5"),
    "a fraction": put("outAmount", value=1.5),
    "more than fits": put("outAmount", value=str(2**64)),
    "digits of another script": put("outAmount", value="١٢٣"),
    "true": put("outAmount", value=True),
    "nothing out": put("outAmount", value="0"),
    "another amount in": put("inAmount", value="999999999"),
    "another token": put("outputMint", value=RAY.mint),
    "no route": put("routePlan", value=[]),
    "a route of text": put("routePlan", value="SOL"),
    "a route without end": put("routePlan", value=[recorded("jupiter_build")["routePlan"][0]] * 20),
    "a route to somewhere else": put(*STEP, "outputMint", value=RAY.mint),
    "a route through an unknown token": put(*STEP, "outputMint", value=UNHEARD),
    "a pool that is markup": put(*STEP, "ammKey", value="<script>alert(1)</script>........................"),
    "a pool that is a list": put(*STEP, "ammKey", value=[[]]),
    "no swap": put("swapInstruction", value=None),
    "a program that is no address": put("swapInstruction", "programId", value="l" * 40),
    "data that is no base64": put("swapInstruction", "data", value="!!"),
    "data without end": put("swapInstruction", "data", value="A" * 4_000),
    "accounts without end": put("swapInstruction", "accounts", value=ACCOUNTS * 30),
    "an account that is a number": put("swapInstruction", "accounts", value=[7]),
    "tables that are no addresses": put("addressesByLookupTableAddress", value={"x": []}),
    "a minimum below the order's": put("otherAmountThreshold", value="1"),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
async def test_an_answer_in_another_form_is_a_dex_error_without_a_word_of_it(change: Change) -> None:
    answer = deepcopy(recorded("jupiter_build"))
    change(answer)
    async with jupiter(answer) as venue:
        with pytest.raises(DexError) as refused:
            await built(venue)
    assert refused.value.code in ("venue_unavailable", "zero_output", "slippage_exceeded")
    assert len(refused.value.detail) < 100
    assert "script" not in refused.value.detail


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Response("[" * 10**5), id="nested"),
        pytest.param(Response("[]"), id="a list"),
        pytest.param(Response(" " * (VenueHttp.MAX_ANSWER + 1)), id="too long"),
        pytest.param(Response("{}", status_code=302, headers={"location": "/build"}), id="a redirect"),
        pytest.param(JSONResponse({"errorCode": ["<b>"], "error": "<b>"}, status_code=400), id="an error of markup"),
        pytest.param(JSONResponse("<b>", status_code=403), id="an error of text"),
    ],
)
async def test_what_is_no_answer_is_a_dex_error_without_a_word_of_it(answer: Response) -> None:
    async with jupiter(answer) as venue:
        with pytest.raises(DexError, match="venue_unavailable") as refused:
            await venue.quote(REQUEST, 7)
    assert "<b>" not in refused.value.detail
