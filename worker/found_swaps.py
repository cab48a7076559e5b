"""What a swap that the chain knows means for an order, as the database has it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.dex import amounts
from app.dex.chain import FoundSwap, Outcome
from app.dex.errors import DexError
from app.dex.markets import Markets
from app.orders.lifecycle import Status
from app.orders.memo import is_id
from app.orders.model import Order
from app.orders.reconciling.compared import UnmatchedSwap
from app.orders.reconciling.landed import RECONCILED, Landed

NO_ORDER = UUID(int=0)  # what a swap brings is worked out before its order is known


def is_ours(swap: FoundSwap) -> bool:
    """Memos of our orders begin with an id. What else landed is a swap if it brought something, or else a payment."""
    return is_id(swap.about) or not swap.has_landed or swap.amount_out is not None


def knows(order: Order, swap: FoundSwap) -> bool:
    """Whether the order is filled by this swap, or will be by itself."""
    return order.tx_hash == swap.signature and order.status in (Status.SUBMITTED, Status.CONFIRMED)


def moves(swap: FoundSwap, order: Order) -> bool:
    """Whether it moves the tokens of this order, or may: what nodes do not say alike, one of them may have made up."""
    tokens = order.token_in, order.token_out
    told = (swap.token_in, swap.token_out) if swap.agreed else (None, None)
    return all(known in (None, token) for known, token in zip(told, tokens, strict=True))


def fills(swap: FoundSwap, order: Order) -> bool:
    return not order.is_terminal and moves(swap, order)


def is_free(order: Order, own: FoundSwap | None, height: int) -> bool:
    """Whether the swap of another order may fill this one: none of its own can land, as a look up to this height tells.

    `own`: the swap that it has sent, if the chain knows it.
    """
    if order.status is not Status.SUBMITTED or order.swap is None:
        return order.status is not Status.SUBMITTED
    if own is not None:
        return own.agreed and own.outcome is not None and own.outcome.status == "failed"
    return bool(height > order.swap["lastValidHeight"])


def is_doubted(order: Order, own: FoundSwap | None) -> bool:
    """Whether nodes do not say alike how its own swap has ended: once that has failed it would be sent another one."""
    return order.status is Status.SUBMITTED and own is not None and not own.agreed


def unmatched_swap(swap: FoundSwap, order: Order | None, filling: Mapping[str, Any] | None) -> UnmatchedSwap:
    """One that the nodes do not agree on, or that brought nobody knows what, fills no order, and no other one gets its
    key.
    """
    if not swap.is_told:
        swap, filling = replace(swap, token_in=None, token_out=None, amount_in=None), None
    return UnmatchedSwap(
        signature=swap.signature,
        order_id=swap.about,
        tag=swap.tag if (order is None or not swap.is_told) and is_id(swap.about) else None,
        filling=filling,
        status=order.status if order else None,
        venue=swap.venue,
        token_in=swap.token_in,
        token_out=swap.token_out,
        amount_in=swap.amount_in,
        amount_out=swap.amount_out or 0,
        landed_at=datetime.fromtimestamp(swap.at, UTC),
    )


def found_swap(unmatched: UnmatchedSwap) -> FoundSwap:
    return FoundSwap(
        memo=unmatched.order_id,
        signature=unmatched.signature,
        at=unmatched.landed_at.timestamp(),
        outcome=Outcome("landed", 0, unmatched.amount_out),
        venue=unmatched.venue,
        token_in=unmatched.token_in,
        token_out=unmatched.token_out,
        amount_in=unmatched.amount_in,
    )


class Fillings:
    """What swaps bring to orders, for the columns and events of these. DexError for a token that is not traded here."""

    def __init__(self, markets: Markets) -> None:
        self._markets = markets

    def named(self, order: Order) -> Order:
        """The order with the symbol of the token that it buys, as swaps have it: before a launch it has the mint."""
        token = self._markets.find(order.token_out)
        return order if token is None else replace(order, token_out=token.symbol)

    def landed(self, order: Order, swap: FoundSwap, order_id: UUID | None = None) -> Landed:
        """`order_id`: of the slice of this order."""
        known = replace(
            swap,
            token_in=order.token_in,
            token_out=order.token_out,
            amount_in=swap.amount_in or order.amount_in,
            venue=swap.venue or order.dex,
        )
        return self._bring(order_id or order.id, known, order.floor_out or order.min_amount_out or 0)

    def of(self, swap: FoundSwap) -> Mapping[str, Any] | None:
        """What it brings to an order that is placed again with its key; None: the chain does not say enough."""
        try:
            return self._bring(NO_ORDER, swap, 0).filling() if swap.is_told and swap.tag and swap.amount_in else None
        except DexError:  # a token that is not traded here
            return None

    def _bring(self, order: UUID, swap: FoundSwap, floor_out: int) -> Landed:
        token_in, token_out = self._markets.token(swap.token_in or ""), self._markets.token(swap.token_out or "")
        amount_in, amount_out, dex = swap.amount_in or 0, swap.amount_out or 0, swap.venue or "unknown"
        price = amounts.price(amount_in, token_in.decimals, amount_out, token_out.decimals)
        out, floor = (amounts.to_decimal(units, token_out.decimals) for units in (amount_out, floor_out))
        return Landed(
            order=order,
            signature=swap.signature,
            token_out=token_out.symbol,
            dex=dex,
            executed_price=price,
            amount_in=amount_in,
            amount_out=amount_out,
            at=datetime.fromtimestamp(swap.at, UTC),
            building={"dex": dex, "price": price, "minAmountOut": floor, "quotes": [], "code": RECONCILED},
            submitted={"txHash": swap.signature},
            confirmed={"txHash": swap.signature, "dex": dex, "executedPrice": price, "amountOut": out},
        )
