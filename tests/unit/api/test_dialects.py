"""Each legacy body translates to exactly one native body, and its errors name the client's own fields."""

from typing import Any

import orjson
import pytest

from app.api.dialects import TranslatedBody, execute_body, history_then_updates, order_body, venue_frames
from app.api.json_body import parse
from app.api.problems import Problem
from app.api.schemas import ExecuteOrder
from app.api.validation import read
from app.orders.events.publisher import EventMessage

SIDE_BODY = {"side": "buy", "inputToken": "SOL", "outputToken": "USDC", "amount": 1}
SLIPPAGE_BODY = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {other: value for other, value in fields.items() if other != name}


def parsed(translated: TranslatedBody) -> ExecuteOrder:
    try:
        return read(ExecuteOrder, translated.fields)
    except Problem as problem:
        raise translated.with_client_names(problem) from None


def message(**event: Any) -> EventMessage:
    return EventMessage("one", "me", event["seq"], False, orjson.dumps({"orderId": "one", **event}))


def test_a_native_body_is_not_changed() -> None:
    fields = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}
    assert execute_body(fields) == TranslatedBody(fields)


def test_side_is_echoed_and_the_amount_is_always_the_input() -> None:
    bought, sold = execute_body(SIDE_BODY), execute_body(SIDE_BODY | {"side": "sell"})
    assert bought.fields == sold.fields == {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}
    assert (bought.echo, sold.echo) == ({"side": "buy"}, {"side": "sell"})


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        (without(SIDE_BODY, "side"), ["/side"]),
        (without(SIDE_BODY, "outputToken"), ["/outputToken"]),
        (SIDE_BODY | {"side": "hold"}, ["/side"]),
        (SIDE_BODY | {"side": ["buy"]}, ["/side"]),
        (SIDE_BODY | {"tokenIn": "SOL"}, ["/tokenIn"]),
        (SIDE_BODY | {"tokenOut": "USDC"}, ["/tokenOut"]),
        (SIDE_BODY | {"inputToken": ""}, ["/inputToken"]),
        (SIDE_BODY | {"inputToken": None}, ["/inputToken"]),
        (SIDE_BODY | {"amount": "x" * 40}, ["/amount"]),
        (SIDE_BODY | {"slippage": 0.1}, ["/slippage"]),
        (SLIPPAGE_BODY | {"side": "buy"}, ["/side"]),
        (SLIPPAGE_BODY | {"outputToken": "USDC"}, ["/outputToken"]),
        (SLIPPAGE_BODY | {"slippage": 1}, ["/slippage"]),
    ],
)
def test_execute_refuses_a_mix_of_field_names(fields: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(Problem) as refused:
        parsed(execute_body(fields))
    assert refused.value.status == 422
    assert [pointer for pointer, _ in refused.value.errors] == pointers


@pytest.mark.parametrize(
    ("slippage", "bps"),
    [
        ("0.01", 100),
        ("1.0", 10_000),
        ("1", 10_000),
        ("0", 0),
        ("0.0000", 0),
        ("0.0001", 1),
        ('"0.005"', 50),
        ("1.000000000000000000", 10_000),
        # The result of 0.7 / 100 in JavaScript; the older engine's table had four places too.
        ("0.006999999999999999", 70),
        ("0.00004", 0),
        ("0.00005", 1),
    ],
)
def test_slippage_is_a_fraction_read_from_its_literal_text(slippage: str, bps: int) -> None:
    translated = order_body(parse(f'{{"tokenIn":"SOL","tokenOut":"USDC","amount":1.5,"slippage":{slippage}}}'.encode()))
    assert parsed(translated).slippage_bps == bps


def test_without_slippage_the_default_applies() -> None:
    assert parsed(order_body(SLIPPAGE_BODY)).slippage_bps is None


@pytest.mark.parametrize(
    "slippage",
    [
        "-0.01",
        "1.0001",
        "1.000000000000000001",
        "2",
        "1e-2",
        "true",
        "null",
        '""',
        '"1%"',
        "[0.01]",
        '"\u0660.\u0661"',
        "1" * 50,
    ],
)
def test_a_slippage_that_is_not_a_fraction_is_refused(slippage: str) -> None:
    with pytest.raises(Problem) as refused:
        order_body(parse(f'{{"tokenIn":"SOL","tokenOut":"USDC","amount":1,"slippage":{slippage}}}'.encode()))
    assert [pointer for pointer, _ in refused.value.errors] == ["/slippage"]


def test_slippage_and_slippage_bps_are_not_mixed() -> None:
    with pytest.raises(Problem) as refused:
        order_body(SLIPPAGE_BODY | {"slippage": 1, "slippageBps": 50})
    assert [pointer for pointer, _ in refused.value.errors] == ["/slippageBps"]


def test_venue_frames_have_capitalised_venue_names_and_exact_numbers() -> None:
    building = message(seq=3, status="building", dex="raydium", price="149.622015000000000001", quotes=[{"a": "1"}])
    confirmed = message(seq=5, status="confirmed", dex="meteora", executedPrice="105.5", amountOut="7", txHash="5K")
    first, second = venue_frames([building, confirmed])
    assert '"price":149.622015000000000001' in first
    assert orjson.loads(first)["venue"] == "Raydium"
    assert orjson.loads(second) == {
        "orderId": "one",
        "seq": 5,
        "status": "confirmed",
        "venue": "Meteora",
        "price": 105.5,
        "executedPrice": 105.5,
        "amountOut": 7,
        "txHash": "5K",
    }


def test_an_empty_history_is_sent_before_the_first_update() -> None:
    frames = history_then_updates()
    assert frames([]) == ['{"type":"history","data":[]}']
    one, two = frames([message(seq=1, status="pending"), message(seq=2, status="routing")])
    assert orjson.loads(one) == {"type": "update", "data": {"orderId": "one", "seq": 1, "status": "pending"}}
    assert orjson.loads(two)["data"]["status"] == "routing"


def test_each_socket_gets_its_own_history() -> None:
    first, second = history_then_updates(), history_then_updates()
    first([])
    assert second([message(seq=1, status="pending")])[0].startswith('{"type":"history"')
