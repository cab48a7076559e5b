"""What a swap that the chain knows means for an order, as the database has it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.dex.chain import FoundSwap, Outcome
from app.orders.lifecycle import Status
from app.orders.model import Order
from app.orders.reconciling.compared import LostSwap


def amount_of(swap: FoundSwap) -> int | None:
    """What it brought; None: it has not landed, or that is not known yet."""
    return swap.outcome.amount_out if swap.outcome is not None and swap.outcome.status == "landed" else None


def is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def knows(order: Order, swap: FoundSwap) -> bool:
    """Whether the order is filled by this swap, or will be by itself."""
    return order.tx_hash == swap.signature and order.status in (Status.SUBMITTED, Status.CONFIRMED)


def moves(swap: FoundSwap, order: Order) -> bool:
    """Whether it moves the tokens of this order. Anybody can write any memo."""
    tokens = order.token_in, order.token_out
    return all(known in (None, token) for known, token in zip((swap.token_in, swap.token_out), tokens, strict=True))


def fills(swap: FoundSwap, order: Order) -> bool:
    return not order.is_terminal and moves(swap, order)


def lost_swap(swap: FoundSwap, order: Order | None, filling: Mapping[str, Any] | None) -> LostSwap:
    return LostSwap(
        signature=swap.signature,
        order_id=swap.about,
        tag=swap.tag if filling and is_id(swap.about) else None,
        filling=filling,
        status=order.status if order else None,
        venue=swap.venue,
        token_in=swap.token_in,
        token_out=swap.token_out,
        amount_in=swap.amount_in,
        amount_out=amount_of(swap) or 0,
        landed_at=datetime.fromtimestamp(swap.at, UTC),
    )


def found_swap(lost: LostSwap) -> FoundSwap:
    return FoundSwap(
        memo=lost.order_id,
        signature=lost.signature,
        at=lost.landed_at.timestamp(),
        outcome=Outcome("landed", 0, lost.amount_out),
        venue=lost.venue,
        token_in=lost.token_in,
        token_out=lost.token_out,
        amount_in=lost.amount_in,
    )
