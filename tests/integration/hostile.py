"""Hypothesis strategies for hostile bodies and frames."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from tests.integration.hostile_client import frame

MARKER = "Xyzzy0451"  # part of many requests, and of no log; errors repeat it only as the name of a field or parameter
UNKNOWN = "01a1fcdd-4c14-773b-8d77-909b122b0037"


def repeated_values(problem: dict[str, Any]) -> str:
    """A problem without the names that the engine does not know. It may repeat these, printable and cut."""
    errors = problem.get("errors", [])
    assert len(errors) <= 10
    for error in errors:
        assert error["pointer"].isascii()
        assert error["pointer"].isprintable()
        assert max(map(len, error["pointer"].split("/"))) < 140  # `~` and `/` take two characters each
    return json.dumps(problem | {"errors": [one for one in errors if not one["message"].startswith("unknown ")]})


# ---- JSON texts ----

ODD_CHARACTERS = st.sampled_from(
    ["\0", "\x1b[31m", "\r\n", "\u202e", "\u2028", "\ufeff", "\U0001f4a9", '"', "\\", MARKER]
)
TEXTS = st.lists(ODD_CHARACTERS | st.text(max_size=8), max_size=4).map("".join).map(json.dumps)
ESCAPES = st.sampled_from(
    [f'"\\ud800{MARKER}"', '"\\udfff"', f'"{MARKER}\\u0000"', '"\\ud83d\\ude00"', '"\\x41"', '"\\u12"']
)
NUMBERS = st.sampled_from(
    [
        *(
            "NaN",
            "Infinity",
            "-Infinity",
            "-0",
            "0",
            "1e400",
            "-1e400",
            "1E-400",
            "1e999999999",
            "0x10",
            "01",
            "+1",
            "1.",
        ),
        *(
            "9" * 40,
            "9" * 41,
            "9" * 5_000,
            "-" + "9" * 30,
            "1." + "0" * 5_000,
            "18446744073709551616",
            "1_000",
            "\u0661",
        ),
    ]
) | st.floats().map(repr)
MOMENTS = st.sampled_from(
    [f'"{text}"' for text in ("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "2027-01-01T00:00:00Z", "now")]
)
ATOMS = (
    NUMBERS | TEXTS | ESCAPES | MOMENTS | st.sampled_from(["null", "true", "false", "", "undefined", "'x'", "/**/1"])
)
NAMES = TEXTS | st.sampled_from(
    [f'"{name}"' for name in ("tokenIn", "amount", "orders", "orderId", "op", "__proto__", "idempotencyKey", MARKER)]
)


def _nested(depth: int, how: tuple[str, str, str]) -> str:
    return how[0] * depth + how[1] + how[2] * depth


DEEP = st.builds(
    _nested,
    st.sampled_from([50, 900, 1_100, 20_000]),
    st.sampled_from([("[", "", "]"), ("[", "", ""), ('{"a":', "1", "}"), ('{"a":', "1", "")]),
)


def _object(pairs: Sequence[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{name}:{value}" for name, value in pairs) + "}"


VALUES = st.recursive(
    ATOMS | DEEP,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[" + ",".join(items) + "]")
        | st.lists(st.tuples(NAMES, inner), max_size=3).map(_object)
    ),
    max_leaves=5,
)

# ---- bodies: a valid one with fields changed, added, repeated or removed, and perhaps with changed bytes ----

Fields = Mapping[str, "str | Fields | list[Fields]"]
"""Field names and JSON texts; an object inside may be changed too."""

ORDER: Fields = {"tokenIn": '"SOL"', "tokenOut": '"USDC"', "amount": "1.5"}
PROFIT: Fields = {**ORDER, "orderType": '"take_profit"', "trigger": {"price": '"100000"', "persistSlots": "3"}}
STOP: Fields = {**ORDER, "orderType": '"stop"', "trigger": {"price": '"1"', "when": '"below"'}, "limitPrice": '"1"'}
SCHEDULE: Fields = {"slices": "3", "everySeconds": "10", "startAt": '"2027-01-01T00:00:00Z"', "onMiss": '"skip"'}
BODIES: list[tuple[str, Fields]] = [
    (
        "/api/orders/execute",
        {
            **{**ORDER, "slippageBps": "50", "orderType": '"market"', "venues": '["raydium"]', "expiresInSeconds": "9"},
            **{"minAmountOut": '"1"', "maxPriceImpactBps": "100", "clientOrderId": '"mine"'},
        },
    ),
    ("/api/orders/execute", {**ORDER, "orderType": '"limit"', "limitPrice": '"100000"', "timeInForce": '"ioc"'}),
    ("/api/orders/execute", {**ORDER, "orderType": '"dca"', "schedule": SCHEDULE, "priceBand": {"min": '"1"'}}),
    ("/api/orders/execute", {**STOP, "expiresAt": '"2027-01-01T00:00:00Z"'}),
    ("/api/order-groups", {"type": '"oco"', "legs": [PROFIT, STOP]}),
    (
        "/api/order-groups",
        {
            **{"type": '"bracket"', "takeProfit": {"price": '"100000"'}, "stopLoss": {"price": '"1"'}},
            "entry": {**ORDER, "tokenIn": '"USDC"', "tokenOut": '"SOL"', "amount": "150", "limitPrice": '"0.007"'},
        },
    ),
    ("/api/orders/batch", {"orders": [ORDER, PROFIT]}),
    ("/api/tickets", {"orderId": f'"{UNKNOWN}"'}),
    ("/order", {**ORDER, "slippage": "0.01"}),
]
SIDE_BODY: Fields = {"side": '"buy"', "inputToken": '"SOL"', "outputToken": '"USDC"', "amount": "1"}


@st.composite
def mutated(draw: st.DrawFn, fields: Fields) -> bytes:
    return draw(bytes_of(draw(_changed(fields))))


def _whole(value: "str | Fields | list[Fields]") -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "[" + ",".join(map(_whole, value)) + "]"
    return _object([(json.dumps(name), _whole(inner)) for name, inner in value.items()])


@st.composite
def _changed(draw: st.DrawFn, fields: Fields) -> str:
    pairs = [(json.dumps(name), _whole(value)) for name, value in fields.items()]
    inside = [(at, value) for at, value in enumerate(fields.values()) if not isinstance(value, str)]
    if draw(st.booleans()) and inside:
        at, value = draw(st.sampled_from(inside))
        if isinstance(value, list):
            one = draw(st.integers(0, len(value) - 1))
            texts = [draw(_changed(each)) if n == one else _whole(each) for n, each in enumerate(value)]
            text = "[" + ",".join(texts) + "]"
        else:
            assert not isinstance(value, str)
            text = draw(_changed(value))
        pairs[at] = (pairs[at][0], text)
        return _object(pairs)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(pairs)))
        match draw(st.sampled_from(["value", "value", "value", "name", "more", "double", "less"])):
            case "value" if at < len(pairs):
                pairs[at] = (pairs[at][0], draw(VALUES))
            case "name" if at < len(pairs):
                pairs[at] = (draw(NAMES), pairs[at][1])
            case "more":
                pairs.insert(at, (draw(NAMES), draw(VALUES)))
            case "double" if at < len(pairs):
                pairs.append((pairs[at][0], draw(VALUES)))
            case "less" if at < len(pairs):
                del pairs[at]
    return _object(pairs)


@st.composite
def bytes_of(draw: st.DrawFn, text: str) -> bytes:
    whole = text.encode("utf-8", "surrogatepass")
    match draw(st.sampled_from(["as it is"] * 6 + ["bom", "utf-16", "latin", "cut", "more", "bytes", "list"])):
        case "bom":
            return b"\xef\xbb\xbf" + whole
        case "utf-16":
            return text.encode("utf-16", "surrogatepass")
        case "latin":
            return whole + b"\xff\xfe\xed\xa0\x80"
        case "cut":
            return whole[: draw(st.integers(0, len(whole)))]
        case "more":
            return whole + draw(st.binary(max_size=20)) + MARKER.encode()
        case "bytes":
            at = draw(st.integers(0, len(whole)))
            return whole[:at] + draw(st.binary(min_size=1, max_size=4)) + whole[at + 1 :]
        case "list":
            return b"[" + whole + b"]"
    return whole


# ---- frames ----

SUBSCRIPTION: Fields = {"op": '"subscribe"', "orders": f'["{UNKNOWN}"]', "after": f'{{"{UNKNOWN}":1}}'}
FRAMES = st.builds(
    frame,
    st.sampled_from([1] * 8 + [0, 2, 3, 8, 9, 10, 15]),
    mutated(SUBSCRIPTION)
    | st.binary(max_size=130)
    | st.sampled_from([MARKER.encode() * 500, b"\xff\xfe", b"\x03\xe8\xff"]),
    final=st.sampled_from([True] * 6 + [False]),
    reserved=st.sampled_from([0] * 10 + [1, 4]),
    masked=st.sampled_from([True] * 12 + [False]),
)
