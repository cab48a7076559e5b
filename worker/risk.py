"""Checks an order again right before it is signed: it may have waited while the price rose, or a limit was lowered.

On a real chain the limits of a day are compared again too: orders may wait for weeks and fire on one day, and what the
swaps pay in fees is in no order's value. Orders that are signed at the same moment may exceed them together: what is
counted exactly is the placing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

from app.dex import amounts
from app.dex.errors import DexError
from app.dex.valuation import USD_PLACES
from app.network import Network
from app.orders.model import Order
from app.orders.risk import UNITS, RiskLimits
from app.orders.store.daily_volumes import Signed
from app.postgres import DatabaseUnavailable
from app.settings import Settings
from worker import conditions
from worker.lease import DATABASE_RETRY_SECONDS

SignedToday = Callable[[str, str, UUID], Awaitable[Signed]]
"""Of a chain and an owner, without an order."""

TOLERANCE_PERCENT = 5  # above the limit: an order that was accepted just below it survives the usual moves of a price


class RiskChecks:
    def __init__(self, network: Network, settings: Settings, signed_today: SignedToday) -> None:
        self._network = network
        self._limits = RiskLimits.of(settings)
        self._max_slippage_bps = settings.max_slippage_bps
        self._max_fees = settings.max_daily_fee_lamports
        self._signed_today = signed_today

    def floor(self, order: Order, quoted: int) -> int:
        return conditions.floor_of(order, quoted, self._max_slippage_bps)

    async def check(self, order: Order, slot: int) -> None:
        """Raises a `DexError` if this order, or the orders of its day, are worth too much, or it is not ours to pay."""
        if self._network.wallet_owner not in (None, order.owner):
            raise DexError("no_wallet", "the wallet of this engine trades for another owner only")
        if limit := self._limits.in_force(order.max_order_usd, None).order_usd:
            value = self._value(order, slot)
            if not _within(value, limit):
                raise DexError("risk_limit", f"the order is now worth {_usd(value)}, and the limit is {limit} USD")
        if (chain := self._network.chain_id()) is not None:
            signed = await self._signed(chain, order)
            if self._max_fees and (signed.swaps + 1) * self._network.max_fee > self._max_fees:
                raise DexError("day_limit", f"the swaps of today may have paid {self._max_fees} lamports in fees")
            if daily := signed.limit(self._limits.daily_usd):
                worth = signed.usd + self._value(order, slot)
                if not _within(worth, daily):
                    raise DexError("day_limit", f"today's swaps are worth {_usd(worth)}, and the limit is {daily} USD")

    def _value(self, order: Order, slot: int) -> int:
        value = self._network.usd(self._network.markets.token(order.token_in), order.amount_in, slot)
        if value is None:
            raise DexError("risk_limit", "the token to sell has no price in USD")
        return value

    async def _signed(self, chain: str, order: Order) -> Signed:
        while True:
            try:
                return await self._signed_today(chain, order.owner, order.id)
            except DatabaseUnavailable:
                await asyncio.sleep(DATABASE_RETRY_SECONDS)


def _within(value: int, limit_usd: int) -> bool:
    return value * 100 <= limit_usd * UNITS * (100 + TOLERANCE_PERCENT)


def _usd(value: int) -> str:
    return f"{amounts.to_decimal(value, USD_PLACES)} USD"
