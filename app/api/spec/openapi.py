"""The OpenAPI document: FastAPI's own, completed with what FastAPI cannot find in the routes."""

from typing import Annotated, Any

from fastapi import FastAPI, Path
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from app.api.dialects import bodies
from app.api.layers.auth_middleware import CHANGES_NOTHING
from app.api.orders.bodies import SHAPES, AmendOrder, Batch, CancelAll
from app.api.orders.group_bodies import Bracket, OrderGroup
from app.api.problems import ProblemDocument
from app.api.schemas import (
    MAX_KEY_LENGTH,
    CreateWebhook,
    LaunchPool,
    MoveMarket,
    RequestBody,
    SetDeadMan,
    SetKillSwitch,
)
from app.api.spec import webhooks
from app.api.spec.asyncapi import CLOSE_CODES
from app.api.spec.examples import accepted_example, problem_example

REFERENCE = "#/components/schemas/{model}"
SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key; local mode needs none"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key, for legacy clients"},
}
TICKET_REQUEST = {
    "description": "Either one order, or the stream of many orders",
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
# Bodies that routes parse themselves, because FastAPI would read numbers as floats.
PARSED_BODIES: tuple[type[RequestBody], ...] = (
    *dict.fromkeys(alone for alone, _ in SHAPES.values()),
    Batch,
    AmendOrder,
    CancelAll,
    SetDeadMan,
    OrderGroup,
    Bracket,
    SetKillSwitch,
    MoveMarket,
    LaunchPool,
    CreateWebhook,
)

# Schemas that have no Pydantic model: the bodies of legacy clients, and that of a ticket.
OTHER_BODIES = {
    "TicketRequest": TICKET_REQUEST,
    "OrderWithSide": bodies.body_schema(bodies.SIDE_NAMES, {"side": bodies.SIDE_SCHEMA}),
    "OrderWithSlippage": bodies.body_schema(bodies.SLIPPAGE_NAMES, {"slippage": bodies.SLIPPAGE_SCHEMA}),
    "AnyGroup": {"oneOf": [{"$ref": REFERENCE.format(model=shape)} for shape in ("OrderGroup", "Bracket")]},
    "AnyOrder": {
        "description": "By `orderType`. With `inputToken` it is an OrderWithSide: their names must not be mixed",
        "oneOf": [
            {"$ref": REFERENCE.format(model=shape)}
            for shape in (*dict.fromkeys(alone.__name__ for alone, _ in SHAPES.values()), "OrderWithSide")
        ],
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
            "places an order cannot be upgraded. Its answer has a `wsUrl`. Events before you open it are not lost.\n\n"
            "Every stream sends the whole event log of an order: `seq` 1, 2, 3 … without a gap.\n\n"
            "- `GET /api/orders/execute?orderId=…&after=seq` (WebSocket): one order, the events after number `after`\n"
            '- `GET /api/stream` (WebSocket): many orders; send `{"op":"subscribe","orders":"all"}` or name them: '
            '`{"op":"subscribe","orders":["…"],"after":{"…":seq}}`; it stays open until you close it\n'
            "- `GET /api/orders/{id}/events` with `Accept: text/event-stream`: the same as Server-Sent Events\n\n"
            "In production mode a socket needs the API key in `Authorization`. A browser cannot set that header, so "
            "`wsUrl` carries a ticket instead: it is valid for that order, and for one minute. `POST /api/tickets` "
            "issues new ones.\n\n"
            f"{CLOSE_CODES} `/asyncapi.json` describes every frame."
        ),
    },
    {
        "name": SIDE_CLIENTS,
        "description": (
            "For clients that place orders with `side`, `inputToken` and `outputToken`. `side` is echoed; `amount` is "
            "always the amount of inputToken. `/api/orders/{id}/ws` (WebSocket) sends each event with `venue` "
            "(`Raydium`, `Meteora`), `price` as a number, and `txHash`."
        ),
    },
    {
        "name": ORDER_CLIENTS,
        "description": (
            "For clients that place orders with `slippage`, a fraction or a percentage, and open `/order/{id}` "
            "(WebSocket), which sends every event with `type` and `message`. Dead letters are under *dead letters*."
        ),
    },
    {
        "name": HISTORY_CLIENTS,
        "description": (
            "For clients that open `statusEndpoint`, `/api/orders/{id}/status`, as a WebSocket: first "
            '`{"type":"history","data":[…]}` with all events so far, then `{"type":"update","data":{…}}` for each '
            "later event. For an order that has ended there is only the history."
        ),
    },
    {
        "name": "webhooks",
        "description": (
            "The engine sends your events to your server, signed, at least once, and the events of one order in their "
            "order. docs/webhooks.md says how to check a signature."
        ),
    },
    {"name": "dead letters", "description": "Failed orders: list, retry, acknowledge. For operators."},
    {"name": "market", "description": "Tokens, pools, current prices and quotes; moving the simulated market."},
    {"name": "operator", "description": "The state of the queue, and its controls."},
    {"name": "health", "description": "For probes and for Prometheus."},
]
KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "The same key never places a second order: if an answer is lost, repeat the request with the same key. "
        "`x-idempotency-key` means the same."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The `seq` of the order as you know it",
    "schema": {"type": "string"},
    "example": "1",
}
OrderId = Annotated[str, Path(description="The `orderId` from the answer to placing the order")]

PROBLEM_SCHEMA = {"schema": {"$ref": REFERENCE.format(model="ProblemDocument")}}
PROBLEM = {"application/problem+json": PROBLEM_SCHEMA}
_PROBLEM_TEXTS = {
    400: "The body cannot be read",
    401: "No API key, or an invalid one",
    403: "For operators; the key may only read; the page's origin is not allowed; or the wallet is another owner's",
    404: "There is no such thing, or it belongs to someone else",
    408: "The body took too long to arrive",
    409: "The state of what it names does not allow this",
    412: "The order has changed since",
    413: "The body is over 8 KiB; that of a batch, over 64 KiB",
    414: "The path with its query is over 2 KiB",
    415: "The body is not application/json",
    422: "The request is not valid, and `errors` points to each invalid field; or the order is worth too much",
    428: "If-Match is missing",
    429: "Too many requests, orders under way, open streams, or dollars today; see `Retry-After`",
    503: "Postgres or Redis is unavailable, or the engine is at its limit; see `Retry-After`",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with."""
    return {status: {"model": ProblemDocument, "description": _PROBLEM_TEXTS[status]} for status in statuses}


def body(schema: str, examples: dict[str, Any]) -> dict[str, Any]:
    """The body of a route that parses it itself; `schema` is in `PARSED_BODIES` or `OTHER_BODIES`."""
    content = {"schema": {"$ref": REFERENCE.format(model=schema)}, "examples": examples}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def install(app: FastAPI) -> None:
    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def document(app: FastAPI) -> dict[str, Any]:
    spec = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes, tags=TAGS)
    _, parsed = models_json_schema([(shape, "validation") for shape in PARSED_BODIES], ref_template=REFERENCE)
    schemas = spec["components"]["schemas"]
    schemas |= parsed["$defs"] | OTHER_BODIES
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            if method != "get" and path != CHANGES_NOTHING:
                operation["responses"]["403"] = {"description": _PROBLEM_TEXTS[403], "content": PROBLEM}
            if "requestBody" in operation:
                operation["responses"]["408"] = {"description": _PROBLEM_TEXTS[408], "content": PROBLEM}
            if "parameters" in operation:
                operation["responses"]["414"] = {"description": _PROBLEM_TEXTS[414], "content": PROBLEM}
            operation["responses"] = dict(_answers(method, path, operation["responses"]))
    spec["webhooks"] = webhooks.SENT
    spec["components"]["securitySchemes"] = SECURITY
    spec["security"] = [{}, *({name: []} for name in SECURITY)]
    for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own; a problem document replaces them
        schemas.pop(unused, None)
    return spec


def _answers(method: str, path: str, responses: dict[str, Any]) -> Any:
    """Every error is a problem document with an example of its own. Drops FastAPI's own 422."""
    for status, response in responses.items():
        for media in response.get("content", {}).values():
            match media.get("schema", {}).get("$ref", "").rpartition("/")[2]:
                case "HTTPValidationError":
                    break
                case "ProblemDocument":
                    shown = PROBLEM_SCHEMA | {"example": problem_example(method, path, int(status))}
                    response = response | {"content": {"application/problem+json": shown}}
                case "Accepted":
                    media["example"] = accepted_example(int(status))
        else:
            yield status, response
