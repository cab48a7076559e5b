"""The OpenAPI document: what FastAPI finds in the routes, and what it cannot know."""

from typing import Annotated, Any

from fastapi import FastAPI, Path
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from app.api import dialects
from app.api.problems import ProblemDocument
from app.api.schemas import MAX_KEY_LENGTH, Batch, ExecuteOrder, RequestBody

REFERENCE = "#/components/schemas/{model}"
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key; local mode needs none"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key, for older clients"},
}
TICKET_WANTED = {
    "description": "One order, or the stream of many",
    "oneOf": [
        {
            "type": "object",
            "required": [name],
            "additionalProperties": False,
            "properties": {name: schema},
        }
        for name, schema in (
            ("orderId", {"type": "string", "format": "uuid"}),
            ("scope", {"const": "stream"}),
        )
    ],
}
READ_BY_HAND: tuple[type[RequestBody], ...] = (ExecuteOrder, Batch)  # bodies; numbers are taken from their literal text

# The bodies of older clients: those of the real API, in their words.
OLDER = {
    "TicketWanted": TICKET_WANTED,
    "OrderWithSide": dialects.body_schema(dialects.INPUT_TOKEN_WORDS, {"side": dialects.SIDE_SCHEMA}),
    "OrderWithSlippage": dialects.body_schema(dialects.SLIPPAGE_WORDS, {"slippage": dialects.SLIPPAGE_SCHEMA}),
    "AnyOrder": {
        "description": "With `inputToken` it is an order with a side; the two must not be mixed",
        "oneOf": [{"$ref": REFERENCE.format(model=shape)} for shape in ("ExecuteOrder", "OrderWithSide")],
    },
}
SIDE_CLIENTS = "compatible with side, inputToken, outputToken"
ORDER_CLIENTS = "compatible with POST /order"
HISTORY_CLIENTS = "compatible with history and update frames"

TAGS = [
    {"name": "orders", "description": "Place, read, list and cancel orders."},
    {
        "name": "streams",
        "description": (
            "Submitting and streaming are two requests: a WebSocket handshake is a GET (RFC 6455), so the POST that "
            "places an order cannot be upgraded. Its answer has a `wsUrl`; nothing is missed before it is opened.\n\n"
            "Every stream tells an order's whole log: `seq` 1, 2, 3 … without a gap, then it closes with 1000.\n\n"
            "- `GET /api/orders/execute?orderId=…&after=seq` (WebSocket): one order, from `after` on\n"
            '- `GET /api/stream` (WebSocket): many orders; say `{"op":"subscribe","orders":"all"}` or name them: '
            '`{"op":"subscribe","orders":["…"],"after":{"…":seq}}`; it stays open until you close it\n'
            "- `GET /api/orders/{id}/events` with `Accept: text/event-stream`: the same as Server-Sent Events\n\n"
            "In production mode a socket takes the key in `Authorization`, or, from a browser, the ticket that `wsUrl` "
            "carries: for that order, to connect within a minute. `POST /api/tickets` gives fresh ones.\n\n"
            "Close codes: 1000 the order has ended, 4400 bad request, 4401 not allowed, 4404 no such order, "
            "4408 you read too slowly, 4429 too many sockets of yours, 1013 the database is away. "
            "After any but 1000, 4400, 4401 and 4404: "
            "come back with `after=` the last `seq` you saw. `/asyncapi.json` describes every frame."
        ),
    },
    {
        "name": SIDE_CLIENTS,
        "description": (
            "For clients that place orders with `side`, `inputToken` and `outputToken`. `side` is echoed; `amount` is "
            "always of inputToken. `/api/orders/{id}/ws` (WebSocket) tells them each event with `venue` (`Raydium`, "
            "`Meteora`), `price` as a number, and `txHash`."
        ),
    },
    {
        "name": ORDER_CLIENTS,
        "description": (
            "For clients that place orders with `slippage` as a fraction and listen on `/order/{id}` (WebSocket), "
            "which tells the same events as every stream. Their dead letters are under *dead letters*."
        ),
    },
    {
        "name": HISTORY_CLIENTS,
        "description": (
            "For clients that listen on `statusEndpoint`, `/api/orders/{id}/status` (WebSocket): first "
            '`{"type":"history","data":[…]}` with all that has happened, then `{"type":"update","data":{…}}` for each '
            "event; of an order that has ended, the history is all."
        ),
    },
    {"name": "dead letters", "description": "Orders that failed: read, try again, acknowledge. For operators."},
    {"name": "market", "description": "What can be traded, and what it would bring now."},
    {"name": "operator", "description": "How the engine stands, and a hand on it."},
    {"name": "health", "description": "For probes and for Prometheus."},
]
KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "The same key never makes a second order. Repeat with it whenever an answer was lost. "
        "`x-idempotency-key` means the same."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
}
OrderId = Annotated[str, Path(description="The `orderId` that placing it was answered with")]

PROBLEM = {"application/problem+json": {"schema": {"$ref": REFERENCE.format(model="ProblemDocument")}}}
_WHEN = {
    400: "The body cannot be read",
    401: "No key, or not the right one",
    403: "For operators only",
    404: "There is no such order, or it is not yours",
    408: "The body took too long to arrive",
    409: "The order was sent, or has ended",
    413: "The body is over 64 KiB",
    415: "The body is not application/json",
    422: "Understood, and not acceptable; `errors` points at each fault",
    429: "Too many orders for now; see `Retry-After`",
    503: "A server that this needs is away; see `Retry-After`",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Which problems a route may answer with."""
    return {status: {"model": ProblemDocument, "description": _WHEN[status]} for status in statuses}


def body(shape: str, examples: dict[str, Any]) -> dict[str, Any]:
    """The body of a route that reads it by hand; `shape` is one of `READ_BY_HAND` or of `OLDER`."""
    content = {"schema": {"$ref": REFERENCE.format(model=shape)}, "examples": examples}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def install(app: FastAPI) -> None:
    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def document(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes, tags=TAGS)
    _, read_by_hand = models_json_schema([(shape, "validation") for shape in READ_BY_HAND], ref_template=REFERENCE)
    schemas = found["components"]["schemas"]
    schemas |= read_by_hand["$defs"] | OLDER
    for operations in found["paths"].values():
        for operation in operations.values():
            if "requestBody" in operation:
                operation["responses"]["408"] = {"description": _WHEN[408], "content": PROBLEM}
            operation["responses"] = dict(_answers(operation["responses"]))
    found["components"]["securitySchemes"] = SECURITY
    found["security"] = [{}, *({name: []} for name in SECURITY)]
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own; here a problem says what is wrong
        schemas.pop(unused, None)
    return found


def _answers(responses: dict[str, Any]) -> Any:
    """Errors are problem documents, and nothing else."""
    for status, response in responses.items():
        schema = response.get("content", {}).get("application/json", {}).get("schema", {})
        if schema.get("$ref", "").endswith("/HTTPValidationError"):
            continue
        if schema.get("$ref", "").endswith("/ProblemDocument"):
            response = response | {"content": {"application/problem+json": {"schema": schema}}}
        yield status, response
