"""What a sniper waits for, from its body: every check that needs no database."""

from decimal import Decimal
from typing import Any

from app.api.context import ApiContext
from app.api.names import unknown_venue
from app.api.orders.bodies import SniperOrder
from app.api.orders.waiting import Errors, check_value, price_in
from app.api.problems import invalid, not_supported
from app.dex.amounts import MAX_UNITS, AmountError, to_price
from app.dex.markets import Markets, Token
from app.orders.conditions import Trigger, Waiting, amount_at, feed_of, trigger_again, trigger_of

UNKNOWN_MINT = "must be a token that is traded here, or the mint address of one that will be"


def mint_of(named: str, markets: Markets) -> str:
    """Of a token that a client or an order names; of one that is not traded yet, the name is its mint."""
    token = markets.find(named)
    return token.mint if token else named


def snipe_of(
    body: SniperOrder,
    ctx: ApiContext,
    *,
    token_in: Token,
    mint: str,
    amount_in: int,
    usd_value: int | None,
    at: str = "",
    launched: Token | None = None,
) -> Waiting:
    """`launched`: the token was traded before, so that the order waits for its price."""
    if not ctx.network.has_launches:
        raise not_supported(f"{at}/orderType", "does not learn of new pools yet")
    errors = Errors()
    limit_price = price_in(body.limit_price, "/limitPrice", errors)
    condition = _condition(body, ctx, mint, errors)
    if errors or limit_price is None:
        raise invalid([(at + pointer, message) for pointer, message in errors])
    check_value(ctx, usd_value, at)
    limit_out, trigger = None, trigger_of(body.order_type, "", limit_price, condition)
    if launched is not None:
        trigger = _limit(body, token_in, launched, condition, limit_price)
        limit_out = min(amount_at(limit_price, amount_in, token_in.decimals, launched.decimals), MAX_UNITS)
    return Waiting(
        limit_price=limit_price,
        limit_out=limit_out,
        condition=condition,
        trigger=trigger,
    )


def _limit(body: SniperOrder, token_in: Token, token_out: Token, condition: dict[str, Any], price: Decimal) -> Trigger:
    return trigger_again(body.order_type, feed_of(token_in.symbol, token_out.symbol), price, condition, 0)


def _condition(body: SniperOrder, ctx: ApiContext, mint: str, errors: Errors) -> dict[str, Any]:
    """As it is stored, and shown as `trigger`."""
    trigger, names = body.trigger, ctx.router.names
    if trigger.venue is not None and trigger.venue not in names:
        errors.append(("/trigger/venue", unknown_venue([trigger.venue], names)))
    elif trigger.venue is not None and body.venues is not None and trigger.venue not in body.venues:
        errors.append(("/trigger/venue", "must be one of `venues`"))
    if trigger.min_depth_usd is not None:
        try:
            to_price(trigger.min_depth_usd)
        except AmountError:
            errors.append(("/trigger/minDepthUsd", "must be dollars above zero: a plain decimal number"))
    elif trigger.event == "liquidity":
        errors.append(("/trigger/minDepthUsd", "the event liquidity needs it"))
    return {**trigger.model_dump(by_alias=True, exclude_none=True), "mint": mint}
