"""The failure drill: orders that fail on purpose, so that operators can practise with dead letters."""

import asyncio
from dataclasses import replace

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.api import refusals
from app.api.admission import admit
from app.api.context import ApiContext, actor, authenticate, context, operators_only, socket_urls
from app.api.orders.bodies import ExecuteOrder
from app.api.placing import accepted_response, accepted_view
from app.api.problems import Problem, ProblemDocument, request_id
from app.api.schemas import Accepted
from app.api.spec.openapi import problems
from app.api.validation import read, to_order
from app.api.views import as_json
from app.dex.venue import UnavailableVenue
from app.orders import intake
from app.orders.model import PlaceOrder

BULK = 5
FAILING_ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1", "clientOrderId": "dead-letter-test"}

router = APIRouter(prefix="/test", tags=["dead letters"])


class FailureDrill(BaseModel):
    success: bool
    message: str
    count: int
    orderIds: list[str]
    orders: list[Accepted]
    refused: list[ProblemDocument] = Field(description="Those that a limit did not let through")


@router.post(
    "/dlq",
    status_code=202,
    summary="Place an order that fails",
    responses={202: {"model": Accepted}, **problems(401, 403, 422, 429, 503)},
)
async def one_failure(request: Request) -> Response:
    """Its venue is always unavailable. After three attempts the order fails and is a dead letter."""
    (accepted,), _ = await _place_failing(request, 1)
    return accepted_response(accepted, socket_urls(request, authenticate(request)), {})


@router.post(
    "/dlq/bulk",
    status_code=202,
    summary=f"Place {BULK} orders that fail",
    responses={202: {"model": FailureDrill}, **problems(401, 403, 422, 429, 503)},
)
async def many_failures(request: Request) -> Response:
    """The orders are independent: `orders` has those that were placed, `refused` a problem for each other one."""
    sockets = socket_urls(request, authenticate(request))
    accepted, refused = await _place_failing(request, BULK)
    orders = [accepted_view(one, sockets) for one in accepted]
    return as_json(
        {
            "success": not refused,
            "message": f"{len(orders)} failing orders queued",
            "count": len(orders),
            "orderIds": [order["orderId"] for order in orders],
            "orders": orders,
            "refused": [problem.as_dict(request_id(request)) for problem in refused],
        },
        202,
    )


async def _place_failing(request: Request, count: int) -> tuple[list[intake.Accepted], list[Problem]]:
    """What was placed, at least one order, and what was refused."""
    ctx, caller = context(request), authenticate(request)
    operators_only(caller)
    if not ctx.network.may_drill:
        raise Problem(403, "simulation_only", "No order is made to fail where real money is traded.")
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
    async with ctx.audit.action(actor(request, caller), "failure_drill", {"orders": count}) as outcome:
        results = await asyncio.gather(*(_placed_or_refused(ctx, order) for order in orders))
        accepted = [one for one in results if isinstance(one, intake.Accepted)]
        refused = [one for one in results if isinstance(one, Problem)]
        outcome |= {"placed": len(accepted)} | ({"refused": refused[0].code} if refused else {})
        if not accepted:
            raise refused[0]
        return accepted, refused


async def _placed_or_refused(ctx: ApiContext, order: PlaceOrder) -> intake.Accepted | Problem:
    try:
        return await refusals.place(ctx, order)
    except Problem as problem:
        return problem
