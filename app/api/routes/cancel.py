"""Cancelling an order."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.admission import admit_cancel
from app.api.context import authenticate, context
from app.api.problems import Problem, unknown_order
from app.api.schemas import OrderView
from app.api.spec.openapi import OrderId, problems
from app.api.validation import order_uuid
from app.api.views import as_json, order_view
from app.orders.model import IllegalCancel

router = APIRouter(prefix="/api/orders", tags=["orders"])


@router.post(
    "/{order_id}/cancel",
    summary="Cancel an order",
    responses={
        200: {"model": OrderView, "description": "Cancelled, now or before"},
        202: {"model": OrderView, "description": "Its swap was sent: it is cancelled once that is proven dead"},
        **problems(401, 404, 409, 429, 503),
    },
)
async def cancel(request: Request, order_id: OrderId) -> Response:
    """200 if it is cancelled, now or before.

    202 if its swap was sent, which may still land: the order ends as confirmed then, and as cancelled if it does not.
    409 if the order has ended in another way.
    """
    ctx, caller = context(request), authenticate(request)
    await admit_cancel(request, caller)
    try:
        order = await ctx.intake.cancel(order_uuid(order_id), caller.owner)
    except IllegalCancel as error:
        detail = f"The order is {error.order.status} and can no longer be cancelled."
        raise Problem(409, "not_cancellable", detail) from None
    if order is None:
        raise unknown_order()
    return as_json(order_view(order, ctx.markets), 200 if order.is_terminal else 202)
