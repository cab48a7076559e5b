"""Random books of orders that wait, and random markets that move past them."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import asyncpg

from app.mockchain.statements import TELL
from tests.chaos.waiting.orders import NOTHING, UNKNOWN, Launch, Seen
from tests.chaos.waiting.snipers import sniper

BLOCK_MS = 200
SCHEDULE = """
INSERT INTO chain.set_prices (token_in, token_out, price, from_ms)
SELECT $1, $2, price, from_ms FROM unnest($3::numeric[], $4::bigint[]) AS step(price, from_ms)
"""

# pair → its price at first, and how many tokens are worth about a dollar
PAIRS: dict[tuple[str, str], tuple[Decimal, Decimal]] = {
    ("SOL", "USDC"): (Decimal("149.85"), Decimal("0.00667")),
    ("SOL", "USDT"): (Decimal("149.88"), Decimal("0.00667")),
    ("RAY", "SOL"): (Decimal("0.015682"), Decimal("0.4255")),
    ("JUP", "SOL"): (Decimal("0.0032172"), Decimal("2.0743")),
    ("BONK", "SOL"): (Decimal("0.0000001431"), Decimal("46620")),
}
SWING = ((0, 0), (1, -400), (6, 400), (9, -350))  # slots, and basis points from the first price


@dataclass(frozen=True, slots=True)
class Placed:
    body: Mapping[str, Any]
    group: str | None = None  # whose orders hold each other
    entry: str | None = None  # the order whose fill arms it
    seen: Seen = NOTHING  # by a trailing stop, as the answer said

    @staticmethod
    def of(body: Mapping[str, Any], answer: Mapping[str, Any], group: str | None = None) -> "Placed":
        trigger, seen = body.get("trigger", {}), NOTHING
        if "trailBps" in trigger and "activationPrice" not in trigger:
            extreme = answer["trigger"]["extreme"]  # None: it answers a repeat
            seen = Seen(Fraction(extreme), Fraction(extreme)) if extreme is not None else UNKNOWN
        return Placed(body, group, seen=seen)


@dataclass
class Book:
    """The orders of one seed: all wait for the price of one pair."""

    pair: tuple[str, str]
    rng: random.Random
    orders: dict[str, Placed] = field(default_factory=dict)
    plans: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # the bodies of those in slices
    cancelled: set[str] = field(default_factory=set)  # which the owner asked for
    launch: Launch = field(init=False)  # that its snipers wait for

    def __post_init__(self) -> None:
        self.launch = Launch(f"{self.pair[0]}x{self.pair[1]}")

    def price(self, bps: int) -> str:
        """So far from the first price."""
        first = PAIRS[self.pair][0]
        return format((first * (10_000 + bps) / 10_000).quantize(first / 10**5 * 1), "f")

    def path(self, slots: int) -> list[tuple[int, Decimal]]:
        """Slots from the beginning, and the price from each on: walks, gaps, flat stretches."""
        at, bps, found = 0, 0, list[tuple[int, Decimal]]()
        while at < slots:
            kind = self.rng.random()
            if kind < 0.7:
                bps += self.rng.randint(-70, 70)
            elif kind < 0.9:
                bps += self.rng.choice((-1, 1)) * self.rng.randint(100, 450)
            bps = max(-900, min(900, bps))
            found.append((at, Decimal(self.price(bps))))
            at += self.rng.randint(1, 5)
        return found

    def amount(self, usd: float) -> str:
        return format((PAIRS[self.pair][1] * Decimal(usd)).quantize(Decimal("0.00001")), "f")

    def terms(self) -> dict[str, Any]:
        rng = self.rng
        fields: dict[str, Any] = {"tokenIn": self.pair[0], "tokenOut": self.pair[1]}
        fields["amount"] = self.amount(rng.choice((5, 50, 500, 5_000, 15_000)) * rng.uniform(1, 1.4))
        if rng.random() < 0.6:
            fields["slippageBps"] = rng.choice((1, 10, 50, 200))
        if rng.random() < 0.1:
            fields["expiresInSeconds"] = rng.randint(2, 8)
        return fields

    def leg(self, kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        bps = self.rng.randint(20, 600)
        price = self.price(bps if kind == "take_profit" else -bps)
        trigger = {"price": price, "persistSlots": self.rng.choice((1, 1, 2, 2, 3))}
        body = {**fields, "orderType": kind, "trigger": trigger}
        if self.rng.random() < 0.3:
            worse = self.rng.randint(30, 300)
            body["limitPrice"] = self.price((bps if kind == "take_profit" else -bps) - worse)
        return body

    def trailing(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        trigger: dict[str, Any] = {"trailBps": self.rng.randint(20, 600), "persistSlots": self.rng.choice((1, 1, 2, 3))}
        if self.rng.random() < 0.4:
            trigger["activationPrice"] = self.price(self.rng.randint(20, 350))
        return {**fields, "orderType": "trailing_stop", "trigger": trigger}

    def order(self) -> dict[str, Any]:
        fields, kind = self.terms(), self.rng.random()
        if kind < 0.4:
            return {**fields, "orderType": "limit", "limitPrice": self.price(self.rng.randint(-30, 600))}
        if kind < 0.5:
            fields.pop("expiresInSeconds", None)
            at_once = {"orderType": "limit", "timeInForce": self.rng.choice(("ioc", "fok"))}
            return {**fields, **at_once, "limitPrice": self.price(self.rng.randint(-100, 60))}
        if kind < 0.65:
            return self.trailing(fields)
        return self.leg("stop" if kind < 0.85 else "take_profit", fields)

    def group(self) -> dict[str, Any]:
        fields = self.terms()
        if self.rng.random() < 0.4:
            return self.bracket(fields)
        stop = self.trailing(fields) if self.rng.random() < 0.4 else self.leg("stop", fields)
        return {"type": "oco", "legs": [self.leg("take_profit", fields), stop]}

    def bracket(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Prices of the opposite swap rise as those of the pair fall."""
        rng, bps = self.rng, self.rng.randint(-30, 200)
        profit, loss = bps - rng.randint(20, 300), bps + rng.randint(20, 300)
        take_profit = {"price": self.opposite(profit), "persistSlots": rng.choice((1, 2))}
        stop_loss = {"price": self.opposite(loss), "persistSlots": rng.choice((1, 2))}
        if rng.random() < 0.3:
            stop_loss["limitPrice"] = self.opposite(loss + rng.randint(30, 300))
        entry = {**fields, "orderType": "limit", "limitPrice": self.price(bps)}
        return {"type": "bracket", "entry": entry, "takeProfit": take_profit, "stopLoss": stop_loss}

    def opposite(self, bps: int) -> str:
        return format(Decimal(f"{1 / Decimal(self.price(bps)):.7g}"), "f")

    def add_group(self, body: Mapping[str, Any], placed: Mapping[str, Any]) -> None:
        ids, group = [order["orderId"] for order in placed["orders"]], placed["groupId"]
        if body["type"] == "oco":
            legs = zip(ids, body["legs"], placed["orders"], strict=True)
            self.orders |= {order: Placed.of(leg, answer, group) for order, leg, answer in legs}
            return
        self.orders[ids[0]] = Placed(body["entry"])
        for order, name, kind in zip(ids[1:], ("takeProfit", "stopLoss"), ("take_profit", "stop"), strict=True):
            trigger = {field: value for field, value in body[name].items() if field != "limitPrice"}
            limit = {field: value for field, value in body[name].items() if field == "limitPrice"}
            self.orders[order] = Placed({"orderType": kind, "trigger": trigger, **limit}, group, entry=ids[0])

    def plan(self) -> dict[str, Any]:
        fields = {"tokenIn": self.pair[0], "tokenOut": self.pair[1], "amount": self.amount(self.rng.uniform(50, 200))}
        schedule = {"slices": self.rng.randint(2, 5), "everySeconds": 1}
        return {**fields, "orderType": "dca", "slippageBps": 1_000, "schedule": schedule}

    def amendment(self, placed: Placed) -> dict[str, Any]:
        kind = placed.body["orderType"]
        if placed.entry is not None:
            return {"slippageBps": self.rng.choice((10, 50, 200))}
        if kind == "sniper":
            return {"limitPrice": sniper(self.rng, self.launch.symbol)["limitPrice"]}
        if kind == "limit":
            return {"limitPrice": self.price(self.rng.randint(0, 600))}
        if kind == "trailing_stop":
            return {"trigger": {"trailBps": self.rng.randint(20, 600)}}
        bps = self.rng.randint(20, 500)
        return {"trigger": {"price": self.price(bps if kind == "take_profit" else -bps)}}


class SwingingBook(Book):
    """Its market falls at once past most stops, rises past most of the others, and falls past trailing stops."""

    def path(self, slots: int) -> list[tuple[int, Decimal]]:
        return [(slot, Decimal(self.price(bps))) for slot, bps in SWING]


async def schedule(db: asyncpg.Pool, pair: tuple[str, str], path: Sequence[tuple[int, Decimal]], block_ms: int) -> None:
    """Let the market follow a path. Every process hears of it at once, and each step holds from its slot on."""
    steps = [(slot * block_ms, price) for slot, price in path]
    await db.execute(SCHEDULE, *pair, [price for _, price in steps], [at for at, _ in steps])
    await db.execute(TELL)
