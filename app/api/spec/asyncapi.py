"""The AsyncAPI 3.0 document of the streams."""

from typing import Any
from urllib.parse import urlsplit

from app.api.spec.events import COMMON_FIELDS, DECIMAL, DETAILS, NUMBER, TEXT, TIME, Schema
from app.network import VENUE_NAMES

CLOSE_CODES = (
    "Closes with 1000 once the order has ended. 4400: bad request, 4401: not allowed, 4404: no such order, 4408: you "
    "read too slowly, 4429: you have too many open sockets, opened too many in the last minute, or your streams follow "
    "too many orders together, 1008: you sent too many frames (100 at once, then 50 per second), 1009: you sent a "
    "message of more than 4 KiB, 1013: the engine has too many open sockets, or the database is unavailable, or it was "
    "restored to a state in which it does not have all events that you received (the reason says so: reconnect with "
    "`after=0`). 4401 also closes a socket whose API key is revoked or expires. After 4408, another 1013 or a broken "
    "connection, reconnect with `after=` the last `seq` you received."
)
TICKET: Schema = {
    "ticket": {
        "type": "string",
        "description": "Replaces the API key where no header can be set; from `wsUrl` or `POST /api/tickets`",
    }
}
# What sockets add for legacy clients (app/api/dialects/frames.py). A confirmed event also has `execution`.
EXECUTE_FIELDS: Schema = {"ts": TIME, "replay": {"type": "boolean", "description": "Sent before the socket opened"}}
DETAIL_FIELDS: Schema = {"timestamp": TIME, "detail": {"type": "object"}}
STATUS_FIELDS: Schema = {"type": {"const": "status"}, "message": TEXT} | DETAIL_FIELDS | EXECUTE_FIELDS


def _object(required: Schema, optional: Schema | None = None) -> Schema:
    return {"type": "object", "required": list(required), "properties": required | (optional or {})}


def _event(status: str, more: Schema | None = None) -> Schema:
    required, optional = DETAILS[status]
    return _object((more or {}) | COMMON_FIELDS | {"status": {"const": status}} | required, optional)


def _with_venue(status: str) -> Schema:
    """The event as `venue_frames` sends it."""
    event = _event(status)
    properties = {name: NUMBER if shape is DECIMAL else shape for name, shape in event["properties"].items()}
    for omitted in ("dex", "quotes", "route"):
        properties.pop(omitted, None)
    if status in ("building", "confirmed"):
        properties |= {"venue": {"enum": [name.capitalize() for name in VENUE_NAMES]}, "price": NUMBER}
    required = [name for name in event["required"] if name in properties]
    return {"type": "object", "required": required, "properties": properties}


def _any_event(more: Schema | None = None) -> Schema:
    return {"oneOf": [_event(status, more) for status in DETAILS]}


MESSAGES: dict[str, tuple[str, Schema]] = {
    "event": ("One step of an order", _any_event()),
    "executeEvent": ("One step of an order, with `ts` and `replay`", _any_event(EXECUTE_FIELDS)),
    "statusEvent": ("One step of an order, with `type` and `message`", _any_event(STATUS_FIELDS)),
    "venueEvent": (
        "One step of an order, with `venue`, and with prices and amounts as numbers",
        {"oneOf": [_with_venue(status) for status in DETAILS]},
    ),
    "history": (
        "All events up to the opening of the socket",
        _object(
            {
                "type": {"const": "history"},
                "data": {"type": "array", "items": _any_event(DETAIL_FIELDS)},
            }
        ),
    ),
    "update": (
        "One step of an order",
        _object({"type": {"const": "update"}, "data": _any_event(DETAIL_FIELDS)}),
    ),
    "subscribe": (
        "Follow orders: those named by id, or all your unfinished orders and every later one. A frame may have up to "
        "4 KiB, about 100 ids. Each further frame adds orders, up to 1,000 named ones",
        _object(
            {
                "op": {"const": "subscribe"},
                "orders": {"oneOf": [{"const": "all"}, {"type": "array", "items": TEXT, "maxItems": 100}]},
            },
            {"after": {"type": "object", "additionalProperties": {"type": "integer"}, "description": "id → last seq"}},
        ),
    ),
    "subscribed": (
        "The orders that are now followed; the log of each one comes next",
        _object(
            {
                "type": {"const": "subscribed"},
                "orders": {"oneOf": [{"const": "all"}, {"type": "array", "items": TEXT}]},
            }
        ),
    ),
    "ended": (
        "The order has ended, and no event of it comes: you have all of them, or they were deleted after a long time",
        _object({"type": {"const": "ended"}, "orderId": TEXT}),
    ),
    "anyEvent": ("One event of a followed order", _any_event({"type": {"const": "event"}})),
    "refused": (
        "The message was not a valid operation, or an order does not exist; the stream stays open",
        _object({"type": {"const": "error"}, "code": TEXT}, {"detail": TEXT, "orderId": TEXT}),
    ),
}
AFTER: Schema = {"after": {"type": "integer", "minimum": 0, "description": "Send only the events after this number"}}
ORDER_ID: Schema = {"orderId": {"description": "The `orderId` from the answer to placing the order"}}
OF_ORDER: Schema = {"orderId": {"type": "string", "description": "Which order"}} | AFTER

# name → (path, description, messages sent by the engine, messages received by it, query parameters)
CHANNELS: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...], Schema]] = {
    "order": (
        "/api/orders/execute",
        f"The event log of one order: first all events so far, then each new one. {CLOSE_CODES}",
        ("executeEvent",),
        (),
        OF_ORDER,
    ),
    "many": (
        "/api/stream",
        "The events of many orders on one socket. It stays open until the client closes it. 1009: the client sent a "
        "message of more than 4 KiB, 4401: its API key was revoked or has expired, 1013: the database was restored to "
        "a state in which it does not have all events that were sent here.",
        ("subscribed", "ended", "anyEvent", "refused"),
        ("subscribe",),
        {},
    ),
    "venue": (
        "/api/orders/{orderId}/ws",
        f"For legacy clients: with `venue`, and with amounts as numbers. {CLOSE_CODES}",
        ("venueEvent",),
        (),
        AFTER,
    ),
    "status": (
        "/api/orders/{orderId}/status",
        f"For legacy clients: one frame of history, then updates. {CLOSE_CODES}",
        ("history", "update"),
        (),
        AFTER,
    ),
    "plain": (
        "/order/{orderId}",
        f"For legacy clients: with `type` and `message`. {CLOSE_CODES}",
        ("statusEvent",),
        (),
        AFTER,
    ),
    "source": (
        "/api/orders/{orderId}/events",
        "The event log of one order as Server-Sent Events (`Accept: text/event-stream`). The `id` of each event is its "
        "`seq`; `Last-Event-ID` resumes.",
        ("event",),
        (),
        AFTER,
    ),
}


def document(sockets: str, version: str) -> dict[str, Any]:
    """The document for an engine with this base URL of its sockets."""
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
            "description": "Place an order over HTTP (see /openapi.json), then receive its events here. These are two "
            "requests, because a WebSocket handshake is a GET (RFC 6455). Events in between are not lost.",
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
