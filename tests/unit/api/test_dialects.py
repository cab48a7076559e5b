"""Older bodies mean exactly one native body, and what is wrong with them is said in their own words."""

from typing import Any

import orjson
import pytest

from app.api.dialects import TranslatedBody, execute_body, history_then_updates, order_body, venue_frames
from app.api.json_body import parse
from app.api.problems import Problem
from app.api.schemas import ExecuteOrder
from app.api.validation import read
from app.orders.events.publisher import EventMessage

SIDED = {"side": "buy", "inputToken": "SOL", "outputToken": "USDC", "amount": 1}
SLIPPING = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {other: value for other, value in fields.items() if other != name}


def understood(translated: TranslatedBody) -> ExecuteOrder:
    try:
        return read(ExecuteOrder, translated.fields)
    except Problem as problem:
        raise translated.with_client_names(problem) from None


def announced(**event: Any) -> EventMessage:
    return EventMessage("one", "me", event["seq"], False, orjson.dumps({"orderId": "one", **event}))


def test_a_native_body_is_left_alone() -> None:
    fields = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}
    assert execute_body(fields) == TranslatedBody(fields)


def test_side_is_echoed_and_the_amount_is_always_the_input() -> None:
    bought, sold = execute_body(SIDED), execute_body(SIDED | {"side": "sell"})
    assert bought.fields == sold.fields == {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}
    assert (bought.echo, sold.echo) == ({"side": "buy"}, {"side": "sell"})


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        (without(SIDED, "side"), ["/side"]),
        (without(SIDED, "outputToken"), ["/outputToken"]),
        (SIDED | {"side": "hold"}, ["/side"]),
        (SIDED | {"side": ["buy"]}, ["/side"]),
        (SIDED | {"tokenIn": "SOL"}, ["/tokenIn"]),
        (SIDED | {"tokenOut": "USDC"}, ["/tokenOut"]),
        (SIDED | {"inputToken": ""}, ["/inputToken"]),
        (SIDED | {"inputToken": None}, ["/inputToken"]),
        (SIDED | {"amount": "x" * 40}, ["/amount"]),
        (SIDED | {"slippage": 0.1}, [""]),
        (SLIPPING | {"side": "buy"}, [""]),
        (SLIPPING | {"outputToken": "USDC"}, [""]),
        (SLIPPING | {"slippage": 1}, [""]),
    ],
)
def test_spellings_are_not_mixed_on_execute(fields: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(Problem) as refused:
        understood(execute_body(fields))
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
        # What JavaScript makes of 0.7 / 100; its engine's table had four places too.
        ("0.006999999999999999", 70),
        ("0.00004", 0),
        ("0.00005", 1),
    ],
)
def test_slippage_is_a_fraction_read_from_its_literal_text(slippage: str, bps: int) -> None:
    said = order_body(parse(f'{{"tokenIn":"SOL","tokenOut":"USDC","amount":1.5,"slippage":{slippage}}}'.encode()))
    assert understood(said).slippage_bps == bps


def test_without_slippage_the_default_holds() -> None:
    assert understood(order_body(SLIPPING)).slippage_bps is None


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
def test_a_slippage_that_is_no_fraction_is_refused(slippage: str) -> None:
    with pytest.raises(Problem) as refused:
        order_body(parse(f'{{"tokenIn":"SOL","tokenOut":"USDC","amount":1,"slippage":{slippage}}}'.encode()))
    assert [pointer for pointer, _ in refused.value.errors] == ["/slippage"]


def test_slippage_and_slippage_bps_are_not_mixed() -> None:
    with pytest.raises(Problem) as refused:
        order_body(SLIPPING | {"slippage": 1, "slippageBps": 50})
    assert [pointer for pointer, _ in refused.value.errors] == ["/slippageBps"]


def test_venue_frames_carry_the_venues_own_name_and_numbers_to_the_last_digit() -> None:
    building = announced(seq=3, status="building", dex="raydium", price="149.622015000000000001", quotes=[{"a": "1"}])
    confirmed = announced(seq=5, status="confirmed", dex="meteora", executedPrice="105.5", amountOut="7", txHash="5K")
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


def test_history_comes_first_even_when_there_is_none_yet() -> None:
    frames = history_then_updates()
    assert frames([]) == ['{"type":"history","data":[]}']
    one, two = frames([announced(seq=1, status="pending"), announced(seq=2, status="routing")])
    assert orjson.loads(one) == {"type": "update", "data": {"orderId": "one", "seq": 1, "status": "pending"}}
    assert orjson.loads(two)["data"]["status"] == "routing"


def test_each_socket_has_a_history_of_its_own() -> None:
    first, second = history_then_updates(), history_then_updates()
    first([])
    assert second([announced(seq=1, status="pending")])[0].startswith('{"type":"history"')
