"""Changing the simulated market by hand, in local mode: so anyone can see what orders do when a price moves."""

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from app.api.admission import admit_read
from app.api.context import actor, authenticate, context
from app.api.json_body import read_object
from app.api.names import unknown_venue
from app.api.problems import Problem, invalid_request
from app.api.schemas import SYMBOL, Answer, LaunchPool, MoveMarket
from app.api.spec.openapi import body, problems
from app.api.validation import pair, read_request
from app.api.views import as_json, price_number
from app.dex.amounts import AmountError, to_base_units, to_price
from app.dex.errors import DexError
from app.dex.markets import USD_DECIMALS, Markets
from app.network import CannotLaunch, Launch, MovableMarket, PriceOutOfRange, mint_of

MAX_USD = 1_000_000  # of one token

LAUNCH = {
    "venue": "raydium",
    "symbol": "WIF",
    "name": "dogwifhat",
    "decimals": 6,
    "usd": "0.25",
    "quote": "SOL",
    "depthUsd": 50_000,
}

router = APIRouter(prefix="/api/simulate", tags=["market"])


class MovedMarket(Answer):
    token_in: str
    token_out: str
    price: float = Field(description="tokenOut for one tokenIn at every venue, with all its digits")
    from_slot: int = Field(description="The slot from which it holds, in every process: about a second from now")


class LaunchedPool(Answer):
    id: str
    venue: str
    tokens: list[str]
    mint: str = Field(description="Of the new token")
    from_slot: int = Field(description="The slot from which every process knows it")


class Mint(Answer):
    symbol: str
    mint: str


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
        except DexError as error:
            raise Problem(503, error.code, "The local chain does not answer.", retryable=True) from None
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


@router.post(
    "/pools",
    summary="Launch a token",
    responses={200: {"model": LaunchedPool}, **problems(400, 401, 403, 413, 415, 422, 503)},
    openapi_extra=body("LaunchPool", {"launch": {"summary": "A new token against SOL", "value": LAUNCH}}),
)
async def launch_pool(request: Request) -> Response:
    """In local mode only. The token can be traded at once, by its symbol or mint. Launched twice, it is there once."""
    market, ctx = _movable(request), context(request)
    wanted = read_request(LaunchPool, await read_object(request))
    if wanted.venue not in ctx.router.names:
        raise invalid_request([("/venue", unknown_venue([wanted.venue], ctx.router.names))])
    try:
        usd = to_base_units(wanted.usd, USD_DECIMALS)
    except AmountError as error:
        raise invalid_request([("/usd", str(error))]) from None
    if usd > MAX_USD * 10**USD_DECIMALS:
        raise invalid_request([("/usd", f"a token may cost at most {MAX_USD} dollars")])
    launch = Launch(**wanted.model_dump() | {"usd": usd})
    details = {"venue": wanted.venue, "symbol": wanted.symbol, "quote": wanted.quote}
    async with ctx.audit.action(actor(request, authenticate(request)), "simulate.launch", details):
        try:
            pool, slot = await market.launch(launch)
        except CannotLaunch as error:
            raise invalid_request([("/symbol", str(error))]) from None
    tokens = [pool.x.symbol, pool.y.symbol]
    return as_json({"id": pool.id, "venue": pool.venue, "tokens": tokens, "mint": pool.x.mint, "fromSlot": slot})


@router.get(
    "/mint",
    summary="The mint of a token that is to be launched",
    responses={200: {"model": Mint}, **problems(401, 403, 422, 429, 503)},
)
async def mint(
    request: Request, symbol: Annotated[str, Query(pattern=SYMBOL, openapi_examples={"WIF": {"value": "WIF"}})]
) -> Response:
    """In local mode only. On the simulated market it follows from the symbol, so a sniper can wait for it."""
    admit_read(request)
    _movable(request)
    return as_json({"symbol": symbol, "mint": mint_of(symbol)})


def _movable(request: Request) -> MovableMarket:
    authenticate(request)
    if (market := context(request).market) is None:
        raise Problem(
            403,
            "local_mode_only",
            "Only a simulated market, or that of a local chain, can be moved, in local mode (ENGINE_MODE=local).",
        )
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
