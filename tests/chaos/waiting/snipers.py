"""Snipers: orders that wait until a token is traded. A launch moves each once: to a swap, or to a limit order."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.network import mint_of
from tests.chaos.waiting.findings import Findings
from tests.chaos.waiting.orders import Armed, Launch, Order

POOL: dict[str, Any] = {
    **{"venue": "raydium", "name": "New", "decimals": 6},
    **{"usd": "0.25", "quote": "SOL", "depthUsd": 50_000},
}
PRICE = 599.4  # about what a SOL buys of it
MET: Any = ({}, {"venue": "raydium"}, {"event": "liquidity", "minDepthUsd": "20000"})
NEVER = ({"venue": "meteora"}, {"event": "liquidity", "minDepthUsd": "80000"})
LATE = timedelta(seconds=3)  # from when a token is traded to when each of its snipers was moved, on a busy machine

Quote = Callable[[Order, int], int | None]
"""What the best venue gives for an order at a slot, base units; None: nothing."""


@dataclass(frozen=True, slots=True)
class Snipers:
    """The model of them. `outages`: times in which no watcher may have lived."""

    quote: Quote
    outages: Sequence[tuple[datetime, datetime]]

    def judge(self, order: Order, armed: Armed, findings: Findings) -> None:
        end, launch = armed.end, order.launch
        assert launch is not None
        if end is not None and (end.fires or end.details.get("code") == "launched"):
            findings.fired += end.fires
            if problem := self._early(order, armed, launch):
                findings.problems["early"].append(f"{order.id} (sniper): {problem}")
        elif launch.traded is not None and _waits_for_pool(order) and self._had_time(armed, launch.traded):
            findings.problems["missed"].append(f"{order.id} (sniper) not moved by its launch{order.story()}")

    def _early(self, order: Order, armed: Armed, launch: Launch) -> str | None:
        assert armed.end is not None
        if not _waits_for_pool(order):
            return "it waits for another pool"
        if launch.asked is None or armed.end.at < launch.asked:
            return "before the launch"
        if armed.end.fires:
            quoted = self.quote(order, armed.end.details["trigger"]["slot"])
            if quoted is None or quoted < armed.terms.floor:
                return f"the quote is {quoted}, its floor {armed.terms.floor}"
        return None

    def _had_time(self, armed: Armed, traded: datetime) -> bool:
        by = max(traded, armed.since) + LATE
        for since, until in sorted(self.outages):
            by = max(by, until + LATE) if since <= by else by
        return armed.until is None or by < armed.until


def sniper(rng: random.Random, symbol: str) -> dict[str, Any]:
    return {
        "orderType": "sniper",
        **{"tokenIn": "SOL", "tokenOut": mint_of(symbol), "amount": f"{rng.uniform(0.05, 3):.4f}"},
        "limitPrice": f"{PRICE * rng.uniform(0.95, 1.02):.3f}",
        "trigger": {"event": "pool_created"} | rng.choice((*MET, *MET, *NEVER)),
    }


def _waits_for_pool(order: Order) -> bool:
    """For this one, and not for one on another venue or a deeper one."""
    trigger: Mapping[str, str] = order.body["trigger"]
    least, depth = int(trigger.get("minDepthUsd", 0)), int(POOL["depthUsd"])
    return trigger.get("venue", POOL["venue"]) == POOL["venue"] and least <= depth
