"""From a request body to an order the book can take: every check that needs no database."""

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, ValidationError

from app.api.problems import Problem, invalid
from app.api.wire import ExecuteOrder
from app.dex.amounts import AmountError, to_base_units
from app.dex.errors import DexError
from app.dex.markets import Markets, Token
from app.orders.intake import new_order_id
from app.orders.model import PlaceOrder

Shape = TypeVar("Shape", bound=BaseModel)

LONGEST_KEY = 255


def read(shape: type[Shape], fields: dict[str, Any], at: str = "") -> Shape:
    """The body as its shape, or a problem that points at what is wrong."""
    try:
        return shape.model_validate(fields)
    except ValidationError as error:
        raise invalid([_pointed(one, at) for one in error.errors(include_input=False, include_url=False)]) from None


def _pointed(error: Any, at: str) -> tuple[str, str]:
    location = list(error["loc"])
    if error["type"] == "extra_forbidden":  # its name came from the client, and is not repeated
        return at + "".join(f"/{part}" for part in location[:-1]), "has a field that is not known here"
    return at + "".join(f"/{part}" for part in location), error["msg"].lower()


def to_order(
    asked: ExecuteOrder,
    markets: Markets,
    *,
    venues: tuple[str, ...],
    default_slippage_bps: int,
    owner: str,
    idempotency_key: str | None,
    request_id: str,
    retry_of: UUID | None = None,
    at: str = "",
) -> PlaceOrder:
    """Tokens looked up, amounts exact and in base units, the pair known to be traded."""
    errors: list[tuple[str, str]] = []

    def checked(pointer: str, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except (AmountError, DexError) as error:
            errors.append((at + pointer, str(error.detail if isinstance(error, DexError) else error)))

    token_in: Token | None = checked("/tokenIn", lambda: markets.token(asked.token_in))
    token_out: Token | None = checked("/tokenOut", lambda: markets.token(asked.token_out))
    only = tuple(sorted(set(asked.venues))) if asked.venues else None
    if only and not set(only) <= set(venues):
        errors.append((f"{at}/venues", f"must be among: {', '.join(venues)}"))
    amount_in = least = None
    if token_in and token_out:
        amount_in = checked("/amount", lambda: to_base_units(asked.amount, token_in.decimals))
        if asked.min_amount_out is not None:
            least = checked("/minAmountOut", lambda: to_base_units(str(asked.min_amount_out), token_out.decimals))
        if token_in == token_out:
            errors.append((f"{at}/tokenOut", "must be another token than tokenIn"))
        elif not errors and not markets.serves(token_in, token_out, only=only):
            errors.append((f"{at}/tokenOut", "is traded against tokenIn on none of the venues"))
    if errors or token_in is None or token_out is None or amount_in is None:
        raise invalid(errors)
    wanted = {
        "type": asked.order_type,
        "token_in": token_in.symbol,
        "token_out": token_out.symbol,
        "amount_in": amount_in,
        "slippage_bps": default_slippage_bps if asked.slippage_bps is None else asked.slippage_bps,
        "min_amount_out": least,
        "max_price_impact_bps": asked.max_price_impact_bps,
        "venues": only,
        "expires_in_seconds": asked.expires_in_seconds,
        "client_order_id": asked.client_order_id,
    }
    return PlaceOrder(
        id=new_order_id(),
        owner=owner,
        retry_of=retry_of,
        idempotency_key=idempotency_key,
        fingerprint=hashlib.sha256(orjson.dumps([wanted, retry_of], option=orjson.OPT_SORT_KEYS)).digest(),
        request_id=request_id,
        **wanted,
    )


def check_key(key: str | None) -> str | None:
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise Problem(
            422, "invalid_key", f"An Idempotency-Key is 1 to {LONGEST_KEY} printable ASCII characters.", errors=()
        )
    return key
