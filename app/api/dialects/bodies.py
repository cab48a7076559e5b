"""The words that legacy clients use in the body of an order, translated to the fields of the native API.

No rule of the engine is decided here. `docs/legacy-clients.md` describes every word.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from app.api.json_body import NumberText
from app.api.orders.bodies import ExecuteOrder
from app.api.problems import Problem, invalid

SIDES = ("buy", "sell")
SIDE_NAMES = {"tokenIn": "inputToken", "tokenOut": "outputToken"}
SLIPPAGE_NAMES = {"slippageBps": "slippage"}
LABEL = "clientOrderId"

FRACTION = re.compile(r"[0-9]{1,20}(\.[0-9]{1,18})?")
MAX_FRACTION = Decimal("0.05")  # a greater slippage is a percentage: 0.01 and 1.0 are both one percent
MAX_PERCENT = 10
BPS_IN_ONE, BPS_IN_PERCENT = 10_000, 100

SIDE_SCHEMA = {"enum": list(SIDES), "description": "Echoed. `amount` is always the amount of inputToken you pay"}
SLIPPAGE_SCHEMA = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": MAX_PERCENT},
        {"type": "string", "pattern": f"^{FRACTION.pattern}$"},
    ],
    "description": "Up to 0.05 a fraction, above that a percentage: 0.01 and 1.0 are both one percent. Rounded to "
    "whole basis points; the answer repeats them as `slippageBps`",
    "examples": [0.01],
}


@dataclass(frozen=True, slots=True)
class TranslatedBody:
    """A body with the field names of the native API, and what is needed to answer in the client's dialect."""

    fields: dict[str, Any]
    echo: Mapping[str, Any] = field(default_factory=dict)  # fields that the answer repeats
    names: Mapping[str, str] = field(default_factory=dict)  # native field name → the client's word for it

    def with_client_names(self, problem: Problem) -> Problem:
        """The problem, with pointers to the field names that the client used."""
        pointers = {f"/{native}": f"/{name}" for native, name in self.names.items()}
        problem.errors = [(pointers.get(at, at), message) for at, message in problem.errors]
        return problem


def _unchanged(value: Any) -> Any:
    return value


def _lower_case(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _bps(slippage: Any) -> int:
    """Basis points, from the literal text of a fraction or a percentage."""
    text = slippage.text if isinstance(slippage, NumberText) else slippage
    if isinstance(text, (int, str)) and not isinstance(text, bool) and FRACTION.fullmatch(str(text)):
        number = Decimal(text)
        if number <= MAX_PERCENT:
            unit = BPS_IN_ONE if number <= MAX_FRACTION else BPS_IN_PERCENT
            return int((number * unit).quantize(Decimal(1), ROUND_HALF_UP))
    raise ValueError(f"must be a fraction up to {MAX_FRACTION} or a percentage up to {MAX_PERCENT}: 0.01 and 1 are 1 %")


@dataclass(frozen=True, slots=True)
class Word:
    """What a client's word means."""

    native: str  # the field
    read: Callable[[Any], Any] = _unchanged  # the native value; raises ValueError
    excludes: tuple[str, ...] = ()  # native fields that cannot be in the same body, besides `native`


WORDS = {
    "inputToken": Word("tokenIn", excludes=("tokenOut",)),
    "outputToken": Word("tokenOut", excludes=("tokenIn",)),
    "amountIn": Word("amount"),
    "type": Word("orderType", _lower_case),
    "orderType": Word("orderType", _lower_case),
    "slippage": Word("slippageBps", _bps),
    "slippageTolerance": Word("slippageBps", _bps),
    # Labels never decide who owns the order. Of several the first is kept, the others have no effect.
    "orderId": Word(LABEL, _text),
    "userId": Word(LABEL, _text),
    "walletAddress": Word(LABEL, _text),
}


def translate(fields: dict[str, Any]) -> TranslatedBody:
    """The body of one order. Without any word of a legacy client it is left as it is."""
    if WORDS.keys().isdisjoint(fields):
        return TranslatedBody(fields)
    native = {name: value for name, value in fields.items() if name not in WORDS}
    errors: dict[str, str] = {}
    names: dict[str, str] = {}
    echo: dict[str, Any] = {}
    for name, word in WORDS.items():
        if name not in fields:
            continue
        for mixed in sorted({word.native, *word.excludes} & fields.keys() - {name}):
            errors[f"/{mixed}"] = f"cannot be used in a body with {name}"
        if word.native in names:
            if word.native != LABEL:
                errors[f"/{name}"] = f"cannot be used in a body with {names[word.native]}"
            continue
        names[word.native] = name
        try:
            native[word.native] = word.read(fields[name])
        except ValueError as error:
            errors[f"/{name}"] = str(error)
    if "tokenIn" in names or "tokenOut" in names:
        names |= SIDE_NAMES  # also for the error that one of the two is missing
    if "side" in native and "tokenIn" in names:
        echo["side"] = native.pop("side")
        if echo["side"] not in SIDES:
            errors["/side"] = f"must be one of: {', '.join(SIDES)}"
    if "slippageBps" in names:
        echo["slippageBps"] = native.get("slippageBps")
    if errors:
        raise invalid(list(errors.items()))
    return TranslatedBody(native, echo, names)


def body_schema(names: Mapping[str, str], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a body in a dialect: made from the native one, so that only names and `overrides` differ."""
    schema = ExecuteOrder.model_json_schema(ref_template="#/components/schemas/{model}")
    properties = {names.get(name, name): shape for name, shape in schema["properties"].items()}
    required = [names.get(name, name) for name in schema["required"]]
    return schema | {"properties": properties | dict(overrides), "required": required}
