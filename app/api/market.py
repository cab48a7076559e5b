"""What can be traded, and what the venues would give for it now."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.api.orders import problems
from app.api.parts import caller, parts
from app.api.placing import read, to_order
from app.api.problems import Problem, request_id
from app.api.showing import as_json
from app.api.wire import ExecuteOrder
from app.dex.amounts import to_decimal
from app.dex.errors import DexError, may_retry
from app.dex.quotes import QuoteRequest
from app.dex.router import NoRoute, quotes_json

router = APIRouter(prefix="/api", tags=["market"])


@router.get("/tokens", summary="The tokens that are traded here", response_model=None)
async def tokens(request: Request) -> Response:
    return as_json(
        {
            "tokens": [
                {"symbol": one.symbol, "mint": one.mint, "name": one.name, "decimals": one.decimals}
                for one in parts(request).markets.tokens
            ]
        }
    )


@router.get("/pools", summary="The pools of each venue", response_model=None)
async def pools(request: Request) -> Response:
    return as_json(
        {
            "pools": [
                {"id": one.id, "venue": one.venue, "tokens": [one.x.symbol, one.y.symbol], "depthUsd": one.depth_usd}
                for one in parts(request).markets.pools
            ]
        }
    )


@router.get(
    "/quotes",
    summary="What every venue would give now, which would win, and why",
    response_model=None,
    responses=problems(401, 422, 503),
)
async def quotes(
    request: Request,
    token_in: Annotated[str, Query(alias="tokenIn", max_length=64, examples=["SOL"])],
    token_out: Annotated[str, Query(alias="tokenOut", max_length=64, examples=["USDC"])],
    amount: Annotated[str, Query(max_length=39, examples=["1.5"])],
) -> Response:
    """Exactly what the router would decide at this moment of the market. Nothing is placed."""
    here, who = parts(request), caller(request)
    asked = read(ExecuteOrder, {"tokenIn": token_in, "tokenOut": token_out, "amount": amount})
    order = to_order(
        asked,
        here.markets,
        venues=here.router.names,
        default_slippage_bps=here.settings.default_slippage_bps,
        owner=who.owner,
        idempotency_key=None,
        request_id=request_id(request),
    )
    wanted = QuoteRequest(here.markets.token(order.token_in), here.markets.token(order.token_out), order.amount_in)
    # Market time is the database's, as it is for the worker.
    slot = int((await here.reader.now()).timestamp() * 1000) // here.settings.mock_block_ms
    try:
        route = await here.router.route(wanted, slot)
    except NoRoute as error:
        return as_json({"slot": slot, "error": error.code, "quotes": quotes_json(wanted, error.considered)})
    except DexError as error:
        raise Problem(422, error.code, error.detail, retryable=may_retry(error.code)) from None
    least = route.best.amount_out * (10_000 - order.slippage_bps) // 10_000
    return as_json(
        {
            "slot": slot,
            **route.to_json(),
            "minAmountOut": to_decimal(least, wanted.token_out.decimals),
        }
    )
