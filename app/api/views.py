"""Orders as JSON: amounts are exact decimals of their token."""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from starlette.responses import Response

from app.api.problems import Problem
from app.dex.amounts import price as price_text
from app.dex.amounts import to_decimal
from app.dex.markets import Markets, Token
from app.dex.valuation import USD_PLACES
from app.orders.conditions import distance_bps, trail_level
from app.orders.model import Order
from app.orders.store.open_orders import Slices
from app.orders.store.reads import PageKey

TRIGGERS = {"price", "trailBps", "event"}  # fields of a condition, of which each trigger has one
NO_STORE = {"cache-control": "no-store"}
_HEADERS = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


class _Json(Response):
    """Starlette's encodes every header and looks for those that are missing."""

    def __init__(self, content: Any, status: int, headers: Mapping[str, str]) -> None:
        self.status_code = status
        self.background = None
        self.body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
        more = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        self.raw_headers = [(b"content-length", b"%d" % len(self.body)), *_HEADERS, *more]


def as_json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """No cache keeps it: most answers belong to one caller, and some hold tickets."""
    return _Json(content, status, headers or {})


def json_number(decimal: str) -> orjson.Fragment:
    """A JSON number with exactly these digits. A float would round them."""
    return orjson.Fragment(decimal)


def plain(decimal: Decimal, places: int = 18) -> str:
    """Without an exponent and without zeros at the end; digits beyond `places` are cut."""
    whole, _, fraction = format(decimal, "f").partition(".")
    return f"{whole}.{fraction[:places]}".rstrip("0").rstrip(".")


def price_number(price: Decimal) -> orjson.Fragment:
    """A JSON number with all digits of a price."""
    return json_number(plain(price))


def usd(value: int) -> str:
    """A value in dollars, exactly."""
    return to_decimal(value, USD_PLACES)


def amount_of(token: Token | None, units: int | None) -> str | None:
    """None: not known yet, or nobody knows the decimals of a token that is not listed."""
    return None if units is None or token is None else to_decimal(units, token.decimals)


def waiting_view(condition: Mapping[str, Any], price: Decimal | None, extreme: Decimal | None = None) -> dict[str, Any]:
    """What an order waits for; of a price, how far it is away."""
    if "schedule" in condition:
        return dict(condition)
    return {"trigger": _trigger_view(condition, price, extreme)}


def _trigger_view(condition: Mapping[str, Any], price: Decimal | None, extreme: Decimal | None) -> dict[str, Any]:
    """`extreme`: that a trailing stop has seen; None: it does not follow the price yet."""
    view, at = dict(condition), condition.get("price", condition.get("activationPrice"))
    level, falls = None if at is None else Decimal(at), condition.get("when") == "below"
    if "trailBps" in condition:
        level, falls = (level, False) if extreme is None else (trail_level(extreme, condition["trailBps"]), True)
        view["extreme"] = None if extreme is None else plain(extreme)
        view["level"] = None if extreme is None or level is None else plain(level)
    distance = None if price is None or level is None else distance_bps(level, price, falls=falls)
    return {**view, "distanceBps": distance}


def order_view(order: Order, markets: Markets, price: Decimal | None = None) -> dict[str, Any]:
    """`price`: what an order that waits is compared with now."""
    token_in, token_out = markets.find(order.token_in), markets.find(order.token_out)
    condition = order.condition or {}
    min_out = order.min_amount_out if order.floor_out is None else order.floor_out
    return {
        "orderId": str(order.id),
        "id": str(order.id),
        "status": order.status,
        "seq": order.seq,
        "attempt": order.attempt,
        "orderType": order.type,
        "tokenIn": order.token_in,
        "tokenOut": order.token_out,
        "amount": amount_of(token_in, order.amount_in),
        "valueUsd": None if order.usd_value is None else usd(order.usd_value),
        "slippageBps": order.slippage_bps,
        "minAmountOut": amount_of(token_out, min_out),
        "maxPriceImpactBps": order.max_price_impact_bps,
        "venues": order.venues,
        "expiresAt": order.expires_at,
        "clientOrderId": order.client_order_id,
        "retryOf": None if order.retry_of is None else str(order.retry_of),
        "limitPrice": None if order.limit_price is None else plain(order.limit_price),
        "timeInForce": order.time_in_force,
        "trigger": _trigger_view(condition, price, order.extreme) if TRIGGERS & condition.keys() else None,
        "schedule": condition.get("schedule"),
        "priceBand": condition.get("priceBand"),
        "parentId": None if order.parent_id is None else str(order.parent_id),
        "groupId": None if order.group_id is None else str(order.group_id),
        "cancelRequested": order.cancel_requested,
        "dex": order.dex,
        "txHash": order.tx_hash,
        "executedPrice": None if order.executed_price is None else json_number(format(order.executed_price, "f")),
        "amountOut": amount_of(token_out, order.amount_out),
        "error": order.error,
        "code": order.code,
        "createdAt": order.created_at,
        "updatedAt": order.updated_at,
    }


def slices_view(order: Order, slices: Slices, markets: Markets) -> dict[str, Any]:
    """What an order that is executed in slices has done so far."""
    token_in, token_out = markets.find(order.token_in), markets.find(order.token_out)
    total = (order.condition or {})["schedule"]["slices"]
    skipped = total - slices.filled - slices.failed if slices.skipped is None else slices.skipped
    average = None
    if slices.filled_in and token_in and token_out:
        average = json_number(price_text(slices.filled_in, token_in.decimals, slices.filled_out, token_out.decimals))
    return {
        "slices": {
            "total": total,
            "filled": slices.filled,
            "failed": slices.failed,
            "skipped": skipped,
            "nextAt": None if order.is_terminal else slices.next_at,
        },
        "filledIn": amount_of(token_in, slices.filled_in),
        "filledOut": amount_of(token_out, slices.filled_out),
        "avgPrice": average,
    }


def links(order: UUID, socket_url: Callable[[UUID], str]) -> dict[str, str]:
    """The URLs for the further events of an order."""
    return {
        "wsUrl": socket_url(order),
        "statusEndpoint": f"/api/orders/{order}/status",
    }


def cursor(key: PageKey) -> str:
    """The position after this key in a list; opaque to clients."""
    return base64.urlsafe_b64encode(f"{key.created_at.isoformat()} {key.id}".encode()).decode().rstrip("=")


def page_key(text: str) -> PageKey:
    try:
        at, _, order = (
            base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode().partition(" ")
        )
        created_at = datetime.fromisoformat(at)
        if created_at.tzinfo is None:
            raise ValueError("a time without a zone")
        # Times near the years 1 and 9999 overflow when they are converted to UTC.
        return PageKey(created_at.astimezone(UTC), UUID(order))
    except (ValueError, OverflowError):
        raise Problem(
            422, "invalid_cursor", "The cursor is not valid. Use the `nextCursor` of an earlier page."
        ) from None
