"""Cancelling one order or many, and amending an order that waits."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.admission import admit_cancel, read_body, still_there
from app.api.context import ApiContext, arrived_at, authenticate, context
from app.api.json_body import read_object
from app.api.names import token_names, unknown_token
from app.api.orders.bodies import AMENDABLE, WAITING_SHAPES, CancelAll, OpenBody, SniperOrder, TrailingStopOrder
from app.api.orders.lifetime import lifetime_of
from app.api.orders.sniping import snipe_of
from app.api.orders.waiting import check_slippage, slippage_of, waiting_of
from app.api.problems import Problem, invalid_request, unknown_order
from app.api.schemas import Cancelled, OrderView
from app.api.spec.openapi import IF_MATCH, OrderId, body, problems
from app.api.validation import order_uuid, read_request
from app.api.views import as_json, order_view, plain
from app.dex.amounts import to_decimal
from app.dex.markets import Markets
from app.orders.conditions import OrderType, TimeInForce, Waiting
from app.orders.lifecycle import Status
from app.orders.model import IllegalCancel, Order
from app.orders.store.open_orders import Selection

router = APIRouter(prefix="/api/orders", tags=["orders"])

MAX_EVENTS = 1_000  # in the log of an order that is amended: each amendment is one, and logs are read whole


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


@router.post(
    "/cancel-all",
    summary="Cancel all of your orders whose swap was not sent",
    responses={200: {"model": Cancelled}, **problems(400, 401, 404, 413, 415, 422, 429, 503)},
    openapi_extra=body(
        "CancelAll",
        {
            "all": {"summary": "All", "value": {}},
            "stops": {"summary": "The stops that sell SOL", "value": {"tokenIn": "SOL", "orderType": "stop"}},
        },
    ),
)
async def cancel_all(request: Request) -> Response:
    """Those whose swap was sent are cancelled once that is proven dead, and are not counted.

    Orders that are placed meanwhile may be left. Fields that are not given select every order. 503: some were left
    because somebody has locked them; the others are cancelled.
    """
    ctx, caller, arrived = context(request), authenticate(request), arrived_at(request)
    fields = read_request(CancelAll, await read_object(request))
    chosen = Selection(
        token_in=_names(ctx, "/tokenIn", fields.token_in),
        token_out=_names(ctx, "/tokenOut", fields.token_out),
        type=fields.order_type,
        group=None if fields.group_id is None else order_uuid(fields.group_id),
    )
    await admit_cancel(request, caller)
    return as_json({"cancelled": await ctx.changes.cancel_all(caller.owner, chosen, arrived=arrived)})


def _names(ctx: ApiContext, pointer: str, symbol_or_mint: str | None) -> list[str] | None:
    if symbol_or_mint is None:
        return None
    if names := token_names(symbol_or_mint, ctx.markets):
        return names
    raise invalid_request([(pointer, unknown_token(symbol_or_mint, ctx.markets))])


@router.patch(
    "/{order_id}",
    summary="Amend an order that waits",
    responses={200: {"model": OrderView}, **problems(400, 401, 404, 409, 412, 413, 415, 422, 428, 429, 503)},
    openapi_extra={
        "parameters": [IF_MATCH],
        **body("AmendOrder", {"limit": {"summary": "Another limit price", "value": {"limitPrice": "156"}}}),
    },
)
async def amend(request: Request, order_id: OrderId) -> Response:
    """Only while it is `open`. `If-Match` has the `seq` of the order as you know it: nothing that happened since is
    overwritten. The same checks apply as for a new order.
    """
    ctx, caller = context(request), authenticate(request)
    await admit_cancel(request, caller)
    fields, seq = await read_body(request), _expected_seq(request)
    order = await ctx.reader.order(order_uuid(order_id), caller.owner)
    if order is None:
        raise unknown_order()
    _check_amendable(order, seq, ctx.markets)
    new, details = _amended_body(order, ctx.markets, fields)
    lifetime, waiting = lifetime_of(new, ""), _waiting(new, order, ctx)
    slippage_bps = check_slippage(slippage_of(new, ctx.settings.default_slippage_bps), ctx)
    still_there(request)
    amended = await ctx.changes.amend(order, waiting, lifetime, slippage_bps=slippage_bps, details=details)
    if amended is None:
        raise _has_changed()
    return as_json(order_view(amended, ctx.markets, ctx.price_now(amended)))


def _waiting(body: OpenBody, order: Order, ctx: ApiContext) -> Waiting:
    token_in, token_out = ctx.markets.token(order.token_in), ctx.markets.find(order.token_out)
    swap: dict[str, Any] = {"token_in": token_in, "amount_in": order.amount_in, "at": ""}
    swap["usd_value"] = ctx.usd_value(token_in, order.amount_in)
    if isinstance(body, SniperOrder):
        launched = None if order.limit_out is None else token_out
        return snipe_of(body, ctx, **swap, mint=(order.condition or {})["mint"], launched=launched)
    return waiting_of(body, ctx, **swap, token_out=ctx.markets.token(order.token_out), extreme=order.extreme)


def _amended_body(order: Order, markets: Markets, changes: dict[str, Any]) -> tuple[OpenBody, dict[str, Any]]:
    """A body that could have placed the order as it is to be, and what has changed, for the event."""
    launched = order.type == OrderType.SNIPER and order.limit_out is not None
    if launched and "trigger" in changes:
        raise invalid_request([("/trigger", "the token is traded now: the order waits for its limitPrice")])
    if unknown := [name for name in changes if name not in AMENDABLE]:
        raise invalid_request([(f"/{name}", f"cannot be amended; {', '.join(AMENDABLE)} can") for name in unknown[:10]])
    if not changes:
        raise invalid_request([("", f"must have one of: {', '.join(AMENDABLE)}")])
    fields: dict[str, Any] = {
        "orderType": order.type,
        "tokenIn": order.token_in,
        "tokenOut": order.token_out,
        "amount": to_decimal(order.amount_in, markets.token(order.token_in).decimals),
        "slippageBps": order.slippage_bps,
    }
    if order.limit_price is not None:
        fields["limitPrice"] = plain(order.limit_price)
    if order.condition and order.type != "limit":
        fields["trigger"] = {name: value for name, value in order.condition.items() if name != "mint"}
        if order.type != OrderType.SNIPER:
            fields["acknowledgeSingleVenue"] = True  # or it would not have been accepted
    if order.time_in_force == TimeInForce.GTD and order.expires_at is not None:
        fields["expiresAt"] = order.expires_at.isoformat()
    if "trigger" in changes and isinstance(changes["trigger"], dict):
        changes = changes | {"trigger": fields.get("trigger", {}) | changes["trigger"]}
    body = read_request(WAITING_SHAPES[order.type], fields | changes)
    if isinstance(body, TrailingStopOrder) and order.extreme is not None:
        before, after = order.condition or {}, body.trigger.model_dump(by_alias=True)
        fixed = [f"/trigger/{name}" for name in ("activationPrice", "persistSlots") if before.get(name) != after[name]]
        if fixed:
            raise invalid_request([(at, "cannot be changed once the order follows the price") for at in fixed])
    shown = body.model_dump(by_alias=True, mode="json", include={AMENDABLE[name] for name in changes})
    return body, {name: value for name, value in shown.items() if not name.startswith("acknowledge")}


def _expected_seq(request: Request) -> int:
    text = request.headers.get("if-match")
    if text is None:
        detail = "Send If-Match with the `seq` of the order, so that nothing that happened since is overwritten."
        raise Problem(428, "precondition_required", detail)
    number = text.strip().strip('"')
    if not (number.isascii() and number.isdecimal() and len(number) <= 9):
        raise Problem(422, "invalid_request", "If-Match takes the `seq` of the order: a whole number.")
    return int(number)


def _check_amendable(order: Order, seq: int, markets: Markets) -> None:
    if order.status is not Status.OPEN or order.type not in WAITING_SHAPES:
        raise Problem(409, "not_amendable", f"The order is {order.status}. Only an order that waits can be amended.")
    if order.time_in_force == TimeInForce.IOC:
        raise Problem(409, "not_amendable", "The order is filled at once or not at all. Place another one instead.")
    waits_for_launch = order.type == OrderType.SNIPER and order.limit_out is None
    if not markets.find(order.token_in) or not (waits_for_launch or markets.find(order.token_out)):
        raise Problem(409, "not_amendable", "A token of the order is no longer listed. It can only be cancelled.")
    if order.seq >= MAX_EVENTS:
        detail = f"The log of the order has {MAX_EVENTS} events, so it is full. Cancel the order and place another one."
        raise Problem(409, "log_full", detail)
    if order.seq != seq:
        raise _has_changed()


def _has_changed() -> Problem:
    detail = "The order has changed since, or its group holds it. Read it, and send If-Match with its new `seq`."
    return Problem(412, "order_changed", detail)
