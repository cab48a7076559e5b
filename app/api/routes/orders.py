"""Orders: list and read."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.admission import admit_read, may_read_log, turn_to_read
from app.api.context import ApiContext, context, socket_urls
from app.api.names import token_names, unknown_token, unknown_venue
from app.api.orders.schedule_bodies import Moment
from app.api.problems import invalid_query, unknown_order
from app.api.schemas import OrderPage, OrderSnapshot
from app.api.spec.openapi import OrderId, problems
from app.api.validation import order_uuid
from app.api.views import as_json, cursor, links, order_view, page_key, slices_view
from app.orders.conditions import OrderType
from app.orders.lifecycle import Status
from app.orders.model import Order
from app.orders.store.reads import Filter

router = APIRouter(prefix="/api/orders", tags=["orders"])


@router.get(
    "",
    summary="Your orders, newest first",
    responses={200: {"model": OrderPage}, **problems(401, 422, 429, 503)},
)
async def list_orders(
    request: Request,
    status: Annotated[Status | None, Query(description="Only orders with this status")] = None,
    token_in: Annotated[str | None, Query(alias="tokenIn", max_length=64, description="Symbol or mint")] = None,
    token_out: Annotated[str | None, Query(alias="tokenOut", max_length=64, description="Symbol or mint")] = None,
    venue: Annotated[str | None, Query(max_length=64, description="Only orders that were routed to this venue")] = None,
    placed_from: Annotated[Moment | None, Query(alias="from", description="Only orders placed then or later")] = None,
    placed_before: Annotated[Moment | None, Query(alias="before", description="Only orders placed earlier")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(alias="cursor", max_length=200, description="From `nextCursor`")] = None,
) -> Response:
    """Pages do not shift while new orders arrive: no order is repeated or skipped. With a filter by token or venue a
    page may have fewer than `limit` orders, even none, and still a `nextCursor`: follow it until it is null.
    """
    ctx, caller = context(request), admit_read(request)
    filter_by = Filter(
        status=status,
        token_in=_names(ctx, token_in, "/query/tokenIn"),
        token_out=_names(ctx, token_out, "/query/tokenOut"),
        dex=_known_venue(ctx, venue),
        placed_from=_in_utc(placed_from, "/query/from"),
        placed_before=_in_utc(placed_before, "/query/before"),
    )
    page_after = None if after is None else page_key(after)
    async with turn_to_read(request, caller):
        page = await ctx.lists.page(caller.owner, filter_by, page_after, limit)
        views = await _views(ctx, page.orders)
    return as_json({"orders": views, "nextCursor": None if page.end is None else cursor(page.end)})


@router.get(
    "/{order_id}",
    summary="One order with its event log",
    responses={200: {"model": OrderSnapshot}, **problems(401, 404, 429, 503)},
)
async def one_order(request: Request, order_id: OrderId) -> Response:
    ctx, order_uid, caller = context(request), order_uuid(order_id), admit_read(request)
    order = await ctx.reader.order(order_uid, caller.owner)
    if order is None:
        raise unknown_order()
    may_read_log(request, caller, order.seq)
    # The log is read after the row, so it may be longer than the row's `seq`. It is cut there, to show one state.
    events = [event.as_dict() for event in await ctx.reader.log(order_uid) if event.seq <= order.seq]
    (view,) = await _views(ctx, [order])
    return as_json({**view, "events": events, **links(order_uid, socket_urls(request, caller))})


async def _views(ctx: ApiContext, orders: Sequence[Order]) -> list[dict[str, Any]]:
    """Orders as JSON. Those that are executed in slices have what became of them so far, read at once for all."""
    slices = await ctx.changes.slices([one.id for one in orders if one.type == OrderType.DCA and one.parent_id is None])
    return [
        order_view(order, ctx.markets, ctx.price_now(order))
        | (slices_view(order, slices[order.id], ctx.markets) if order.id in slices else {})
        for order in orders
    ]


def _names(ctx: ApiContext, token: str | None, pointer: str) -> list[str] | None:
    if token is None:
        return None
    if names := token_names(token, ctx.markets):
        return names
    raise invalid_query([(pointer, unknown_token(token, ctx.markets))])


def _in_utc(moment: datetime | None, pointer: str) -> datetime | None:
    try:
        return moment and moment.astimezone(UTC)
    except OverflowError:
        raise invalid_query([(pointer, "is too far away")]) from None


def _known_venue(ctx: ApiContext, venue: str | None) -> list[str] | None:
    if venue is None:
        return None
    if venue not in ctx.router.names:
        raise invalid_query([("/query/venue", unknown_venue([venue], ctx.router.names))])
    return [venue]
