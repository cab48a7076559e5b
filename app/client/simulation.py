"""Several orders at once, each followed to its end."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from time import monotonic
from uuid import uuid4

from app.client import CommandError
from app.client.engine import Engine
from app.client.responses import CONFIRMED, FINAL, Event, OrderState
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


# Both directions of a pair: whenever the venues' prices differ, each venue wins one direction.
DEMO_SWAPS = (
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
    """One order of a simulation, as far as this client has followed it."""

    number: int  # 1, 2, 3 … within the simulation
    swap: Swap
    state: OrderState | None = None  # None: not accepted yet
    events: list[Event] = field(default_factory=list)
    received_at: float = 0.0  # monotonic time of the last event, for countdowns
    error: CommandError | None = None  # why it was refused, or why its stream was lost

    @property
    def status(self) -> str:
        if self.error:
            return "lost" if self.state else "refused"
        if self.events:
            return self.events[-1].status
        return self.state.status if self.state else "placing"

    @property
    def ended(self) -> bool:
        return self.error is not None or self.status in FINAL

    @property
    def last_event(self) -> Event | None:
        return self.events[-1] if self.events else None

    @property
    def routed(self) -> Event | None:
        """The last event with a routing decision."""
        return next((event for event in reversed(self.events) if event.status == "building"), None)

    @property
    def confirmed_after(self) -> float | None:
        """Seconds from accepted to confirmed, by the engine's clock; None unless confirmed."""
        if self.state is None or self.last_event is None or self.last_event.status != CONFIRMED:
            return None
        return (self.last_event.at - self.state.created_at).total_seconds()


def simulated_orders(count: int, swap: Swap | None = None) -> list[SimulatedOrder]:
    """The same swap `count` times, or a mixture in which each venue can win."""
    swaps = islice(cycle([swap] if swap else DEMO_SWAPS), count)
    return [SimulatedOrder(number, each) for number, each in enumerate(swaps, 1)]


async def simulate(
    engine: Engine, orders: Sequence[SimulatedOrder], on_change: Callable[[SimulatedOrder], None]
) -> None:
    """Places all orders at once and follows each to its end. If none is accepted, raises the first error."""
    await asyncio.gather(*(_run(engine, order, on_change) for order in orders))
    if all(order.state is None for order in orders):
        raise next(order.error for order in orders if order.error)


async def _run(engine: Engine, order: SimulatedOrder, on_change: Callable[[SimulatedOrder], None]) -> None:
    def add_event(event: Event) -> None:
        order.events.append(event)
        order.received_at = monotonic()
        on_change(order)

    try:
        state = OrderState.parse(await engine.place(order.swap.body(), str(uuid4())))
        order.state, order.received_at = state, monotonic()
        await follow(engine, state, on_event=add_event)
    except CommandError as error:
        order.error = error
        on_change(order)
