"""Groups of orders of which one may be filled."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.access.authentication import Caller
from app.api import refusals
from app.api.admission import admit, admit_read, read_body
from app.api.context import ApiContext, authenticate, context, socket_urls
from app.api.orders.bodies import LimitOrder, OrderTerms
from app.api.orders.group_bodies import LEG_SHAPES
from app.api.placing import accepted_view, made_before
from app.api.problems import Problem, invalid, request_id
from app.api.schemas import AcceptedGroup, GroupView
from app.api.spec.openapi import KEY_PARAMETER, body, problems
from app.api.validation import idempotency_key_in, order_uuid, read, to_order, with_condition
from app.api.views import as_json, order_view
from app.dex.amounts import MAX_UNITS, AmountError, to_decimal, to_price
from app.orders.conditions import amount_at
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
TRAILING_OCO = {
    "type": "oco",
    "legs": [OCO["legs"][0], {"orderType": "trailing_stop", **PAIR, "trigger": {"trailBps": 500}}],
}
BRACKET = {
    "type": "bracket",
    "entry": {"orderType": "limit", "tokenIn": "USDC", "tokenOut": "SOL", "amount": "142", "limitPrice": "0.00704"},
    "takeProfit": {"price": "180"},
    "stopLoss": {"price": "120", "limitPrice": "115"},
}


@router.post(
    "",
    status_code=202,
    summary="Place orders of which one is filled",
    responses={
        202: {"model": AcceptedGroup, "description": "Both are durable, and wait"},
        200: {"model": AcceptedGroup, "description": "An earlier request with this key placed the group"},
        **problems(400, 401, 403, 413, 415, 422, 429, 503),
    },
    openapi_extra={
        "parameters": [KEY_PARAMETER],
        **body(
            "AnyGroup",
            {
                "oco": {"summary": "Sell at 180 or, if the price falls, at 120", "value": OCO},
                "trailing": {"summary": "Sell at 180 or once the price has fallen by 5 %", "value": TRAILING_OCO},
                "bracket": {"summary": "Buy at 142, then sell at 180 or at 120", "value": BRACKET},
            },
        ),
    },
)
async def place(request: Request) -> Response:
    """**oco**, a take-profit and a stop or trailing stop: while one is executed the other is held. If the one is
    filled, the other is cancelled with the code `sibling_filled`; if it is not, the other waits again.

    **bracket**, a limit order and both of these: they are held until the entry is filled, and then swap what it
    brought. If the entry ends in another way they are cancelled with the code `parent_ended`.
    """
    fields, key = await read_body(request), idempotency_key_in(request.scope)
    ctx, caller = context(request), authenticate(request)
    legs = _legs(fields, _Sender(ctx, caller, request_id(request)))
    asked = PlaceGroup(
        id=new_order_id(),
        owner=caller.owner,
        type=fields["type"],
        entry=legs[0].asked.id if legs[0].held is False else None,
        orders=[leg.asked for leg in legs],
        idempotency_key=key,
        tag=ctx.memos.tag(caller.owner, key),
        fingerprint=fingerprint_of({"legs": [leg.asked.fingerprint.hex() for leg in legs]}),
    )
    try:
        group = replace(asked, orders=_with_conditions(legs, ctx))
        await admit(request, caller, len(legs))
    except Problem as problem:
        group = asked
        placed = await made_before(request, caller, key, problem, lambda: ctx.changes.group_placed_before(asked))
    else:
        placed = await refusals.place_group(ctx, group)
    urls = socket_urls(request, caller)
    accepted = [
        accepted_view(Accepted(order, None, leg.waiting), urls)
        for order, leg in zip(placed.orders, group.orders, strict=True)
    ]
    view = {"groupId": str(placed.id), "type": group.type, "idempotent": placed.idempotent, "orders": accepted}
    return as_json(view, 200 if placed.idempotent else 202, {"Location": f"/api/order-groups/{placed.id}"})


@router.get(
    "/{group_id}",
    summary="Read a group and its orders",
    responses={200: {"model": GroupView}, **problems(401, 404, 429, 503)},
)
async def group(request: Request, group_id: str) -> Response:
    """The entry first, then the order that takes the profit, then the one that stops the loss."""
    caller, ctx = admit_read(request), context(request)
    found = await ctx.changes.group(order_uuid(group_id), caller.owner)
    if found is None:
        raise Problem(404, "unknown_group", "There is no such group, or it belongs to someone else.")
    orders = [order_view(order, ctx.markets, ctx.price_now(order)) for order in found.orders]
    holder = None if found.holder is None else str(found.holder)
    return as_json({"groupId": str(found.id), "type": found.type, "holder": holder, "orders": orders})


@dataclass(frozen=True, slots=True)
class _Leg:
    """One order of the group, as it was asked for."""

    asked: PlaceOrder
    body: OrderTerms
    at: str
    held: bool | None = None  # of a bracket: false: it is the entry; true: it waits for the entry's fill


@dataclass(frozen=True, slots=True)
class _Sender:
    ctx: ApiContext
    caller: Caller
    request_id: str

    def leg(self, body: OrderTerms, at: str, held: bool | None = None) -> _Leg:
        order = to_order(body, self.ctx, caller=self.caller, idempotency_key=None, request_id=self.request_id, at=at)
        return _Leg(order, body, at, held)


def _legs(fields: dict[str, Any], sender: _Sender) -> list[_Leg]:
    """All orders of the group; of a bracket, the entry is the first."""
    match fields:
        case {"type": "oco", "legs": [dict(one), dict(other)], **rest} if not rest:
            return _oco(one, other, sender)
        case {"type": "bracket", "entry": dict(entry), "takeProfit": dict(profit), "stopLoss": dict(stop), **rest} if (
            not rest
        ):
            return _bracket(entry, {"takeProfit": profit, "stopLoss": stop}, sender)
    raise invalid([("/type", "send type oco with two legs, or type bracket with entry, takeProfit and stopLoss")])


def _oco(one: dict[str, Any], other: dict[str, Any], sender: _Sender) -> list[_Leg]:
    legs = []
    for n, leg in enumerate((one, other)):
        order_type = leg.get("orderType")
        if not isinstance(order_type, str) or order_type not in LEG_SHAPES:
            raise invalid([(f"/legs/{n}/orderType", f"must be one of: {', '.join(LEG_SHAPES)}")])
        at = f"/legs/{n}"
        legs.append(sender.leg(read(LEG_SHAPES[order_type], leg, at), at))
    orders = [leg.asked for leg in legs]
    if len({(order.token_in, order.token_out, order.amount_in) for order in orders}) > 1:
        raise Problem(422, "group_shape", "Both orders of the group must swap the same amount of the same tokens.")
    if [order.type for order in orders].count("take_profit") != 1:
        detail = "One order of the group must be a take_profit, and the other a stop or a trailing_stop."
        raise Problem(422, "group_shape", detail)
    return legs


EXITS = {"takeProfit": "take_profit", "stopLoss": "stop"}


def _bracket(entry: dict[str, Any], exits: dict[str, dict[str, Any]], sender: _Sender) -> list[_Leg]:
    """The others sell what the entry brings. Until it is filled they are stored with the least that it may bring."""
    limit = read(LimitOrder, {"orderType": "limit", **entry}, "/entry")
    first = sender.leg(limit, "/entry", held=False)
    brings = sender.ctx.markets.token(first.asked.token_out)
    sells = {
        "tokenIn": first.asked.token_out,
        "tokenOut": first.asked.token_in,
        "amount": to_decimal(_least(limit, first.asked, sender.ctx), brings.decimals),
        "acknowledgeSingleVenue": True,
        **({"venues": list(first.asked.venues)} if first.asked.venues else {}),
    }
    legs = [first]
    for name, leg in exits.items():
        trigger = {field: value for field, value in leg.items() if field not in ("limitPrice", "slippageBps")}
        terms = {field: value for field, value in leg.items() if field in ("limitPrice", "slippageBps")}
        shape = {**sells, **terms, "orderType": EXITS[name], "trigger": trigger}
        with _without_trigger():
            legs.append(sender.leg(read(LEG_SHAPES[EXITS[name]], shape, f"/{name}"), f"/{name}", held=True))
    return legs


def _least(body: LimitOrder, entry: PlaceOrder, ctx: ApiContext) -> int:
    """What the entry brings at least, in base units."""
    token_in, token_out = ctx.markets.token(entry.token_in), ctx.markets.token(entry.token_out)
    try:
        least = amount_at(to_price(body.limit_price), entry.amount_in, token_in.decimals, token_out.decimals)
    except AmountError as error:
        raise invalid([("/entry/limitPrice", str(error))]) from None
    return min(least, MAX_UNITS)  # more is refused once the entry's condition is looked at


@contextlib.contextmanager
def _without_trigger() -> Iterator[None]:
    """The bodies of these legs have no `trigger`: its fields are their own."""
    try:
        yield
    except Problem as problem:
        problem.errors = [(pointer.replace("/trigger/", "/", 1), text) for pointer, text in problem.errors]
        raise


def _greater(value: int | None, other: int | None) -> int | None:
    return None if value is None or other is None else max(value, other)


def _with_conditions(legs: list[_Leg], ctx: ApiContext) -> list[PlaceOrder]:
    orders = []
    for leg in legs:
        with _without_trigger() if leg.held else contextlib.nullcontext():
            order = with_condition(leg.asked, leg.body, ctx, leg.at, may_be_met=bool(leg.held))
        if leg.held:  # it will swap all that the entry brings, which is more than the least
            order = replace(order, usd_value=_greater(order.usd_value, legs[0].asked.usd_value))
        if order.waiting is not None:
            orders.append(replace(order, waiting=replace(order.waiting, held=leg.held)))
    if legs[0].held is False:
        _check_prices(*(Fraction(Decimal(order.waiting.condition["price"])) for order in orders if order.waiting))
    return orders


def _check_prices(entry: Fraction, take: Fraction, cut: Fraction) -> None:
    entered = 1 / entry
    if not cut < entered < take:
        detail = "The entry's price, turned around, must lie between that of stopLoss and that of takeProfit."
        wrong = "/stopLoss/price" if cut >= entered else "/takeProfit/price"
        raise Problem(422, "group_shape", detail, errors=[(wrong, detail)])
