"""Moving the simulated market by hand, in local mode: so anyone can see what an order does when the price moves."""

from decimal import Decimal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from app.api.context import actor, authenticate, context
from app.api.json_body import read_object
from app.api.problems import Problem, invalid_request
from app.api.schemas import Answer, MoveMarket
from app.api.spec.openapi import body, problems
from app.api.validation import pair, read_request
from app.api.views import as_json, price_number
from app.dex.amounts import AmountError, to_price
from app.dex.markets import Markets
from app.network import MovableMarket, PriceOutOfRange

router = APIRouter(prefix="/api/simulate", tags=["market"])


class MovedMarket(Answer):
    token_in: str
    token_out: str
    price: float = Field(description="tokenOut for one tokenIn at every venue, with all its digits")
    from_slot: int = Field(description="The slot from which it holds, in every process: about a second from now")


class ReleasedMarket(Answer):
    from_slot: int = Field(description="The slot from which all prices move by themselves")


@router.post(
    "/market",
    summary="Set the price of a pair, or move it",
    responses={200: {"model": MovedMarket}, **problems(400, 401, 403, 413, 415, 422, 503)},
    openapi_extra=body(
        "MoveMarket",
        {
            "price": {"summary": "Set it", "value": {"tokenIn": "SOL", "tokenOut": "USDC", "price": "150.25"}},
            "move": {"summary": "1 % down", "value": {"tokenIn": "SOL", "tokenOut": "USDC", "moveBps": -100}},
        },
    ),
)
async def move_market(request: Request) -> Response:
    """In local mode only. From `fromSlot` on all pools of the pair have this mid price, and stand still until the
    price is set again or released. A swap that was sent before that fills at the price known when it was sent.
    """
    market, ctx = _movable(request), context(request)
    wanted = read_request(MoveMarket, await read_object(request))
    token_in, token_out = pair(wanted.token_in, wanted.token_out, ctx.markets)
    if not ctx.markets.pools_of(token_in, token_out):
        raise invalid_request([("/tokenOut", f"this pair has no pool; those that can be moved: {_pairs(ctx.markets)}")])
    price = _price(wanted)
    details = {"tokenIn": token_in.symbol, "tokenOut": token_out.symbol, "price": price, "moveBps": wanted.move_bps}
    async with ctx.audit.action(actor(request, authenticate(request)), "simulate.market", details):
        try:
            if price is not None:
                moved = await market.set_price(token_in, token_out, price)
            else:
                moved = await market.move(token_in, token_out, wanted.move_bps or 0)
        except PriceOutOfRange as error:
            raise invalid_request([("/moveBps" if price is None else "/price", str(error))]) from None
    return as_json(
        {
            "tokenIn": token_in.symbol,
            "tokenOut": token_out.symbol,
            "price": price_number(moved.price),
            "fromSlot": moved.slot,
        }
    )


@router.delete(
    "/market",
    summary="Let all prices move by themselves again",
    responses={200: {"model": ReleasedMarket}, **problems(401, 403, 503)},
)
async def release_market(request: Request) -> Response:
    """In local mode only. Prices jump to where they would be had they never been set."""
    market, ctx = _movable(request), context(request)
    async with ctx.audit.action(actor(request, authenticate(request)), "simulate.release", {}):
        slot = await market.release()
    return as_json({"fromSlot": slot})


def _movable(request: Request) -> MovableMarket:
    authenticate(request)
    if (market := context(request).market) is None:
        raise Problem(403, "local_mode_only", "The market can be moved in local mode only (ENGINE_MODE=local).")
    return market


def _price(wanted: MoveMarket) -> Decimal | None:
    """None: it moves by `moveBps`."""
    if (wanted.price is None) == (wanted.move_bps is None):
        raise invalid_request([("/price", "send either price or moveBps")])
    try:
        return None if wanted.price is None else to_price(wanted.price)
    except AmountError as error:
        raise invalid_request([("/price", str(error))]) from None


def _pairs(markets: Markets) -> str:
    return ", ".join(sorted({f"{pool.x.symbol}/{pool.y.symbol}" for pool in markets.pools}))
