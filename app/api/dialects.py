"""The request and frame formats of legacy clients, translated to and from the native API.

No rule of the engine is decided here. Each dialect follows the README of the engine it comes from;
`docs/legacy-clients.md` compares them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import orjson

from app.api.json_body import NumberText
from app.api.problems import Problem, invalid
from app.api.schemas import ExecuteOrder
from app.orders.events.publisher import EventMessage

SIDES = ("buy", "sell")
SIDE_NAMES = {"tokenIn": "inputToken", "tokenOut": "outputToken"}
SLIPPAGE_NAMES = {"slippageBps": "slippage"}

FRACTION = re.compile(r"[0-9]{1,20}(\.[0-9]{1,18})?")
BPS_IN_ONE = 10_000

SIDE_SCHEMA = {"enum": list(SIDES), "description": "Echoed. `amount` is always the amount of inputToken you pay"}
SLIPPAGE_SCHEMA = {
    "anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string", "pattern": f"^{FRACTION.pattern}$"}],
    "description": "A fraction: 0.01 is one percent, 1.0 accepts any price. Rounded to whole basis points (4 places)",
    "examples": [0.01],
}


@dataclass(frozen=True, slots=True)
class TranslatedBody:
    """A body with the field names of the native API, and what is needed to answer in the client's dialect."""

    fields: dict[str, Any]
    echo: Mapping[str, Any] = field(default_factory=dict)  # fields that the answer repeats
    names: Mapping[str, str] = field(default_factory=dict)  # native field name → the client's name for it

    def with_client_names(self, problem: Problem) -> Problem:
        """The problem, with pointers to the field names that the client used."""
        pointers = {f"/{native}": f"/{name}" for native, name in self.names.items()}
        problem.errors = [(pointers.get(at, at), message) for at, message in problem.errors]
        return problem


def execute_body(fields: dict[str, Any]) -> TranslatedBody:
    """The body of POST /api/orders/execute. With `inputToken` it is in the dialect of side, inputToken, outputToken."""
    if "inputToken" not in fields:
        return TranslatedBody(fields)
    native = _native_names(fields, SIDE_NAMES)
    side = native.pop("side", None)
    if side not in SIDES:
        raise invalid([("/side", f"must be one of: {', '.join(SIDES)}")])
    return TranslatedBody(native, {"side": side}, SIDE_NAMES)


def order_body(fields: dict[str, Any]) -> TranslatedBody:
    """The body of POST /order: `slippage` is a fraction."""
    native = _native_names(fields, SLIPPAGE_NAMES)
    if "slippageBps" in native:
        native["slippageBps"] = _bps(native["slippageBps"])
    return TranslatedBody(native, {}, SLIPPAGE_NAMES)


def body_schema(names: Mapping[str, str], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a body in a dialect: made from the native one, so that only names and `overrides` differ."""
    schema = ExecuteOrder.model_json_schema(ref_template="#/components/schemas/{model}")
    properties = {names.get(name, name): shape for name, shape in schema["properties"].items()}
    required = [names.get(name, name) for name in schema["required"]]
    added = [name for name in overrides if name not in properties]
    return schema | {"properties": properties | dict(overrides), "required": required + added}


def venue_frames(messages: Iterable[EventMessage]) -> list[str]:
    """Each event with `venue` "Raydium" or "Meteora", and with prices and amounts as exact numbers."""
    return [orjson.dumps(_with_venue(orjson.loads(message.body))).decode() for message in messages]


def history_then_updates() -> Callable[[Iterable[EventMessage]], list[str]]:
    """For one socket: one frame with all events so far, then one frame for each later event.

    An order that has ended is a single frame of history, without updates.
    """
    history_sent = False

    def frames(messages: Iterable[EventMessage]) -> list[str]:
        nonlocal history_sent
        bodies = [message.body.decode() for message in messages]
        if history_sent:
            return [f'{{"type":"update","data":{body}}}' for body in bodies]
        history_sent = True
        return [f'{{"type":"history","data":[{",".join(bodies)}]}}']

    return frames


def _native_names(fields: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The fields under their native names. A body must not mix those with the names of the dialect."""
    mixed = [f"/{native}" for native in names if native in fields]
    if mixed:
        dialect = ", ".join(names.values())
        raise invalid([(pointer, f"cannot be used in a body with {dialect}") for pointer in mixed])
    native_of = {name: native for native, name in names.items()}
    return {native_of.get(name, name): value for name, value in fields.items()}


def _bps(slippage: Any) -> int:
    """A fraction in basis points, read from its literal text. Rounded to four places, as the older engine stored it."""
    text = slippage.text if isinstance(slippage, NumberText) else slippage
    if isinstance(text, (int, str)) and not isinstance(text, bool) and FRACTION.fullmatch(str(text)):
        fraction = Decimal(text)
        if fraction <= 1:
            return int((fraction * BPS_IN_ONE).quantize(Decimal(1), ROUND_HALF_UP))
    raise invalid([("/slippage", "must be a decimal fraction from 0 to 1, such as 0.01 for one percent")])


_DECIMALS = ("price", "executedPrice", "amountOut", "minAmountOut")
_OMITTED = ("dex", "quotes", "route")


def _with_venue(event: dict[str, Any]) -> dict[str, Any]:
    frame = {name: value for name, value in event.items() if name not in _OMITTED}
    for name in _DECIMALS:
        if name in frame:
            frame[name] = orjson.Fragment(frame[name])  # a JSON number with the same digits; a float would round it
    if "executedPrice" in frame:
        frame["price"] = frame["executedPrice"]
    if "dex" in event:
        frame["venue"] = event["dex"].capitalize()
    return frame
