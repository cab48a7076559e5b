"""What older clients say and hear, translated to and from the one real API. Nothing is decided here.

Each speaks as the README of its own engine taught it; `docs/legacy-clients.md` has them side by side.
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
INPUT_TOKEN_WORDS = {"tokenIn": "inputToken", "tokenOut": "outputToken"}
SLIPPAGE_WORDS = {"slippageBps": "slippage"}

FRACTION = re.compile(r"[0-9]{1,20}(\.[0-9]{1,18})?")
BPS_IN_ONE = 10_000

SIDE_SCHEMA = {"enum": list(SIDES), "description": "Echoed. `amount` is what you give of inputToken, either way"}
SLIPPAGE_SCHEMA = {
    "anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string", "pattern": f"^{FRACTION.pattern}$"}],
    "description": "A fraction: 0.01 is one percent, 1.0 takes any price. Rounded to whole basis points (4 places)",
    "examples": [0.01],
}


@dataclass(frozen=True, slots=True)
class TranslatedBody:
    """A body in the words of the real API, and what is needed to answer in the client's own."""

    fields: dict[str, Any]
    echo: Mapping[str, Any] = field(default_factory=dict)  # what the answer repeats
    words: Mapping[str, str] = field(default_factory=dict)  # field of the real API → the client's word for it

    def pointing(self, problem: Problem) -> Problem:
        """The problem, pointing at the fields that the client wrote."""
        own = {f"/{name}": f"/{word}" for name, word in self.words.items()}
        problem.errors = [(own.get(at, at), message) for at, message in problem.errors]
        return problem


def execute_body(fields: dict[str, Any]) -> TranslatedBody:
    """A body of POST /api/orders/execute: one that has `inputToken` is of a client that says side, in and out."""
    if "inputToken" not in fields:
        return TranslatedBody(fields)
    own = _without_other_words(fields, INPUT_TOKEN_WORDS)
    side = own.pop("side", None)
    if side not in SIDES:
        raise invalid([("/side", f"must be one of: {', '.join(SIDES)}")])
    return TranslatedBody(own, {"side": side}, INPUT_TOKEN_WORDS)


def order_body(fields: dict[str, Any]) -> TranslatedBody:
    """A body of POST /order: `slippage` is a fraction."""
    own = _without_other_words(fields, SLIPPAGE_WORDS)
    if "slippageBps" in own:
        own["slippageBps"] = _bps(own["slippageBps"])
    return TranslatedBody(own, {}, SLIPPAGE_WORDS)


def body_schema(words: Mapping[str, str], others: Mapping[str, Any]) -> dict[str, Any]:
    """The shape of an older body: that of the real one, in other words. It cannot differ in anything else."""
    schema = ExecuteOrder.model_json_schema(ref_template="#/components/schemas/{model}")
    properties = {words.get(name, name): shape for name, shape in schema["properties"].items()}
    required = [words.get(name, name) for name in schema["required"]]
    added = [name for name in others if name not in properties]
    return schema | {"properties": properties | dict(others), "required": required + added}


def venue_frames(items: Iterable[EventMessage]) -> list[str]:
    """Each event with `venue` "Raydium" or "Meteora", and prices and amounts as numbers, to their last digit."""
    return [orjson.dumps(_with_venue(orjson.loads(item.body))).decode() for item in items]


def history_then_updates() -> Callable[[Iterable[EventMessage]], list[str]]:
    """For one socket: first all that has happened in one frame, then a frame for each event.

    An order that has ended is one frame of history; there is nothing to update.
    """
    told = False

    def frames(items: Iterable[EventMessage]) -> list[str]:
        nonlocal told
        bodies = [item.body.decode() for item in items]
        if told:
            return [f'{{"type":"update","data":{body}}}' for body in bodies]
        told = True
        return [f'{{"type":"history","data":[{",".join(bodies)}]}}']

    return frames


def _without_other_words(fields: dict[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    """The fields in the words of the real API; those words themselves must not stand beside the client's."""
    mixed = [f"/{name}" for name in words if name in fields]
    if mixed:
        said = ", ".join(words.values())
        raise invalid([(name, f"cannot be used in a body that says {said}") for name in mixed])
    meant = {word: name for name, word in words.items()}
    return {meant.get(name, name): value for name, value in fields.items()}


def _bps(slippage: Any) -> int:
    """A fraction in basis points, read from its literal text and kept to four places as its engine's table did."""
    text = slippage.text if isinstance(slippage, NumberText) else slippage
    if isinstance(text, (int, str)) and not isinstance(text, bool) and FRACTION.fullmatch(str(text)):
        fraction = Decimal(text)
        if fraction <= 1:
            return int((fraction * BPS_IN_ONE).quantize(Decimal(1), ROUND_HALF_UP))
    raise invalid([("/slippage", "must be a decimal fraction from 0 to 1, as 0.01 for one percent")])


_DECIMALS = ("price", "executedPrice", "amountOut", "minAmountOut")
_LEFT_OUT = ("dex", "quotes", "route")


def _with_venue(event: dict[str, Any]) -> dict[str, Any]:
    frame = {name: value for name, value in event.items() if name not in _LEFT_OUT}
    for name in _DECIMALS:
        if name in frame:
            frame[name] = orjson.Fragment(frame[name])  # a number, digit for digit; a float would round it
    if "executedPrice" in frame:
        frame["price"] = frame["executedPrice"]
    if "dex" in event:
        frame["venue"] = event["dex"].capitalize()
    return frame
