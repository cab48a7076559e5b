"""A table of many orders on a terminal: one row each, redrawn as they progress."""

import asyncio
from collections.abc import Sequence
from time import monotonic

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from app.client.format import error_text, seconds
from app.client.responses import CONFIRMED
from app.client.simulation import SimulatedOrder

STAGES = ("pending", "routing", "building", "submitted", CONFIRMED)
WIDE = 120  # columns; from this width on the stages are written out
FRAME_SECONDS = 0.1
COLOURS = {
    CONFIRMED: "bold green",
    "failed": "bold red",
    "lost": "bold red",
    "refused": "bold red",
    "cancelled": "yellow",
}


class LiveTable:
    """Appears with the first accepted order: if all are refused, the command prints one sentence and no table."""

    def __init__(self, orders: Sequence[SimulatedOrder], console: Console | None = None) -> None:
        self._orders = orders
        self._console = console or Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, get_renderable=self._draw)

    async def show(self) -> None:
        """Draws until it is cancelled; the last table stays on the screen and the cursor is visible again."""
        try:
            while True:
                if any(order.state for order in self._orders):
                    self._live.start()  # does nothing the second time
                    self._live.refresh()
                await asyncio.sleep(FRAME_SECONDS)
        finally:
            if self._live.is_started:
                self._live.refresh()
                self._live.stop()

    def _draw(self) -> Table:
        return table(self._orders, monotonic(), self._console.width, self._console.height - 4)


def table(orders: Sequence[SimulatedOrder], now: float, width: int, max_rows: int) -> Table:
    """At most `max_rows` rows. With more orders than rows, unfinished orders are shown first."""
    shown, limit = orders, max(max_rows, 1)
    if len(orders) > limit:
        unfinished_first = sorted(orders, key=lambda order: order.ended)
        shown = sorted(unfinished_first[:limit], key=lambda order: order.number)
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", expand=True)
    drawn.add_column("#", justify="right", style="dim")
    drawn.add_column("swap", no_wrap=True, overflow="ellipsis", max_width=30)
    drawn.add_column("pending → confirmed", no_wrap=True)
    drawn.add_column("time", justify="right", no_wrap=True)
    drawn.add_column("venue", no_wrap=True, overflow="ellipsis", ratio=1)
    for order in shown:
        drawn.add_row(
            str(order.number),
            Text(str(order.swap)),
            stages(order, width >= WIDE),
            _elapsed(order, now),
            note(order, now),
        )
    if len(shown) < len(orders):
        drawn.caption = f"{len(orders) - len(shown)} more"
        drawn.caption_justify = "left"
    return drawn


def stages(order: SimulatedOrder, wide: bool) -> Text:
    """The progress: past stages green, the current one bright, the next ones dim."""
    drawn, status = Text(), order.status
    current = STAGES.index(status) if status in STAGES else -1
    if current < 0:
        # Failed, cancelled or lost: its name is shown in place of the stage after the last one reached.
        current = max((STAGES.index(event.status) for event in order.events if event.status in STAGES), default=-1) + 1
    for position, stage in enumerate(STAGES):
        if position:
            drawn.append(" → " if wide else "", "dim")
        if position == current:
            name = status if wide else "●"
            drawn.append(f"{name:<{len(stage)}}" if wide else name, COLOURS.get(status, "bold cyan"))
        elif position < current:
            drawn.append(stage if wide else "●", "green")
        else:
            drawn.append(stage if wide else "○", "dim")
    if not wide:
        drawn.append(f" {status}", COLOURS.get(status, "bold cyan"))
    return drawn


def note(order: SimulatedOrder, now: float) -> Text:
    """Venue and price; during a wait, the reason and the time left; after a failure, the error."""
    last = order.last_event
    if order.error:
        return Text(str(order.error), "red")
    attempt = f"attempt {last.attempt}  " if last and last.attempt > 1 else ""
    if last and (last.error or last.code):
        retry = ""
        if last.retry_in_ms is not None:
            left = order.received_at + last.retry_in_ms / 1000 - now
            retry = f", retry in {seconds(left)}" if left > 0 else ", retrying"
        return Text(f"attempt {last.attempt}: {last.code or error_text(last)}{retry}", "yellow" if retry else "red")
    if order.state and order.state.starts_in_ms and order.status == STAGES[0]:
        left = order.received_at + order.state.starts_in_ms / 1000 - now
        return Text(f"starts in {seconds(left)}" if left > 0 else "waiting to start", "yellow")
    choice = last if last and last.dex else order.routed
    if not choice or not choice.dex or order.status == "routing":
        return Text(attempt, "yellow")
    price = f" {choice.price}" if choice.price else ""
    drawn = Text().append(attempt, "yellow").append(choice.dex, "bold").append(price)
    if order.routed and order.routed.losing_quotes:
        drawn.append(f"  ({'; '.join(order.routed.losing_quotes)})", "dim")
    return drawn


def _elapsed(order: SimulatedOrder, now: float) -> str:
    """Time since the order was accepted: by the engine's clock once it has ended, by ours until then."""
    if order.state is None:
        return ""
    by_engine = (order.last_event.at - order.state.created_at).total_seconds() if order.last_event else 0.0
    return f"{by_engine if order.ended else by_engine + max(now - order.received_at, 0):.1f} s"
