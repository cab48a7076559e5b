"""What the engine sends to a webhook, for the OpenAPI document."""

from typing import Any

from app.orders.lifecycle import Status

_HEADERS = {
    "webhook-id": ("The same in each attempt: leave out what you have had", "msg_0f4fcdde3cf84b0cb9b6a6a4e0ab7a0d"),
    "webhook-timestamp": (
        "When it was sent, in seconds since 1970: refuse what is older than five minutes",
        "1795854989",
    ),
    "webhook-signature": (
        "`v1,` and the HMAC-SHA256, in base64, of `id.timestamp.body`; after a rotation two, with a blank between",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
}
_TERMS = {"orderType": "market", "tokenIn": "SOL", "tokenOut": "USDC", "clientOrderId": None}
_BODY = {
    "type": "object",
    "required": ["type", "timestamp", "data"],
    "properties": {
        "type": {"enum": [*(f"order.{status}" for status in Status), "webhook.test"]},
        "timestamp": {"type": "string", "format": "date-time", "description": "Of the event"},
        "data": {
            "type": "object",
            "description": "The event as on every stream, and these fields of its order. Of a test: its `messageId`",
            "properties": {name: {"type": ["string", "null"]} for name in _TERMS},
        },
    },
    "example": {
        "type": "order.confirmed",
        "timestamp": "2026-11-28T08:36:29.654353Z",
        "data": {
            **_TERMS,
            "orderId": "01a1fcdd-4c14-773b-8d77-909b122b0037",
            "seq": 5,
            "status": "confirmed",
            "attempt": 1,
            "at": "2026-11-28T08:36:29.654353Z",
            "dex": "raydium",
            "executedPrice": 149.86,
            "amountOut": "224.79",
        },
    },
}
SENT: dict[str, Any] = {
    "event": {
        "post": {
            "summary": "An event of your orders",
            "description": "Signed as standardwebhooks.com specifies. Any answer 2xx within 10 seconds takes it.",
            "tags": ["webhooks"],
            "parameters": [
                {
                    "name": name,
                    "in": "header",
                    "required": True,
                    "description": text,
                    "schema": {"type": "string"},
                    "example": example,
                }
                for name, (text, example) in _HEADERS.items()
            ],
            "requestBody": {"required": True, "content": {"application/json": {"schema": _BODY}}},
            "responses": {
                "2XX": {"description": "Taken"},
                "410": {"description": "Send nothing more: the webhook is switched off"},
                "default": {"description": "It is sent again"},
            },
        }
    }
}
