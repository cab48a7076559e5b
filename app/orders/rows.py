"""Orders as rows of JSON, the first argument of the statements that insert them."""

from collections.abc import Sequence
from typing import Any

import orjson

from app.orders.conditions import Plan, Trigger
from app.orders.model import PlaceOrder

REQUESTED = """id uuid, owner text, type text, token_in text, token_out text, amount_in numeric, slippage_bps int,
        min_amount_out numeric, max_price_impact_bps int, venues text[], expires_in_seconds int,
        expires_at timestamptz, time_in_force text, client_order_id text, retry_of uuid, usd_value numeric,
        max_order_usd bigint, idempotency_key text, fingerprint text, request_id text, tag text,
        chain text"""
COLUMNS = """id, owner, type, token_in, token_out, amount_in, slippage_bps, min_amount_out, max_price_impact_bps,
        venues, time_in_force, client_order_id, retry_of, usd_value, max_order_usd, idempotency_key, request_id,
        chain"""
EXPIRES_AT = "coalesce(expires_at, now() + nullif(expires_in_seconds, 0) * interval '1 second')"


def rows_of(orders: Sequence[PlaceOrder]) -> str:
    return orjson.dumps([_row(order) for order in orders], default=str).decode()  # for asyncpg's own UUID class


def _row(order: PlaceOrder) -> dict[str, Any]:
    row = {
        "id": order.id,
        "owner": order.owner,
        "type": order.type,
        "token_in": order.token_in,
        "token_out": order.token_out,
        "amount_in": order.amount_in,
        "slippage_bps": order.slippage_bps,
        "min_amount_out": order.min_amount_out,
        "max_price_impact_bps": order.max_price_impact_bps,
        "venues": order.venues,
        "expires_in_seconds": order.expires_in_seconds,
        "client_order_id": order.client_order_id,
        "retry_of": order.retry_of,
        "usd_value": None if order.usd_value is None else str(order.usd_value),
        "max_order_usd": order.max_order_usd,
        "idempotency_key": order.idempotency_key,
        "fingerprint": order.fingerprint.hex(),
        "request_id": order.request_id,
        "tag": order.tag,
    }
    if order.chain is not None:
        row["chain"] = order.chain
    if (lifetime := order.lifetime) is not None:
        row |= {"time_in_force": lifetime.time_in_force, "expires_at": lifetime.expires_at}
    if (waiting := order.waiting) is not None:
        row |= {
            "limit_price": None if waiting.limit_price is None else str(waiting.limit_price),
            "limit_out": waiting.limit_out,
            "condition": dict(waiting.condition),
        }
        if waiting.trigger is not None:
            row |= trigger_row(waiting.trigger) | {"held": waiting.held}
        if waiting.plan is not None:
            row |= _plan_row(waiting.plan)
    return row


def _plan_row(plan: Plan) -> dict[str, Any]:
    return {
        "slices": plan.slices,
        "every_seconds": plan.every_seconds,
        "on_miss": plan.on_miss,
        "start_at": plan.start_at,
        "band_min": plan.band[0],
        "band_max": plan.band[1],
    }


def trigger_row(trigger: Trigger) -> dict[str, Any]:
    """The columns of a trigger."""
    return {
        **{"feed": trigger.feed, "op": trigger.op},
        "persist": trigger.persist,
        "level": str(trigger.level),
        "rank": trigger.rank,
        "base_level": str(trigger.base_level),
        "trail_bps": trigger.trail_bps,
    }
