"""Tokens, pools and current quotes."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from app.api.admission import admit_read, owns_wallet
from app.api.context import context
from app.api.orders.bodies import ExecuteOrder
from app.api.problems import Problem, request_id
from app.api.schemas import Answer
from app.api.spec.openapi import problems
from app.api.validation import pair, read, to_order
from app.api.views import as_json, json_number, price_number
from app.dex.amounts import minimum_out, to_decimal
from app.dex.errors import DexError
from app.dex.quotes import QuoteRequest
from app.dex.router import NoRoute, quotes_json

router = APIRouter(prefix="/api", tags=["market"])

TokenIn = Annotated[
    str, Query(alias="tokenIn", max_length=64, description="Symbol or mint", openapi_examples={"SOL": {"value": "SOL"}})
]
TokenOut = Annotated[
    str,
    Query(alias="tokenOut", max_length=64, description="Symbol or mint", openapi_examples={"USDC": {"value": "USDC"}}),
]


class TradedToken(Answer):
    symbol: str
    mint: str
    name: str
    decimals: int


class Tokens(Answer):
    tokens: list[TradedToken]
    practice: bool = Field(description="true: local mode, with a simulated market or a local chain; no money moves")
    launches: bool = Field(description="false: this chain tells of no new tokens, and no order can wait for one")


class Balance(Answer):
    token: str
    amount: str


class Wallet(Answer):
    address: str | None = Field(description="null: the chain is simulated, and has no wallet")
    balances: list[Balance]


class TradedPool(Answer):
    id: str
    venue: str
    tokens: list[str]
    depth_usd: int = Field(description="Value of its reserves, both tokens together")


class Pools(Answer):
    pools: list[TradedPool]


class MidPrice(Answer):
    venue: str
    price: float = Field(description="tokenOut for one tokenIn at the mid price of its pools, with all its digits")


class MidPrices(Answer):
    """What a pair costs before fees and price impact."""

    slot: int = Field(description="The slot of the market that the prices are for")
    at: datetime = Field(description="The time of the prices, on the engine's clock")
    token_in: str
    token_out: str
    mids: list[MidPrice] = Field(description="Of each venue that trades the pair")
    movable: bool = Field(description="true: `POST /api/simulate/market` moves this price")
    set_by_hand: bool = Field(description="true: the price was set by hand, and stands still until it is released")


class VenueQuote(Answer):
    """The quote of one venue, and whether the router would choose it."""

    venue: str
    won: bool
    reason: str = Field(description="Why it won or lost", examples=["0.12 % less"])
    error: str | None = Field(None, description="The error code, if this venue cannot take the order")
    amount_out: str | None = None
    fee: str | None = Field(None, description="In tokenIn")
    network_fee: str | None = Field(None, description="In SOL")
    price_impact_bps: int | None = None
    slot: int | None = None
    route: list[str] | None = None


class ChosenRoute(Answer):
    dex: str
    tokens: list[str] = Field(description="The tokens passed through, first and last included")


class Preview(Answer):
    """The routing decision the engine would make now. Without `dex` there is no route: `error` says why."""

    slot: int = Field(description="The slot of the market that the quotes are for")
    dex: str | None = None
    price: float | None = Field(None, description="tokenOut for one tokenIn, with all its digits")
    amount_out: str | None = None
    min_amount_out: str | None = Field(None, description="The least amount with the default slippage")
    route: ChosenRoute | None = None
    quotes: list[VenueQuote]
    error: str | None = None


@router.get("/tokens", summary="The tokens that can be traded", responses={200: {"model": Tokens}})
async def tokens(request: Request) -> Response:
    """Every request takes the symbol or the mint of a token."""
    ctx = context(request)
    return as_json(
        {
            "tokens": [
                {"symbol": one.symbol, "mint": one.mint, "name": one.name, "decimals": one.decimals}
                for one in ctx.markets.tokens
            ],
            "practice": ctx.market is not None,
            "launches": ctx.network.has_launches,
        }
    )


@router.get(
    "/wallet",
    summary="What the wallet of a real chain holds",
    responses={200: {"model": Wallet}, **problems(401, 403, 429, 503)},
)
async def wallet(request: Request) -> Response:
    """Only for the owner of the wallet, and for operators: a node is asked. The simulated chain has no wallet."""
    ctx, caller = context(request), admit_read(request)
    if not caller.operator:
        owns_wallet(request, caller.owner)
    try:
        held = await ctx.network.wallet_holds()
    except DexError as error:
        raise Problem(503, error.code, error.detail, retryable=True) from None
    return as_json(
        {
            "address": ctx.network.wallet,
            "balances": [
                {"token": symbol, "amount": to_decimal(units, ctx.markets.token(symbol).decimals)}
                for symbol, units in held.items()
            ],
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
    "/market",
    summary="The current mid prices of a pair",
    responses={200: {"model": MidPrices}, **problems(401, 422, 429, 503)},
)
async def market(request: Request, token_in: TokenIn, token_out: TokenOut) -> Response:
    """The prices that triggers of orders are compared with. Two different tokens; one hop or two."""
    ctx, _ = context(request), admit_read(request)
    tokens = pair(token_in, token_out, ctx.markets)
    now = await ctx.reader.now()
    slot = ctx.network.slot_at(now)
    return as_json(
        {
            "slot": slot,
            "at": now,
            "tokenIn": tokens[0].symbol,
            "tokenOut": tokens[1].symbol,
            "mids": [
                {"venue": venue, "price": price_number(price)}
                for venue, price in ctx.network.mids(*tokens, slot).items()
            ],
            "movable": ctx.market is not None and bool(ctx.markets.pools_of(*tokens)),
            "setByHand": ctx.market is not None and ctx.market.is_set(*tokens, slot),
        }
    )


@router.get(
    "/quotes",
    summary="The current quote of every venue, the best one, and why",
    responses={200: {"model": Preview}, **problems(401, 403, 422, 429, 503)},
)
async def quotes(
    request: Request,
    token_in: TokenIn,
    token_out: TokenOut,
    amount: Annotated[
        str, Query(max_length=39, description="How much of tokenIn", openapi_examples={"1.5": {"value": "1.5"}})
    ],
) -> Response:
    """What the router would decide now. No order is placed. On a real chain only for the owner of the wallet, and for
    operators: a vendor counts these calls together with those for orders.
    """
    ctx, caller = context(request), admit_read(request)
    if not caller.operator:
        owns_wallet(request, caller.owner)
    fields = read(ExecuteOrder, {"tokenIn": token_in, "tokenOut": token_out, "amount": amount})
    order = to_order(fields, ctx, caller=caller, idempotency_key=None, request_id=request_id(request))
    quote_request = QuoteRequest(ctx.markets.token(order.token_in), ctx.markets.token(order.token_out), order.amount_in)
    # Market time is the database's, as it is for the worker.
    slot = ctx.network.slot_at(await ctx.reader.now())
    try:
        route = await ctx.router.route(quote_request, slot)
    except NoRoute as error:
        return as_json({"slot": slot, "error": error.code, "quotes": quotes_json(quote_request, error.answers)})
    floor = minimum_out(route.best.amount_out, order.slippage_bps)
    return as_json(
        {
            "slot": slot,
            **route.to_json(),
            "price": json_number(route.price),
            "minAmountOut": to_decimal(floor, quote_request.token_out.decimals),
        }
    )
