"""Several orders at once, each followed to its end."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from time import monotonic
from uuid import uuid4

from app.client import CommandError
from app.client.engine import Engine
from app.client.responses import CONFIRMED, ENDED, Event, OrderState
from app.client.watch import follow


@dataclass(frozen=True, slots=True)
class Swap:
    token_in: str
    token_out: str
    amount: str

    def __str__(self) -> str:
        return f"{self.amount} {self.token_in} → {self.token_out}"

    def body(self) -> dict[str, str]:
        return {"tokenIn": self.token_in, "tokenOut": self.token_out, "amount": self.amount}


# Both ways of a pair next to each other: whenever the venues' prices part, each of them wins one of the two.
DEMO = (
    Swap("SOL", "USDC", "1.5"),
    Swap("BONK", "SOL", "5000000"),
    Swap("SOL", "BONK", "0.5"),
    Swap("RAY", "SOL", "40"),
    Swap("SOL", "RAY", "0.8"),
    Swap("USDC", "SOL", "250"),
    Swap("USDT", "USDC", "100"),
    Swap("JUP", "SOL", "200"),
    Swap("USDC", "USDT", "75.5"),
    Swap("SOL", "JUP", "0.75"),
)


@dataclass(slots=True)
class SimulatedOrder:
    """One simulated order, as far as it is known here."""

    number: int
    swap: Swap
    standing: OrderState | None = None  # None: not accepted yet
    events: list[Event] = field(default_factory=list)
    heard_at: float = 0.0  # this machine's monotonic clock, for counting waits down
    trouble: CommandError | None = None  # why it was refused, or lost from sight

    @property
    def status(self) -> str:
        if self.trouble:
            return "lost" if self.standing else "refused"
        if self.events:
            return self.events[-1].status
        return self.standing.status if self.standing else "placing"

    @property
    def over(self) -> bool:
        return self.trouble is not None or self.status in ENDED

    @property
    def last(self) -> Event | None:
        return self.events[-1] if self.events else None

    @property
    def decision(self) -> Event | None:
        """The last routing decision."""
        return next((event for event in reversed(self.events) if event.status == "building"), None)

    @property
    def took(self) -> float | None:
        """Seconds from accepted to confirmed, on the engine's clock."""
        if self.standing is None or self.last is None or self.last.status != CONFIRMED:
            return None
        return (self.last.at - self.standing.created_at).total_seconds()


def courses(count: int, swap: Swap | None = None) -> list[SimulatedOrder]:
    """The same swap `count` times, or a mixture in which both venues get their chance."""
    swaps = islice(cycle([swap] if swap else DEMO), count)
    return [SimulatedOrder(number, one) for number, one in enumerate(swaps, 1)]


async def simulate(
    engine: Engine, running: Sequence[SimulatedOrder], changed: Callable[[SimulatedOrder], None]
) -> None:
    """Places all at once and follows each to its end; `changed` hears of each step."""
    await asyncio.gather(*(_run(engine, course, changed) for course in running))
    if all(course.standing is None for course in running):
        raise next(course.trouble for course in running if course.trouble)


async def _run(engine: Engine, course: SimulatedOrder, changed: Callable[[SimulatedOrder], None]) -> None:
    def hear(event: Event) -> None:
        course.events.append(event)
        course.heard_at = monotonic()
        changed(course)

    try:
        standing = await engine.place(course.swap.body(), str(uuid4()))
        course.standing, course.heard_at = standing, monotonic()
        await follow(engine, standing, hear=hear)
    except CommandError as complaint:
        course.trouble = complaint
        changed(course)
