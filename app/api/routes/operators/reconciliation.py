"""Whether the engine reconciles with the chain, and the swaps that it does not know the order of."""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from app.api.admission import admit_read, turn_to_read
from app.api.context import ApiContext, context, operators_only
from app.api.schemas import Answer
from app.api.spec.openapi import problems
from app.api.views import amount_of, as_json
from app.orders.lifecycle import Status
from app.orders.reconciling.compared import UnmatchedSwap

router = APIRouter(prefix="/api", tags=["operator"])

MOST = 1_000


class Unmatched(Answer):
    """A swap that landed, and filled no order that the database knew."""

    tx_hash: str
    order_id: str = Field(description="As the swap's memo says")
    status: Status | None = Field(description="That the order had here; null: there was no such order")
    dex: str | None
    token_in: str | None
    token_out: str | None
    amount_in: str | None = Field(description="null: the token is not known here")
    amount_out: str | None
    landed_at: datetime
    filled_order_id: str | None = Field(description="The order with the same idempotency key that it has filled since")


class Reconciliation(Answer):
    reconciling: bool = Field(description="Nothing starts or is sent meanwhile; orders are accepted")
    reason: str | None
    began_at: datetime | None
    waits_for: str | None = Field(description="What its end waits for; null also until a worker has said it")
    unmatched_swaps: list[Unmatched] = Field(description=f"The newest first, at most {MOST}")


@router.get(
    "/reconciliation",
    summary="Whether the chain is asked about every order now, and unmatched swaps",
    responses={200: {"model": Reconciliation}, **problems(401, 403, 429, 503)},
)
async def reconciliation(request: Request) -> Response:
    """After a restore or a fail-over the database may have forgotten orders. Nothing starts until the chain was asked
    about all of them, which takes a little longer than a swap can be on its way.
    """
    ctx = context(request)
    operators_only(caller := admit_read(request))
    async with turn_to_read(request, caller):
        now, unmatched = await ctx.reconciling.read(), await ctx.unmatched_swaps.newest(MOST)
    return as_json(
        {
            "reconciling": now is not None,
            "reason": now and now.reason,
            "beganAt": now and now.began_at,
            "waitsFor": now and now.waits_for,
            "unmatchedSwaps": [_view(one, ctx) for one in unmatched],
        }
    )


def _view(one: UnmatchedSwap, ctx: ApiContext) -> dict[str, object]:
    find = ctx.markets.find
    return {
        "txHash": one.signature,
        "orderId": one.order_id,
        "status": one.status,
        "dex": one.venue,
        "tokenIn": one.token_in,
        "tokenOut": one.token_out,
        "amountIn": amount_of(find(one.token_in or ""), one.amount_in),
        "amountOut": amount_of(find(one.token_out or ""), one.amount_out),
        "landedAt": one.landed_at,
        "filledOrderId": one.filled_order and str(one.filled_order),
    }
