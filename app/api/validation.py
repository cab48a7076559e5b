"""Turns request fields into orders: every check that needs no database."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError
from starlette.types import Scope

from app.access.authentication import Caller
from app.api.context import ApiContext
from app.api.names import field_errors, unknown_token, unknown_venue, unserved_pair
from app.api.orders.bodies import DcaOrder, ExecuteOrder, OpenBody, OrderTerms, SniperOrder, WaitingBody
from app.api.orders.lifetime import FIELDS, UNSAID, expires_in, lifetime_of
from app.api.orders.sniping import UNKNOWN_MINT, mint_of, snipe_of
from app.api.orders.waiting import check_slippage, plan_of, slippage_of, waiting_of
from app.api.problems import Problem, invalid, invalid_request, unknown_order
from app.api.schemas import MAX_KEY_LENGTH
from app.dex import base58
from app.dex.amounts import AmountError, to_base_units
from app.dex.markets import Markets, Token, UnknownToken
from app.orders.conditions import OrderType
from app.orders.model import PlaceOrder, fingerprint_of, new_order_id

Shape = TypeVar("Shape", bound=BaseModel)
Convert = Callable[[], Any]

KEY_HEADERS = frozenset({b"idempotency-key", b"x-idempotency-key"})

# a field of `OrderTerms` → its name in `PlaceOrder`; those of other types are part of `waiting`
_NATIVE = {"order_type": "type", "amount": "amount_in"}
_KEY = {"idempotency_key"}  # of an order in a batch: alone it is a header


def read(shape: type[Shape], fields: dict[str, Any], at: str = "") -> Shape:
    """The fields as their schema; a 422 problem with a pointer to each invalid field."""
    try:
        return shape.model_validate(fields)
    except ValidationError as error:
        names = [field.alias or name for name, field in shape.model_fields.items()]
        raise invalid(field_errors(error.errors(include_url=False), names, at)) from None


def read_request(shape: type[Shape], fields: dict[str, Any]) -> Shape:
    """The same for a body that is no order."""
    try:
        return read(shape, fields)
    except Problem as problem:
        raise invalid_request(problem.errors) from None


def pair(token_in: str, token_out: str, markets: Markets) -> tuple[Token, Token]:
    """The tokens with these symbols or mints; a 422 problem unless the pair is traded."""
    tokens, errors = [], []
    for at, text in (("/tokenIn", token_in), ("/tokenOut", token_out)):
        try:
            tokens.append(markets.token(text))
        except UnknownToken:
            errors.append((at, unknown_token(text, markets)))
    if not errors and not markets.serves(tokens[0], tokens[1]):
        errors.append(("/tokenOut", unserved_pair(tokens[0], markets, None)))
    if errors:
        raise invalid_request(errors)
    return tokens[0], tokens[1]


def to_order(
    body: OrderTerms,
    ctx: ApiContext,
    *,
    caller: Caller,
    idempotency_key: str | None,
    request_id: str,
    at: str = "",
) -> PlaceOrder:
    """The order that the client asks for: tokens looked up, amounts in base units, and the pair traded on one of the
    venues. It says the same at any time, so it finds the order that it repeats; `with_condition` looks at the market.
    """
    errors: list[tuple[str, str]] = []

    def checked(pointer: str, convert: Convert) -> Any:
        try:
            return convert()
        except AmountError as error:
            errors.append((at + pointer, str(error)))

    def token(pointer: str, symbol_or_mint: str) -> Token | None:
        try:
            return ctx.markets.token(symbol_or_mint)
        except UnknownToken:
            errors.append((at + pointer, unknown_token(symbol_or_mint, ctx.markets)))
            return None

    token_in, mint = token("/tokenIn", body.token_in), None
    if isinstance(body, SniperOrder):
        token_out, mint = ctx.markets.find(body.token_out), mint_of(body.token_out, ctx.markets)
        if token_out is None and not base58.is_address(mint):
            errors.append((f"{at}/tokenOut", UNKNOWN_MINT))
    else:
        token_out = token("/tokenOut", body.token_out)
    only = tuple(sorted(set(body.venues))) if body.venues else None
    if only and not set(only) <= set(ctx.router.names):
        errors.append((f"{at}/venues", unknown_venue(only, ctx.router.names)))
    amount_in = min_out = None
    if token_in and (token_out or mint):
        amount_in = checked("/amount", lambda: to_base_units(body.amount, token_in.decimals))
        if isinstance(body, ExecuteOrder) and token_out and body.min_amount_out is not None:
            min_out = checked("/minAmountOut", lambda: to_base_units(str(body.min_amount_out), token_out.decimals))
        if token_in == token_out:
            errors.append((f"{at}/tokenOut", "must differ from tokenIn"))
        elif mint is None and token_out and not errors and not ctx.markets.serves(token_in, token_out, only=only):
            errors.append((f"{at}/tokenOut", unserved_pair(token_in, ctx.markets, only)))
    if errors or token_in is None or amount_in is None:
        raise invalid(errors)
    default_slippage_bps, order_type = ctx.settings.default_slippage_bps, body.order_type
    if isinstance(body, DcaOrder):
        order_type = OrderType.DCA.value
    elif isinstance(body, OpenBody):
        default_slippage_bps = slippage_of(body, default_slippage_bps)
    fields = {
        "type": order_type,
        "token_in": token_in.symbol,
        "token_out": token_out.symbol if token_out else mint,
        "amount_in": amount_in,
        "slippage_bps": check_slippage(
            default_slippage_bps if body.slippage_bps is None else body.slippage_bps, ctx, at
        ),
        "min_amount_out": min_out,
        "max_price_impact_bps": body.max_price_impact_bps,
        "venues": only,
        "expires_in_seconds": expires_in(body),
        "client_order_id": body.client_order_id,
    }
    # Only what the client said: a retry after a default has changed is still the same request.
    said = {_NATIVE.get(name, name) for name in body.model_fields_set if getattr(body, name) is not None} - _KEY
    words = {name: value for name, value in fields.items() if name in said}
    if mint:
        words["token_out"] = mint  # a repeat may come after the launch, when its symbol is known
    if more := said - fields.keys():
        words |= {name: _said(getattr(body, name)) for name in more}
    return PlaceOrder(
        id=new_order_id(),
        owner=caller.owner,
        usd_value=ctx.usd_value(token_in, amount_in),
        max_order_usd=caller.max_order_usd,
        max_daily_usd=caller.max_daily_usd,
        idempotency_key=idempotency_key,
        tag=ctx.memos.tag(caller.owner, idempotency_key),
        chain=ctx.network.chain_id(),
        fingerprint=fingerprint_of(words),
        request_id=request_id,
        lifetime=UNSAID if isinstance(body, ExecuteOrder) else None,
        **fields,
    )


def _said(value: Any) -> Any:
    return value.model_dump(exclude_unset=True) if isinstance(value, BaseModel) else value


def with_condition(
    order: PlaceOrder, body: OrderTerms, ctx: ApiContext, at: str = "", *, may_be_met: bool = False
) -> PlaceOrder:
    """The order with its end and what it waits for, unless the market or the clock refuses it now.

    `may_be_met`: the price may be beyond its trigger now, because it waits for another order first.
    """
    if isinstance(body, ExecuteOrder):
        return order if FIELDS.isdisjoint(body.model_fields_set) else replace(order, lifetime=lifetime_of(body, at))
    lifetime, token = lifetime_of(body, at), ctx.markets.token
    swap: dict[str, Any] = {"token_in": token(order.token_in), "amount_in": order.amount_in, "at": at}
    if isinstance(body, SniperOrder):
        mint = mint_of(order.token_out, ctx.markets)
        waiting = snipe_of(body, ctx, **swap, usd_value=order.usd_value, mint=mint)
        return replace(order, waiting=waiting, lifetime=lifetime)
    swap["token_out"] = token(order.token_out)
    if isinstance(body, DcaOrder):
        return replace(order, waiting=plan_of(body, ctx, **swap), lifetime=lifetime)
    if isinstance(body, WaitingBody):
        waiting = waiting_of(body, ctx, **swap, usd_value=order.usd_value, may_be_met=may_be_met)
        return replace(order, waiting=waiting, lifetime=lifetime)
    return order


def idempotency_key_in(request: Scope) -> str | None:
    """The idempotency key of a request, from either of the two headers."""
    keys = {value.decode("latin-1") for name, value in request["headers"] if name in KEY_HEADERS}
    if len(keys) > 1:
        detail = "The request has two different Idempotency-Keys. Send one of the two headers."
        raise Problem(422, "invalid_key", detail)
    return check_key(keys.pop() if keys else None)


def check_key(key: str | None) -> str | None:
    """An empty key is refused too: its sender expects protection from repeats, and would have none."""
    if key is not None and not (0 < len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable()):
        raise Problem(422, "invalid_key", f"An Idempotency-Key is 1 to {MAX_KEY_LENGTH} printable ASCII characters.")
    return key


def order_uuid(text: str) -> UUID:
    """Text that is not an order id is answered like an unknown order."""
    try:
        found = UUID(text)
    except ValueError:
        raise unknown_order() from None
    if str(found) != text.lower():
        raise unknown_order()
    return found


def sequence_number(text: str | None) -> int:
    """The number of the last event that a client has; 0 if it has none."""
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        detail = "`after` and `Last-Event-ID` take the `seq` of the last event that you have: a whole number."
        raise Problem(422, "invalid_after", detail)
    return int(text)
