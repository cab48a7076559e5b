"""Turns request fields into orders: every check that needs no database."""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers

from app.access.authentication import Caller
from app.api.context import ApiContext
from app.api.problems import Problem, invalid, unknown_order
from app.api.schemas import MAX_KEY_LENGTH, ExecuteOrder
from app.dex.amounts import AmountError, to_base_units
from app.dex.errors import DexError
from app.dex.markets import Token
from app.orders.model import PlaceOrder, fingerprint_of, new_order_id

Shape = TypeVar("Shape", bound=BaseModel)

_NATIVE = {"order_type": "type", "amount": "amount_in"}  # a field of `ExecuteOrder` → its name in `PlaceOrder`


def read(shape: type[Shape], fields: dict[str, Any], at: str = "") -> Shape:
    """The fields as their schema; a 422 problem with a pointer to each invalid field."""
    try:
        return shape.model_validate(fields)
    except ValidationError as error:
        raise invalid([_field_error(one, at) for one in error.errors(include_input=False, include_url=False)]) from None


def _field_error(error: Any, at: str) -> tuple[str, str]:
    location = list(error["loc"])
    if error["type"] == "extra_forbidden":  # its name comes from the client, so it is not repeated
        return at + "".join(f"/{part}" for part in location[:-1]), "has an unknown field"
    return at + "".join(f"/{part}" for part in location), error["msg"].lower()


def to_order(
    body: ExecuteOrder, ctx: ApiContext, *, caller: Caller, idempotency_key: str | None, request_id: str, at: str = ""
) -> PlaceOrder:
    """The order to place: tokens looked up, amounts in base units, and the pair traded on one of the venues."""
    errors: list[tuple[str, str]] = []

    def checked(pointer: str, convert: Callable[[], Any]) -> Any:
        try:
            return convert()
        except AmountError as error:
            errors.append((at + pointer, str(error)))
        except DexError as error:
            errors.append((at + pointer, error.detail))

    token_in: Token | None = checked("/tokenIn", lambda: ctx.markets.token(body.token_in))
    token_out: Token | None = checked("/tokenOut", lambda: ctx.markets.token(body.token_out))
    only = tuple(sorted(set(body.venues))) if body.venues else None
    if only and not set(only) <= set(ctx.router.names):
        errors.append((f"{at}/venues", f"must be one of: {', '.join(ctx.router.names)}"))
    amount_in = min_out = None
    if token_in and token_out:
        amount_in = checked("/amount", lambda: to_base_units(body.amount, token_in.decimals))
        if body.min_amount_out is not None:
            min_out = checked("/minAmountOut", lambda: to_base_units(str(body.min_amount_out), token_out.decimals))
        if token_in == token_out:
            errors.append((f"{at}/tokenOut", "must differ from tokenIn"))
        elif not errors and not ctx.markets.serves(token_in, token_out, only=only):
            errors.append((f"{at}/tokenOut", "is not traded against tokenIn on any of the venues"))
    if errors or token_in is None or token_out is None or amount_in is None:
        raise invalid(errors)
    default_slippage_bps = ctx.settings.default_slippage_bps
    fields = {
        "type": body.order_type,
        "token_in": token_in.symbol,
        "token_out": token_out.symbol,
        "amount_in": amount_in,
        "slippage_bps": default_slippage_bps if body.slippage_bps is None else body.slippage_bps,
        "min_amount_out": min_out,
        "max_price_impact_bps": body.max_price_impact_bps,
        "venues": only,
        "expires_in_seconds": body.expires_in_seconds,
        "client_order_id": body.client_order_id,
    }
    # Only what the client said: a retry after a default has changed is still the same request.
    said = {_NATIVE.get(name, name) for name in body.model_fields_set if getattr(body, name) is not None}
    return PlaceOrder(
        id=new_order_id(),
        owner=caller.owner,
        usd_value=ctx.usd_value(token_in, amount_in),
        max_order_usd=caller.max_order_usd,
        max_daily_usd=caller.max_daily_usd,
        idempotency_key=idempotency_key,
        fingerprint=fingerprint_of({name: value for name, value in fields.items() if name in said}),
        request_id=request_id,
        **fields,
    )


def idempotency_key_in(headers: Headers) -> str | None:
    """The idempotency key of a request, from either of the two headers."""
    keys = {*headers.getlist("idempotency-key"), *headers.getlist("x-idempotency-key")}
    if len(keys) > 1:
        raise Problem(422, "invalid_key", "The request has two different Idempotency-Keys.")
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
        raise Problem(422, "invalid_after", "The number of the last event must be a whole number.")
    return int(text)
