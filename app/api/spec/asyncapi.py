"""The streams, described for programs: AsyncAPI 3.0 at /asyncapi.json, as OpenAPI describes the rest."""

from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.context import sockets_base
from app.api.views import as_json
from app.dex.simulated.venues import KINDS

router = APIRouter()

Schema = dict[str, Any]

CLOSE_CODES = (
    "Closes with 1000 once the order has ended. 4400: the request makes no sense, 4401: not allowed, 4404: no such "
    "order, 4408: you read too slowly, 4429: too many sockets of yours, 1009: you said more than 4 KiB at once, "
    "1013: the database is away. 4401 also ends a socket whose API key is revoked. "
    "After 4408, 1013, or a connection that broke: come "
    "back with `after=` the last `seq` you saw."
)
TEXT: Schema = {"type": "string"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
DECIMAL: Schema = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$", "description": "An exact decimal"}
NUMBER: Schema = {"type": "number"}
VENUE: Schema = {"enum": [kind.name for kind in KINDS]}
TX_HASH: Schema = {"type": "string", "description": "The signature of the swap, in base58"}
QUOTES: Schema = {"type": "array", "items": {"type": "object"}, "description": "Each venue's answer, and why it lost"}
TICKET: Schema = {
    "ticket": {"type": "string", "description": "Where no header can be set: from `wsUrl` or `POST /api/tickets`"}
}
WHY: Schema = {"error": TEXT, "code": TEXT}

# status → what its event says besides orderId, seq, status, attempt and at; (always, sometimes)
DETAILS: dict[str, tuple[Schema, Schema]] = {
    "pending": ({}, {**WHY, "retryInMs": {"type": "integer", "description": "A new attempt begins after this"}}),
    "routing": ({}, {}),
    "building": (
        {"dex": VENUE, "price": DECIMAL, "minAmountOut": DECIMAL, "quotes": QUOTES},
        {"amountOut": DECIMAL, "route": {"type": "array", "items": TEXT}},
    ),
    "submitted": ({"txHash": TX_HASH}, {}),
    "confirmed": ({"txHash": TX_HASH, "dex": VENUE, "executedPrice": DECIMAL, "amountOut": DECIMAL}, {}),
    "failed": (WHY, {}),
    "cancelled": ({}, {}),
}
ALL_OF: Schema = {
    "orderId": {"type": "string", "format": "uuid"},
    "seq": {"type": "integer", "minimum": 1, "description": "1, 2, 3 … without a gap; the place in the order's log"},
    "attempt": {"type": "integer", "minimum": 0, "description": "Attempts begun; 0 before the first"},
    "at": MOMENT,
}


def _object(always: Schema, sometimes: Schema | None = None) -> Schema:
    return {"type": "object", "required": list(always), "properties": always | (sometimes or {})}


def _event(status: str, kind: str | None = None) -> Schema:
    always, sometimes = DETAILS[status]
    marked = {"type": {"const": kind}} if kind else {}
    return _object(marked | ALL_OF | {"status": {"const": status}} | always, sometimes)


def _with_venue(status: str) -> Schema:
    """As `dialects.venue_frames` tells it."""
    event = _event(status)
    properties = {name: NUMBER if shape is DECIMAL else shape for name, shape in event["properties"].items()}
    for left_out in ("dex", "quotes", "route"):
        properties.pop(left_out, None)
    if status in ("building", "confirmed"):
        properties |= {"venue": {"enum": [kind.name.capitalize() for kind in KINDS]}, "price": NUMBER}
    required = [name for name in event["required"] if name in properties]
    return {"type": "object", "required": required, "properties": properties}


def _any_event(kind: str | None = None) -> Schema:
    return {"oneOf": [_event(status, kind) for status in DETAILS]}


MESSAGES: dict[str, tuple[str, Schema]] = {
    "event": ("One step of an order", _any_event()),
    "venueEvent": (
        "One step of an order, with `venue`, and prices as numbers",
        {"oneOf": [_with_venue(status) for status in DETAILS]},
    ),
    "history": (
        "All that had happened when the socket opened",
        _object(
            {
                "type": {"const": "history"},
                "data": {"type": "array", "items": {"$ref": "#/components/messages/event/payload"}},
            }
        ),
    ),
    "update": (
        "One step of an order",
        _object({"type": {"const": "update"}, "data": {"$ref": "#/components/messages/event/payload"}}),
    ),
    "subscribe": (
        "Say which orders: by id, or all that are mine and have not ended, and every later one. A frame is at most "
        "4 KiB, some 100 ids; each further one adds to those before, up to 1,000 orders named",
        _object(
            {
                "op": {"const": "subscribe"},
                "orders": {"oneOf": [{"const": "all"}, {"type": "array", "items": TEXT, "maxItems": 100}]},
            },
            {"after": {"type": "object", "additionalProperties": {"type": "integer"}, "description": "id → last seq"}},
        ),
    ),
    "subscribed": (
        "What is followed from now on; the log of each order comes next",
        _object(
            {
                "type": {"const": "subscribed"},
                "orders": {"oneOf": [{"const": "all"}, {"type": "array", "items": TEXT}]},
            }
        ),
    ),
    "anyEvent": ("One step of any order followed", _any_event("event")),
    "refused": (
        "What was said is no operation, or an order does not exist; the stream goes on",
        _object({"type": {"const": "error"}, "code": TEXT}, {"detail": TEXT, "orderId": TEXT}),
    ),
}
AFTER: Schema = {"after": {"type": "integer", "minimum": 0, "description": "Only what comes after this event"}}
ORDER_ID: Schema = {"orderId": {"description": "From the answer to placing the order"}}
OF_ORDER: Schema = {"orderId": {"type": "string", "description": "Which order"}} | AFTER

# name → (address, what it is, messages sent, messages received, query)
CHANNELS: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...], Schema]] = {
    "order": (
        "/api/orders/execute",
        f"One order's whole log: what has happened, then what happens. {CLOSE_CODES}",
        ("event",),
        (),
        OF_ORDER,
    ),
    "many": (
        "/api/stream",
        "Many orders on one socket. Only the client closes it; 1009: it said more than 4 KiB at once, 4401: its key "
        "was revoked.",
        ("subscribed", "anyEvent", "refused"),
        ("subscribe",),
        {},
    ),
    "venue": (
        "/api/orders/{orderId}/ws",
        f"For older clients: venue names and numbers. {CLOSE_CODES}",
        ("venueEvent",),
        (),
        AFTER,
    ),
    "status": (
        "/api/orders/{orderId}/status",
        f"For older clients: one frame of history, then updates. {CLOSE_CODES}",
        ("history", "update"),
        (),
        AFTER,
    ),
    "plain": ("/order/{orderId}", f"For older clients: as /api/orders/execute. {CLOSE_CODES}", ("event",), (), AFTER),
    "source": (
        "/api/orders/{orderId}/events",
        "One order's whole log as Server-Sent Events (`Accept: text/event-stream`); each event's `id` is its `seq`, "
        "and `Last-Event-ID` resumes.",
        ("event",),
        (),
        AFTER,
    ),
}


def document(sockets: str, version: str) -> dict[str, Any]:
    """The whole document for an engine whose sockets are at this address."""
    split = urlsplit(sockets)
    secure = split.scheme == "wss"
    servers = {
        "sockets": {"host": split.netloc, "pathname": split.path or "/", "protocol": split.scheme},
        "http": {"host": split.netloc, "pathname": split.path or "/", "protocol": "https" if secure else "http"},
    }
    operations = {}
    for name, (_, about, sent, received, _) in CHANNELS.items():
        for action, messages in (("send", sent), ("receive", received)):
            if messages:
                operations[f"{action}_{name}"] = {
                    "action": action,
                    "channel": {"$ref": f"#/channels/{name}"},
                    "summary": about.partition(".")[0],
                    "messages": [{"$ref": f"#/channels/{name}/messages/{message}"} for message in messages],
                }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Order Execution Engine",
            "version": version,
            "description": "Place an order by HTTP (see /openapi.json), then hear every step of it here. Two requests, "
            "because a WebSocket handshake is a GET (RFC 6455). Nothing is missed in between.",
        },
        "defaultContentType": "application/json",
        "servers": servers,
        "channels": {name: _channel(name) for name in CHANNELS},
        "operations": operations,
        "components": {
            "messages": {
                name: {"name": name, "summary": summary, "payload": payload}
                for name, (summary, payload) in MESSAGES.items()
            }
        },
    }


def _channel(name: str) -> dict[str, Any]:
    address, about, sent, received, query = CHANNELS[name]
    channel: dict[str, Any] = {
        "address": address,
        "description": about,
        "servers": [{"$ref": "#/servers/http" if name == "source" else "#/servers/sockets"}],
        "messages": {message: {"$ref": f"#/components/messages/{message}"} for message in sent + received},
    }
    if "{orderId}" in address:
        channel["parameters"] = ORDER_ID
    if name != "source":
        channel["bindings"] = {"ws": {"method": "GET", "query": {"type": "object", "properties": query | TICKET}}}
    return channel


@router.get("/asyncapi.json", include_in_schema=False)
async def asyncapi(request: Request) -> Response:
    return as_json(document(sockets_base(request), request.app.version))
