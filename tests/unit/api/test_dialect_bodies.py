"""Each legacy body translates to exactly one native body, and its errors name the client's own fields."""

from typing import Any

import pytest

from app.api.dialects.bodies import TranslatedBody, translate
from app.api.json_body import parse
from app.api.orders.bodies import ExecuteOrder
from app.api.problems import Problem
from app.api.validation import read

NATIVE = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}
SIDE_BODY = {"side": "buy", "inputToken": "SOL", "outputToken": "USDC", "amount": 1}


def without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {other: value for other, value in fields.items() if other not in names}


def parsed(translated: TranslatedBody) -> ExecuteOrder:
    try:
        return read(ExecuteOrder, translated.fields)
    except Problem as problem:
        raise translated.with_client_names(problem) from None


def refused(fields: dict[str, Any]) -> list[str]:
    """The fields that the errors point to."""
    with pytest.raises(Problem) as problem:
        parsed(translate(fields))
    assert problem.value.status == 422
    return [pointer for pointer, _ in problem.value.errors]


def test_a_native_body_is_not_changed() -> None:
    assert translate(NATIVE) == TranslatedBody(NATIVE)


@pytest.mark.parametrize(
    ("words", "native"),
    [
        ({"type": "market"}, {"orderType": "market"}),
        ({"type": "MARKET"}, {"orderType": "market"}),
        ({"orderType": "Market"}, {"orderType": "market"}),
        ({"slippage": 1}, {"slippageBps": 100}),
        ({"slippageTolerance": 1}, {"slippageBps": 100}),
        ({"orderId": "mine-1"}, {"clientOrderId": "mine-1"}),
        ({"userId": "u-7"}, {"clientOrderId": "u-7"}),
        ({"userId": 7}, {"clientOrderId": "7"}),
        ({"walletAddress": "7xKX"}, {"clientOrderId": "7xKX"}),
        ({"walletAddress": "7xKX", "userId": 7, "orderId": "mine-1"}, {"clientOrderId": "mine-1"}),
    ],
)
def test_a_word_of_another_engine_has_one_native_meaning(words: dict[str, Any], native: dict[str, Any]) -> None:
    assert translate(NATIVE | words).fields == NATIVE | native
    parsed(translate(NATIVE | words))


def test_words_for_the_tokens_and_the_amount_need_no_side() -> None:
    body = {"inputToken": "SOL", "outputToken": "USDC", "amountIn": 1}
    assert translate(body) == TranslatedBody(
        NATIVE, {}, {"tokenIn": "inputToken", "tokenOut": "outputToken", "amount": "amountIn"}
    )


def test_side_is_echoed_and_the_amount_is_always_the_input() -> None:
    bought, sold = translate(SIDE_BODY), translate(SIDE_BODY | {"side": "sell"})
    assert bought.fields == sold.fields == NATIVE
    assert (bought.echo, sold.echo) == ({"side": "buy"}, {"side": "sell"})


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        (without(SIDE_BODY, "outputToken"), ["/outputToken"]),
        (SIDE_BODY | {"side": "hold"}, ["/side"]),
        (SIDE_BODY | {"side": ["buy"]}, ["/side"]),
        (SIDE_BODY | {"tokenIn": "SOL"}, ["/tokenIn"]),
        (SIDE_BODY | {"tokenOut": "USDC"}, ["/tokenOut"]),
        (without(SIDE_BODY, "outputToken") | {"tokenOut": "USDC"}, ["/tokenOut"]),
        (SIDE_BODY | {"inputToken": ""}, ["/inputToken"]),
        (SIDE_BODY | {"inputToken": None}, ["/inputToken"]),
        (SIDE_BODY | {"amount": "x" * 40}, ["/amount"]),
        (SIDE_BODY | {"amountIn": 1}, ["/amount"]),
        (NATIVE | {"outputToken": "USDC"}, ["/tokenIn", "/tokenOut"]),
        (NATIVE | {"type": "market", "orderType": "market"}, ["/orderType"]),
        (NATIVE | {"slippage": 1, "slippageBps": 50}, ["/slippageBps"]),
        (NATIVE | {"slippage": 1, "slippageTolerance": 1}, ["/slippageTolerance"]),
        (NATIVE | {"userId": 7, "clientOrderId": "mine"}, ["/clientOrderId"]),
        (NATIVE | {"userId": True}, ["/userId"]),
        (NATIVE | {"walletAddress": "x" * 65}, ["/walletAddress"]),
        (NATIVE | {"type": "limit"}, ["/type"]),
        (NATIVE | {"type": "sniper"}, ["/type"]),
        (NATIVE | {"orderType": "LIMIT"}, ["/orderType"]),
        (NATIVE | {"type": 1}, ["/type"]),
    ],
)
def test_a_mix_of_words_and_an_invalid_value_are_refused(fields: dict[str, Any], pointers: list[str]) -> None:
    assert refused(fields) == pointers


def test_other_fields_stay_unknown() -> None:
    for fields in (NATIVE | {"side": "buy"}, NATIVE | {"userId": 7, "price": 1}, SIDE_BODY | {"quantity": 1}):
        assert refused(fields)


def slippage_body(slippage: str) -> dict[str, Any]:
    return parse(f'{{"tokenIn":"SOL","tokenOut":"USDC","amount":1,"slippage":{slippage}}}'.encode())


@pytest.mark.parametrize(
    ("slippage", "bps"),
    [
        ("0", 0),
        ("0.0000", 0),
        ("0.00004", 0),
        ("0.00005", 1),
        ("0.0001", 1),
        ('"0.005"', 50),
        ("0.01", 100),
        ("0.05", 500),
        # The result of 0.7 / 100 in JavaScript; the older engine's table had four places too.
        ("0.006999999999999999", 70),
        # Above 0.05 it is a percentage.
        ("0.050000000000000001", 5),
        ("0.5", 50),
        ("1", 100),
        ("1.0", 100),
        ('"1.000000000000000000"', 100),
        ("2.5", 250),
        ("10", 1_000),
    ],
)
def test_slippage_is_a_fraction_up_to_0_05_and_a_percentage_above(slippage: str, bps: int) -> None:
    translated = translate(slippage_body(slippage))
    assert parsed(translated).slippage_bps == bps
    assert translated.echo == {"slippageBps": bps}


@pytest.mark.parametrize(
    "slippage",
    [
        *("-0.01", "10.000000000000000001", "50", "100", "1e-2", "true", "null"),
        *('""', '"1%"', "[0.01]", '"\u0660.\u0661"', "1" * 50),
    ],
)
def test_any_other_slippage_is_refused(slippage: str) -> None:
    assert refused(slippage_body(slippage)) == ["/slippage"]


def test_without_slippage_the_default_applies() -> None:
    assert parsed(translate(NATIVE | {"userId": 1})).slippage_bps is None
