"""Groups of orders of which one may be filled."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.access.authentication import Caller
from app.api import refusals
from app.api.admission import admit, admit_read, read_body
from app.api.context import ApiContext, authenticate, context, socket_urls
from app.api.orders.bodies import LEG_SHAPES
from app.api.placing import accepted_view
from app.api.problems import Problem, invalid, request_id
from app.api.schemas import AcceptedGroup, GroupView
from app.api.spec.openapi import KEY_PARAMETER, body, problems
from app.api.validation import idempotency_key_in, order_uuid, read, to_order
from app.api.views import as_json, order_view
from app.orders.intake import Accepted
from app.orders.model import PlaceOrder, fingerprint_of, new_order_id
from app.orders.store.placing_groups import PlaceGroup

router = APIRouter(prefix="/api/order-groups", tags=["orders"])

PAIR = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5"}
OCO = {
    "type": "oco",
    "legs": [
        {"orderType": "take_profit", **PAIR, "trigger": {"price": "180"}},
        {"orderType": "stop", **PAIR, "trigger": {"price": "120"}, "limitPrice": "115"},
    ],
}


@router.post(
    "",
    status_code=202,
    summary="Place a take-profit and a stop, of which one is filled",
    responses={
        202: {"model": AcceptedGroup, "description": "Both are durable, and wait"},
        200: {"model": AcceptedGroup, "description": "An earlier request with this key placed the group"},
        **problems(400, 401, 413, 415, 422, 429, 503),
    },
    openapi_extra={
        "parameters": [KEY_PARAMETER],
        **body("OrderGroup", {"oco": {"summary": "Sell at 180 or, if the price falls, at 120", "value": OCO}}),
    },
)
async def place(request: Request) -> Response:
    """One cancels the other: while one is executed the other is held. If the one is filled, the other is cancelled with
    the code `sibling_filled`; if it is not, the other waits again.
    """
    fields, key = await read_body(request), idempotency_key_in(request.scope)
    ctx, caller = context(request), authenticate(request)
    orders = _orders(fields, ctx, caller, request_id(request))
    await admit(request, caller, len(orders))
    group = PlaceGroup(
        id=new_order_id(),
        owner=caller.owner,
        type="oco",
        orders=orders,
        idempotency_key=key,
        fingerprint=fingerprint_of({"legs": [order.fingerprint.hex() for order in orders]}),
    )
    placed = await refusals.place_group(ctx, group)
    urls = socket_urls(request, caller)
    accepted = [
        accepted_view(Accepted(order, None, leg.waiting), urls)
        for order, leg in zip(placed.orders, orders, strict=True)
    ]
    view = {"groupId": str(placed.id), "type": "oco", "idempotent": placed.idempotent, "orders": accepted}
    return as_json(view, 200 if placed.idempotent else 202, {"Location": f"/api/order-groups/{placed.id}"})


@router.get(
    "/{group_id}",
    summary="Read a group and its orders",
    responses={200: {"model": GroupView}, **problems(401, 404, 429, 503)},
)
async def group(request: Request, group_id: str) -> Response:
    caller, ctx = admit_read(request), context(request)
    found = await ctx.changes.group(order_uuid(group_id), caller.owner)
    if found is None:
        raise Problem(404, "unknown_group", "There is no such group, or it belongs to someone else.")
    orders = [order_view(order, ctx.markets, ctx.price_now(order)) for order in found.orders]
    holder = None if found.holder is None else str(found.holder)
    return as_json({"groupId": str(found.id), "type": found.type, "holder": holder, "orders": orders})


def _orders(fields: dict[str, Any], ctx: ApiContext, caller: Caller, request: str) -> list[PlaceOrder]:
    legs = fields.get("legs")
    if set(fields) != {"type", "legs"} or fields["type"] != "oco" or not isinstance(legs, list) or len(legs) != 2:
        raise invalid([("/legs", 'send {"type":"oco","legs":[…]}: a take_profit and a stop')])
    orders = [_leg(leg, f"/legs/{n}", ctx, caller, request) for n, leg in enumerate(legs)]
    one, other = orders
    if (one.token_in, one.token_out, one.amount_in) != (other.token_in, other.token_out, other.amount_in):
        raise Problem(422, "group_shape", "Both orders of the group must swap the same amount of the same tokens.")
    if one.type == other.type:
        raise Problem(422, "group_shape", "One order of the group must be a take_profit, and the other a stop.")
    return orders


def _leg(leg: Any, at: str, ctx: ApiContext, caller: Caller, request: str) -> PlaceOrder:
    if not isinstance(leg, dict) or leg.get("orderType") not in LEG_SHAPES:
        raise invalid([(f"{at}/orderType", f"must be one of: {', '.join(LEG_SHAPES)}")])
    shape = LEG_SHAPES[leg["orderType"]]
    return to_order(read(shape, leg, at), ctx, caller=caller, idempotency_key=None, request_id=request, at=at)
