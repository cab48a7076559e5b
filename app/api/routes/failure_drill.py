"""The failure drill: orders that fail on purpose, so that operators can practise with dead letters."""

import asyncio
from dataclasses import replace

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from app.api import refusals
from app.api.admission import admit
from app.api.context import actor, authenticate, context, operators_only, socket_urls
from app.api.placing import accepted_response, accepted_view
from app.api.problems import request_id
from app.api.schemas import Accepted, ExecuteOrder
from app.api.spec.openapi import problems
from app.api.validation import read, to_order
from app.api.views import as_json
from app.dex.venue import UnavailableVenue
from app.orders import intake

BULK = 5
FAILING_ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1", "clientOrderId": "dead-letter-test"}

router = APIRouter(prefix="/test", tags=["dead letters"])


class FailureDrill(BaseModel):
    success: bool
    message: str
    count: int
    orderIds: list[str]
    orders: list[Accepted]


@router.post(
    "/dlq",
    status_code=202,
    summary="Place an order that fails",
    responses={202: {"model": Accepted}, **problems(401, 403, 422, 429, 503)},
)
async def one_failure(request: Request) -> Response:
    """Its venue is always unavailable. After three attempts the order fails and is a dead letter."""
    (accepted,) = await _place_failing(request, 1)
    return accepted_response(accepted, socket_urls(request, authenticate(request)), {})


@router.post(
    "/dlq/bulk",
    status_code=202,
    summary=f"Place {BULK} orders that fail",
    responses={202: {"model": FailureDrill}, **problems(401, 403, 422, 429, 503)},
)
async def many_failures(request: Request) -> Response:
    sockets = socket_urls(request, authenticate(request))
    orders = [accepted_view(accepted, sockets) for accepted in await _place_failing(request, BULK)]
    return as_json(
        {
            "success": True,
            "message": f"{len(orders)} failing orders queued",
            "count": len(orders),
            "orderIds": [order["orderId"] for order in orders],
            "orders": orders,
        },
        202,
    )


async def _place_failing(request: Request, count: int) -> list[intake.Accepted]:
    ctx, caller = context(request), authenticate(request)
    operators_only(caller)
    await admit(request, caller, count)
    body, identifier = read(ExecuteOrder, FAILING_ORDER), request_id(request)
    orders = [
        # This venue is in no list, and no client can name it. Only the worker has it.
        replace(
            to_order(body, ctx, caller=caller, idempotency_key=None, request_id=identifier),
            venues=(UnavailableVenue.name,),
        )
        for _ in range(count)
    ]
    async with ctx.audit.action(actor(request, caller), "failure_drill", {"orders": count}):
        return await asyncio.gather(*(refusals.place(ctx.intake, order) for order in orders))
