"""The fields of the events of orders, for the AsyncAPI document."""

from typing import Any

from app.network import VENUE_NAMES

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
TIME: Schema = {"type": "string", "format": "date-time"}
DECIMAL: Schema = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$", "description": "An exact decimal"}
NUMBER: Schema = {"type": "number"}
PRICE: Schema = {"type": "number", "description": "tokenOut for one tokenIn, with all its digits"}
VENUE: Schema = {"enum": list(VENUE_NAMES)}
TX_HASH: Schema = {"type": "string", "description": "The signature of the swap, in base58"}
QUOTES: Schema = {
    "type": "array",
    "items": {"type": "object"},
    "description": "The quote of each venue, and why it won or lost",
}
ERROR: Schema = {"error": TEXT, "code": TEXT}

SYMBOL: Schema = {"type": "string", "description": "Of a sniper: the symbol of the token that was launched"}

FIRED: Schema = {
    "type": "object",
    "required": ["slot", "price", "level", "source"],
    "properties": {
        "slot": {"type": "integer", "description": "The slot whose price met the condition"},
        "price": DECIMAL,
        "level": DECIMAL | {"description": "What the price had to reach"},
        "extreme": DECIMAL | {"description": "Of a trailing stop: the highest price that it has seen"},
        "source": {"type": "string", "description": "`venues`: their mid prices; otherwise the venue of the quote"},
    },
    "description": "Why an order that waited was fired",
}

# status → fields of its event besides orderId, seq, status, attempt and at: (required, optional)
DETAILS: dict[str, tuple[Schema, Schema]] = {
    "open": (
        {},
        {
            **ERROR,
            "why": TEXT,
            "retryInMs": {"type": "integer", "description": "It does not fire before"},
            "tokenOut": SYMBOL,
        },
    ),
    "pending": (
        {},
        {
            **ERROR,
            "retryInMs": {"type": "integer", "description": "Delay before the next attempt"},
            "trigger": FIRED,
            "tokenOut": SYMBOL,
            "startsInMs": {"type": "integer", "description": "How soon the limit of starts per minute lets it start"},
        },
    ),
    "routing": ({}, {}),
    "building": (
        {"dex": VENUE, "price": PRICE, "minAmountOut": DECIMAL, "quotes": QUOTES},
        {"amountOut": DECIMAL, "route": {"type": "object", "required": ["dex", "tokens"]}},
    ),
    "submitted": ({"txHash": TX_HASH}, {}),
    "confirmed": (
        {"txHash": TX_HASH, "dex": VENUE, "executedPrice": PRICE, "amountOut": DECIMAL},
        {"networkFee": DECIMAL, "explorerUrl": TEXT},
    ),
    "failed": (ERROR, {"simulation": {"type": "object"}}),
    "cancelled": ({}, {"code": TEXT}),
    "expired": (ERROR, {}),
    "completed": ({}, {}),
}
COMMON_FIELDS: Schema = {
    "orderId": {"type": "string", "format": "uuid"},
    "seq": {"type": "integer", "minimum": 1, "description": "1, 2, 3 … without a gap: the position in the order's log"},
    "attempt": {"type": "integer", "minimum": 0, "description": "Attempts started; 0 before the first"},
    "at": TIME,
}
