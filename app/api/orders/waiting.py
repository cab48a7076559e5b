"""What an order waits for, from its body and the market as it is now: every check that needs no database."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.api.context import ApiContext
from app.api.orders.bodies import DcaOrder, LimitOrder, OpenBody, SniperOrder, TrailingStopOrder, WaitingBody
from app.api.orders.lifetime import YEAR
from app.api.problems import Problem, invalid, not_supported
from app.api.views import plain
from app.dex.amounts import MAX_UNITS, AmountError, to_price
from app.dex.markets import Token
from app.orders.conditions import (
    NO_PRICE,
    STOP_SLIPPAGE_BPS,
    Plan,
    Trigger,
    Waiting,
    amount_at,
    feed_of,
    floor_price,
    is_met,
    less,
    price_for,
    trail_level,
    trigger_of,
)
from app.orders.risk import UNITS

MAX_SLICES = 1_000
START_TOLERANCE = timedelta(seconds=60)  # a client's clock may be behind
PRICE_BAND_BPS = 2_000
PRICE_PLACES = 12  # of a market's price in a message

Errors = list[tuple[str, str]]


def slippage_of(body: OpenBody, default_bps: int) -> int:
    if body.slippage_bps is not None:
        return body.slippage_bps
    return default_bps if isinstance(body, LimitOrder | SniperOrder) else STOP_SLIPPAGE_BPS


def check_slippage(slippage_bps: int, ctx: ApiContext, at: str = "") -> int:
    if slippage_bps > (most := ctx.settings.max_slippage_bps):
        raise invalid([(f"{at}/slippageBps", f"must be at most {most}, and would be {slippage_bps}")])
    return slippage_bps


def waiting_of(
    body: WaitingBody,
    ctx: ApiContext,
    *,
    token_in: Token,
    token_out: Token,
    amount_in: int,
    usd_value: int | None,
    at: str,
    may_be_met: bool = False,
    extreme: Decimal | None = None,
) -> Waiting:
    """`may_be_met`: it waits for something else first, so where the price is now does not matter. `extreme`: that a
    trailing stop has seen which follows the price already.
    """
    now, errors = datetime.now(UTC), Errors()
    limit_price = None if isinstance(body, TrailingStopOrder) else price_in(body.limit_price, "/limitPrice", errors)
    condition = _condition(body, limit_price, errors)
    if errors:
        raise invalid([(at + pointer, message) for pointer, message in errors])
    prices = list(ctx.network.mids(token_in, token_out, ctx.network.slot_at(now)).values())
    if not prices and ctx.network.chain_id() is not None:
        raise not_supported(f"{at}/orderType", "has no price of this pair now")
    feed = feed_of(token_in.symbol, token_out.symbol)
    trigger = trigger_of(body.order_type, feed, limit_price, condition, extreme)
    price = price_for(trigger, prices)
    limit_out, worst = None, NO_PRICE  # of a trailing stop they are known once it fires
    if not isinstance(body, TrailingStopOrder):
        slippage_bps = slippage_of(body, ctx.settings.default_slippage_bps)
        worst = floor_price(limit_price, trigger.level, slippage_bps)
        limit_out = amount_at(worst, amount_in, token_in.decimals, token_out.decimals)
        if limit_out > MAX_UNITS:
            raise invalid([(f"{at}/limitPrice", "at this price more comes out than a token account can hold")])
    elif body.trigger.activation_price is None and extreme is None and price is not None:
        trigger = replace(trigger, extreme=price)  # it follows the price from now on
    check_value(ctx, usd_value, at)
    if isinstance(body, LimitOrder):
        if price is not None and worst < less(price, PRICE_BAND_BPS) and not body.acknowledge_price:
            raise _price_band(worst, price, at)
    elif len(prices) == 1 and not body.acknowledge_single_venue:
        detail = "One venue trades this pair: one pool could fire the order. Set acknowledgeSingleVenue to accept."
        raise _refused("single_venue", f"{at}/acknowledgeSingleVenue", detail)
    elif price is not None and is_met(trigger, price) and not may_be_met:
        raise _met_already(trigger, price, at)
    return Waiting(
        limit_price=limit_price,
        limit_out=limit_out,
        condition=condition,
        trigger=trigger,
        price=price,
    )


def plan_of(body: DcaOrder, ctx: ApiContext, *, token_in: Token, token_out: Token, amount_in: int, at: str) -> Waiting:
    """The schedule of an order that is executed in slices."""
    now, errors, schedule = datetime.now(UTC), Errors(), body.schedule
    band = body.price_band
    least = None if band is None else price_in(band.min, "/priceBand/min", errors)
    most = None if band is None else price_in(band.max, "/priceBand/max", errors)
    if least is not None and most is not None and least > most:
        errors.append(("/priceBand/min", "must not be above max"))
    if schedule.start_at is not None and schedule.start_at < now - START_TOLERANCE:
        errors.append(("/schedule/startAt", "is in the past"))
    elif schedule.start_at is not None and schedule.start_at > now + YEAR:
        errors.append(("/schedule/startAt", "is more than a year away"))
    if errors:
        raise invalid([(at + pointer, message) for pointer, message in errors])
    shortest = ctx.settings.min_slice_seconds
    if not 2 <= schedule.slices <= MAX_SLICES or schedule.every_seconds < shortest:
        detail = f"An order has 2 to {MAX_SLICES} slices, at least {shortest} s apart."
        wrong = "everySeconds" if 2 <= schedule.slices <= MAX_SLICES else "slices"
        raise _refused("schedule_range", f"{at}/schedule/{wrong}", detail)
    if (part := amount_in // schedule.slices) == 0:
        raise invalid([(f"{at}/schedule/slices", "the amount cannot be divided into so many slices")])
    last = amount_in - part * (schedule.slices - 1)
    if least is not None and amount_at(least, last, token_in.decimals, token_out.decimals) > MAX_UNITS:
        raise invalid([(f"{at}/priceBand/min", "at this price more comes out than a token account can hold")])
    check_value(ctx, ctx.usd_value(token_in, part), at)
    condition = body.model_dump(by_alias=True, mode="json", include={"schedule", "price_band"}, exclude_none=True)
    return Waiting(
        condition=condition,
        plan=Plan(
            slices=schedule.slices,
            every_seconds=schedule.every_seconds,
            start_at=schedule.start_at,
            on_miss=schedule.on_miss,
            band=(least, most),
        ),
    )


def price_in(text: str | None, pointer: str, errors: Errors) -> Decimal | None:
    if text is None:
        return None
    try:
        return to_price(text)
    except AmountError as error:
        errors.append((pointer, str(error)))
        return None


def _condition(body: WaitingBody, limit_price: Decimal | None, errors: Errors) -> Mapping[str, Any]:
    """As it is stored, and shown as `trigger`."""
    if isinstance(body, LimitOrder):
        return {"price": body.limit_price, "when": "above"}
    if isinstance(body, TrailingStopOrder):
        price_in(body.trigger.activation_price, "/trigger/activationPrice", errors)
        return body.trigger.model_dump(by_alias=True, exclude_none=True)
    trigger = body.trigger
    price = price_in(trigger.price, "/trigger/price", errors)
    if price is not None and limit_price is not None and body.order_type == "stop" and limit_price > price:
        errors.append(("/limitPrice", "must not be above the trigger's price"))
    return {"price": trigger.price, "when": trigger.when, "persistSlots": trigger.persist_slots}


def check_value(ctx: ApiContext, value: int | None, at: str) -> None:
    least = ctx.settings.min_notional_usd
    if value is not None and value < least * UNITS:
        detail = f"An order that waits, or a slice, must be worth at least {least} USD. Send a larger one."
        raise _refused("min_notional", f"{at}/amount", detail)


def _price_band(worst: Decimal, market: Decimal, at: str) -> Problem:
    detail = (
        f"The limit price is {plain(worst)}, more than 20 % worse than the market's {plain(market, PRICE_PLACES)}. "
        "A price is tokenOut for one tokenIn. If you mean it, set acknowledgePrice."
    )
    return _refused("price_band", f"{at}/limitPrice", detail)


def _met_already(trigger: Trigger, price: Decimal, at: str) -> Problem:
    now, field = plain(price, PRICE_PLACES), "price"
    detail = (
        f"The price is {now}, so the trigger at {plain(trigger.level)} is met already and would fire at once. "
        "Set another price, or place a market order."
    )
    if trigger.trail_bps is not None and trigger.extreme:
        level, field = plain(trail_level(trigger.extreme, trigger.trail_bps), PRICE_PLACES), "trailBps"
        detail = f"The price is {now}: with this trailBps the order would fire at {level}, at once. Set a larger one."
    elif trigger.trail_bps is not None:
        field = "activationPrice"
        detail = (
            f"The price is {now}, so the activationPrice {plain(trigger.level)} is reached already. "
            "Leave it out: the order then follows the price from now on."
        )
    return _refused("would_trigger_immediately", f"{at}/trigger/{field}", detail)


def _refused(code: str, pointer: str, detail: str) -> Problem:
    """One field is the reason: a form shows the text beside it."""
    return Problem(422, code, detail, errors=[(pointer, detail)])
