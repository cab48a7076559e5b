"""What can be traded, and what the venues would give for it now."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from app.api.context import authenticate, context
from app.api.problems import request_id
from app.api.schemas import Answer, ExecuteOrder
from app.api.spec.openapi import problems
from app.api.validation import read, to_order
from app.api.views import as_json
from app.dex.amounts import minimum_out, to_decimal
from app.dex.quotes import QuoteRequest
from app.dex.router import NoRoute, quotes_json

router = APIRouter(prefix="/api", tags=["market"])


class TradedToken(Answer):
    symbol: str
    mint: str
    name: str
    decimals: int


class Tokens(Answer):
    tokens: list[TradedToken]


class TradedPool(Answer):
    id: str
    venue: str
    tokens: list[str]
    depth_usd: int = Field(description="What it holds, both sides together")


class Pools(Answer):
    pools: list[TradedPool]


class VenueQuote(Answer):
    """What one venue would give, and what became of it."""

    venue: str
    won: bool
    reason: str = Field(description="Why it won or lost", examples=["12 bps less out"])
    error: str | None = Field(None, description="The code of a venue that is out of the running")
    amount_out: str | None = None
    fee: str | None = Field(None, description="In tokenIn")
    network_fee: str | None = Field(None, description="In SOL")
    price_impact_bps: int | None = None
    slot: int | None = None
    route: list[str] | None = None


class Preview(Answer):
    """The routing decision as it would be made now. Without `dex` there is none: `error` says why."""

    slot: int = Field(description="The moment of the market this is true for")
    dex: str | None = None
    price: str | None = Field(None, description="tokenOut for one tokenIn")
    amount_out: str | None = None
    min_amount_out: str | None = Field(None, description="What the default slippage would guarantee")
    route: list[str] | None = None
    quotes: list[VenueQuote]
    error: str | None = None


@router.get("/tokens", summary="The tokens that are traded here", responses={200: {"model": Tokens}})
async def tokens(request: Request) -> Response:
    """Name one by its symbol or by its mint, wherever a token is asked for."""
    return as_json(
        {
            "tokens": [
                {"symbol": one.symbol, "mint": one.mint, "name": one.name, "decimals": one.decimals}
                for one in context(request).markets.tokens
            ]
        }
    )


@router.get("/pools", summary="The pools of each venue", responses={200: {"model": Pools}})
async def pools(request: Request) -> Response:
    return as_json(
        {
            "pools": [
                {"id": one.id, "venue": one.venue, "tokens": [one.x.symbol, one.y.symbol], "depthUsd": one.depth_usd}
                for one in context(request).markets.pools
            ]
        }
    )


@router.get(
    "/quotes",
    summary="What every venue would give now, which would win, and why",
    responses={200: {"model": Preview}, **problems(401, 422, 503)},
)
async def quotes(
    request: Request,
    token_in: Annotated[
        str,
        Query(alias="tokenIn", max_length=64, description="Symbol or mint", openapi_examples={"SOL": {"value": "SOL"}}),
    ],
    token_out: Annotated[
        str,
        Query(
            alias="tokenOut", max_length=64, description="Symbol or mint", openapi_examples={"USDC": {"value": "USDC"}}
        ),
    ],
    amount: Annotated[
        str, Query(max_length=39, description="How much of tokenIn", openapi_examples={"1.5": {"value": "1.5"}})
    ],
) -> Response:
    """Exactly what the router would decide at this moment of the market. Nothing is placed."""
    ctx, caller = context(request), authenticate(request)
    asked = read(ExecuteOrder, {"tokenIn": token_in, "tokenOut": token_out, "amount": amount})
    order = to_order(asked, ctx, owner=caller.owner, idempotency_key=None, request_id=request_id(request))
    wanted = QuoteRequest(ctx.markets.token(order.token_in), ctx.markets.token(order.token_out), order.amount_in)
    # Market time is the database's, as it is for the worker.
    slot = int((await ctx.reader.now()).timestamp() * 1000) // ctx.settings.mock_block_ms
    try:
        route = await ctx.router.route(wanted, slot)
    except NoRoute as error:
        return as_json({"slot": slot, "error": error.code, "quotes": quotes_json(wanted, error.considered)})
    floor = minimum_out(route.best.amount_out, order.slippage_bps)
    return as_json({"slot": slot, **route.to_json(), "minAmountOut": to_decimal(floor, wanted.token_out.decimals)})
