"""Checks an order again right before it is signed: it may have waited while the price rose."""

from app.dex import amounts
from app.dex.errors import DexError
from app.dex.valuation import USD_PLACES
from app.network import Network
from app.orders.model import Order
from app.orders.risk import UNITS, RiskLimits

TOLERANCE_PERCENT = 5  # above the limit: an order that was accepted just below it survives the usual moves of a price


class ValueCheck:
    def __init__(self, network: Network, limits: RiskLimits) -> None:
        self._network = network
        self._limits = limits

    def __call__(self, order: Order, slot: int) -> None:
        """Raises a `DexError` if the order is worth too much at this slot, or if it is not ours to pay."""
        if self._network.wallet_owner not in (None, order.owner):
            raise DexError("no_wallet", "the wallet of this engine trades for another owner only")
        limit = self._limits.in_force(order.max_order_usd, None).order_usd
        if not limit:
            return
        value = self._network.usd(self._network.markets.token(order.token_in), order.amount_in, slot)
        if value is None:
            raise DexError("risk_limit", "the token to sell has no price in USD")
        if value * 100 > limit * UNITS * (100 + TOLERANCE_PERCENT):
            worth = amounts.to_decimal(value, USD_PLACES)
            raise DexError("risk_limit", f"the order is now worth {worth} USD, and the limit is {limit} USD")
