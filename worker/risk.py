"""Checks an order again right before it is signed: it may have waited while the price rose, or a limit was lowered.

On a real chain the limits of a day are compared again too: orders may wait for weeks and fire on one day, and what the
swaps pay in fees is in no order's value. A swap is counted once it is signed, and before it is stored or sent: of
orders that are signed at the same moment those that come too late are refused then.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from app.dex import amounts
from app.dex.chain import FoundSwap, SignedSwap
from app.dex.errors import DexError
from app.dex.quotes import PARTS
from app.dex.router import deviation_percent
from app.dex.valuation import USD_PLACES
from app.network import Network
from app.orders.memo import is_id
from app.orders.model import Order
from app.orders.risk import UNITS, RiskLimits
from app.orders.signed_swaps import AddedSwap, Signed, SignedSwaps
from app.postgres.errors import DatabaseUnavailable
from app.settings import Settings
from worker import conditions
from worker.found_swaps import is_ours
from worker.lease import DATABASE_RETRY_SECONDS

TOLERANCE_PERCENT = 5  # above the limit: an order that was accepted just below it survives the usual moves of a price
Answer = TypeVar("Answer")


class RiskChecks:
    def __init__(self, network: Network, settings: Settings, signed_swaps: SignedSwaps) -> None:
        self._network = network
        self._limits = RiskLimits.of(settings)
        self._max_slippage_bps = settings.max_slippage_bps
        self._max_fees = settings.max_daily_fee_lamports
        self._signed_swaps = signed_swaps

    def floor(self, order: Order, quoted: int) -> int:
        return conditions.floor_of(order, quoted, self._max_slippage_bps)

    async def check(self, order: Order, slot: int) -> int | None:
        """The order's value, in millionths of a dollar; None: it has none, and needs none.

        Raises a `DexError` if this order, or the orders of its day, are worth too much, or it is not ours to pay.
        """
        if self._network.wallet_owner not in (None, order.owner):
            raise DexError("no_wallet", "the wallet of this engine trades for another owner only")
        value = self._order_value(order, slot)
        if (chain := self._network.chain_id()) is not None:
            signed = await _answered(lambda: self._signed_swaps.today(chain, order.owner))
            with_it = Signed(signed.fees + self._network.max_fee, signed.usd + (value or 0), signed.limits)
            self._allow(with_it, value)
        return value

    async def value_now(self, order: Order, quoted: int, slot: int) -> int | None:
        """As `check`, right after the signature: the venue and the nodes may have taken seconds for each answer.

        Raises a `DexError` also if what was quoted is further below the mid price by now than a quote may be.
        """
        if self._network.chain_id() is None:  # nobody was asked
            return None
        if (mid_now := self._network.mid_now) is not None:
            token_in, token_out = map(self._network.markets.token, (order.token_in, order.token_out))
            if (mid := await mid_now(token_in, token_out, order.amount_in, slot)) is None:
                raise DexError("venue_unavailable", "the price of this pair is not known")
            if deviation_percent(quoted * PARTS, mid) < -self._network.max_deviation_percent:
                raise DexError("slippage_exceeded", "the price rose too far while the swap was made and signed")
        return self._order_value(order, slot)

    def _order_value(self, order: Order, slot: int) -> int | None:
        """DexError: it is more than one order may be worth."""
        value = self._value(order.token_in, order.amount_in, slot)
        if limit := self._limits.in_force(order.max_order_usd, None).order_usd:
            if value is None:
                raise self._no_price()
            if not _within(value, limit):
                raise DexError("risk_limit", f"the order is now worth {_usd(value)}, and the limit is {limit} USD")
        return value

    async def count(self, order: Order, swap: SignedSwap, value: int | None) -> None:
        """In the day of its owner, before it is stored or sent. DexError: other swaps have used up what was left."""
        if (chain := self._network.chain_id()) is not None:
            signed, fee = (swap.signature, chain, order.owner), self._network.max_fee
            allow = partial(self._allow, value=value)
            await _answered(lambda: self._signed_swaps.count(*signed, usd=value or 0, fee=fee, allow=allow))

    async def failed(self, swap: SignedSwap) -> None:
        """The chain says that it has moved nothing, or it was never sent."""
        if self._network.chain_id() is not None:
            await _answered(lambda: self._signed_swaps.failed(swap.signature))

    async def count_found(self, swaps: Sequence[FoundSwap]) -> None:
        """Swaps of our wallet that the chain knows, while the engine reconciles: the database may have forgotten them.

        One that nobody can value, or that the nodes do not tell alike, counts as much as an order may be worth.
        """
        if (chain := self._network.chain_id()) is not None:
            added = [self._added(swap) for swap in swaps if swap.outcome is not None and is_ours(swap)]
            await self._signed_swaps.add(chain, self._network.wallet_owner or "", added)

    def _added(self, swap: FoundSwap) -> AddedSwap:
        assert swap.outcome is not None
        usd, order = 0, UUID(swap.about) if is_id(swap.about) else None
        if swap.has_landed or not swap.agreed:
            slot = self._network.slot_at(datetime.now(UTC))
            sold = self._value(swap.token_in, swap.amount_in, slot)
            brought = self._value(swap.token_out, swap.outcome.amount_out, slot)
            values = [value for value in (sold, brought) if value is not None and swap.agreed]
            usd = values[0] if values else self._limits.order_usd * UNITS
        fee = swap.outcome.fee if swap.agreed and swap.outcome.fee is not None else self._network.max_fee
        return AddedSwap(swap.signature, order, swap.at, usd, fee)

    def _allow(self, signed: Signed, value: int | None) -> None:
        """DexError: the swaps of today, with the next one, are beyond a limit, or its value is not known."""
        if self._max_fees and signed.fees > self._max_fees:
            raise DexError("day_limit", f"the swaps of today may have paid {self._max_fees} lamports in fees")
        daily = signed.limit(self._limits.daily_usd)
        if daily and value is None:
            raise self._no_price()
        if daily and not _within(signed.usd, daily):
            raise DexError("day_limit", f"today's swaps are worth {_usd(signed.usd)}, and the limit is {daily} USD")

    def _no_price(self) -> DexError:
        """On a real chain the nodes may tell it the next time."""
        code = "risk_limit" if self._network.chain_id() is None else "venue_unavailable"
        return DexError(code, "the token to sell has no price in USD")

    def _value(self, symbol: str | None, units: int | None, slot: int) -> int | None:
        token = self._network.markets.find(symbol) if symbol else None
        return None if token is None or units is None else self._network.usd(token, units, slot)


async def _answered(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Waits for Postgres if need be."""
    while True:
        try:
            return await ask()
        except DatabaseUnavailable:
            await asyncio.sleep(DATABASE_RETRY_SECONDS)


def _within(value: int, limit_usd: int) -> bool:
    return value * 100 <= limit_usd * UNITS * (100 + TOLERANCE_PERCENT)


def _usd(value: int) -> str:
    return f"{amounts.to_decimal(value, USD_PLACES)} USD"
