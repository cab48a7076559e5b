"""Orders that fail, to rehearse what becomes of them: for operators."""

import asyncio
from dataclasses import replace

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from app.api.admission import admit
from app.api.context import authenticate, context, operators_only, socket_urls
from app.api.problems import request_id
from app.api.routes.place import accepted_view, answer
from app.api.schemas import Accepted, ExecuteOrder
from app.api.spec.openapi import problems
from app.api.validation import read, to_order
from app.api.views import as_json
from app.dex.venue import UnavailableVenue
from app.orders import intake

BULK = 5
FAILING = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1", "clientOrderId": "dead-letter-test"}

router = APIRouter(prefix="/test", tags=["dead letters"])


class Rehearsal(BaseModel):
    success: bool
    message: str
    count: int
    orderIds: list[str]
    orders: list[Accepted]


@router.post(
    "/dlq",
    status_code=202,
    summary="Place an order that fails",
    responses={202: {"model": Accepted}, **problems(401, 403, 429, 503)},
)
async def one_failure(request: Request) -> Response:
    """It goes to a venue that is always down, is tried three times, and becomes a dead letter."""
    (accepted,) = await _doomed(request, 1)
    return answer(accepted, socket_urls(request, authenticate(request)), {})


@router.post(
    "/dlq/bulk",
    status_code=202,
    summary=f"Place {BULK} orders that fail",
    responses={202: {"model": Rehearsal}, **problems(401, 403, 429, 503)},
)
async def many_failures(request: Request) -> Response:
    sockets = socket_urls(request, authenticate(request))
    orders = [accepted_view(accepted, sockets) for accepted in await _doomed(request, BULK)]
    return as_json(
        {
            "success": True,
            "message": f"{len(orders)} orders queued that will fail",
            "count": len(orders),
            "orderIds": [order["orderId"] for order in orders],
            "orders": orders,
        },
        202,
    )


async def _doomed(request: Request, count: int) -> list[intake.Accepted]:
    ctx, caller = context(request), authenticate(request)
    operators_only(caller)
    await admit(request, caller, count)
    asked, name = read(ExecuteOrder, FAILING), request_id(request)
    orders = [
        # That venue is in no list and no client can name it; only the worker knows it.
        replace(
            to_order(asked, ctx, owner=caller.owner, idempotency_key=None, request_id=name),
            venues=(UnavailableVenue.name,),
        )
        for _ in range(count)
    ]
    return await asyncio.gather(*(ctx.intake.place(order) for order in orders))
