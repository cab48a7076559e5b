"""Tickets for sockets: a browser cannot set headers on one, and a key never stands in an address."""

import time
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from app.access.tickets import SECONDS, STREAM
from app.api.context import authenticate, context, sockets_base
from app.api.json_body import read_object
from app.api.problems import Problem, unknown_order
from app.api.schemas import Answer
from app.api.spec.openapi import body, problems
from app.api.validation import order_uuid
from app.api.views import as_json

router = APIRouter(prefix="/api", tags=["streams"])


class Ticket(Answer):
    """For one socket, soon."""

    ticket: str = Field(description="The parameter `ticket` of the socket's address; for this one thing only")
    expires_at: datetime = Field(description="To connect until; a socket that is open stays open")
    ws_url: str = Field(description="The socket's address, with the ticket in it")


@router.post(
    "/tickets",
    summary="A ticket for a socket",
    responses={200: {"model": Ticket}, **problems(400, 401, 404, 413, 415, 422, 503)},
    openapi_extra=body(
        "TicketWanted", {"stream": {"summary": "For the stream of many orders", "value": {"scope": STREAM}}}
    ),
)
async def ticket(request: Request) -> Response:
    """`{"orderId": …}` for the sockets of that order, `{"scope": "stream"}` for `/api/stream`; good for a minute."""
    ctx, caller, wanted = context(request), authenticate(request), await read_object(request)
    sockets = sockets_base(request)
    match wanted:
        case {"scope": "stream"} if len(wanted) == 1:
            scope, url = STREAM, f"{sockets}/api/stream?"
        case {"orderId": str(order)} if len(wanted) == 1:
            scope = str(order_uuid(order))
            if await ctx.reader.order(order_uuid(order), caller.owner) is None:
                raise unknown_order()
            url = f"{sockets}/api/orders/execute?orderId={scope}&"
        case _:
            error = ("/orderId", 'name one order, or say {"scope": "stream"}')
            raise Problem(422, "invalid_request", "The ticket cannot be given.", errors=[error])
    issued = ctx.authenticator.ticket(caller, scope)
    ends = datetime.fromtimestamp(int(time.time()) + SECONDS, UTC)
    return as_json(
        {"ticket": issued, "expiresAt": ends, "wsUrl": f"{url}ticket={issued}"}, headers={"Cache-Control": "no-store"}
    )
