"""Tickets for sockets: a browser cannot set headers on a socket, and an API key must never be in a URL."""

import time
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from app.access.tickets import STREAM, VALID_SECONDS
from app.api.admission import may_read, read_body
from app.api.context import authenticate, context, socket_base_url
from app.api.problems import Problem, unknown_order
from app.api.schemas import Answer
from app.api.spec.openapi import body, problems
from app.api.validation import order_uuid
from app.api.views import as_json

router = APIRouter(prefix="/api", tags=["streams"])


class Ticket(Answer):
    """A ticket for opening one socket."""

    ticket: str = Field(description="The query parameter `ticket` of the socket's URL; valid for this scope only")
    expires_at: datetime = Field(description="Connect before this time; an open socket stays open")
    ws_url: str = Field(description="The URL of the socket, with the ticket")


@router.post(
    "/tickets",
    summary="Issue a ticket for a socket",
    responses={200: {"model": Ticket}, **problems(400, 401, 404, 413, 415, 422, 429, 503)},
    openapi_extra=body(
        "TicketRequest", {"stream": {"summary": "For the stream of many orders", "value": {"scope": STREAM}}}
    ),
)
async def ticket(request: Request) -> Response:
    """`{"orderId": …}` for the sockets of that order, `{"scope": "stream"}` for `/api/stream`. Valid for one minute."""
    ctx, caller, fields = context(request), authenticate(request), await read_body(request)
    sockets = socket_base_url(request)
    match fields:
        case {"scope": "stream"} if len(fields) == 1:
            scope, url = STREAM, f"{sockets}/api/stream?"
        case {"orderId": str(order)} if len(fields) == 1:
            scope = str(order_uuid(order))
            may_read(request, caller)
            if await ctx.reader.order(order_uuid(order), caller.owner) is None:
                raise unknown_order()
            url = f"{sockets}/api/orders/execute?orderId={scope}&"
        case _:
            error = ("/orderId", 'must be an order id, or send {"scope": "stream"} instead')
            raise Problem(422, "invalid_request", "The ticket request is not valid.", errors=[error])
    issued = ctx.authenticator.issue_ticket(caller, scope)
    expires_at = datetime.fromtimestamp(int(time.time()) + VALID_SECONDS, UTC)
    return as_json({"ticket": issued, "expiresAt": expires_at, "wsUrl": f"{url}ticket={issued}"})
