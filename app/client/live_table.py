"""Many orders on a terminal: one row each, redrawn as they move."""

import asyncio
from collections.abc import Sequence
from time import monotonic

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from app.client.format import fault, seconds
from app.client.responses import CONFIRMED
from app.client.simulation import SimulatedOrder

STAGES = ("pending", "routing", "building", "submitted", CONFIRMED)
WIDE = 120  # columns from which the stages are spelled out
FRAME_SECONDS = 0.1
COLOURS = {
    CONFIRMED: "bold green",
    "failed": "bold red",
    "lost": "bold red",
    "refused": "bold red",
    "cancelled": "yellow",
}


class LiveTable:
    """Appears with the first order that is accepted: a refusal of all of them is a sentence, not a drawing."""

    def __init__(self, running: Sequence[SimulatedOrder], console: Console | None = None) -> None:
        self._running = running
        self._console = console or Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, get_renderable=self._draw)

    async def show(self) -> None:
        """Draws until it is cancelled; leaves the last picture standing and the cursor visible."""
        try:
            while True:
                if any(course.standing for course in self._running):
                    self._live.start()  # does nothing the second time
                    self._live.refresh()
                await asyncio.sleep(FRAME_SECONDS)
        finally:
            if self._live.is_started:
                self._live.refresh()
                self._live.stop()

    def _draw(self) -> Table:
        return table(self._running, monotonic(), self._console.width, self._console.height - 4)


def table(running: Sequence[SimulatedOrder], now: float, width: int, most: int) -> Table:
    """At most that many rows; when there are more orders, those that still run come first."""
    shown = running
    if len(running) > max(most, 1):
        shown = sorted(sorted(running, key=lambda course: course.over)[: max(most, 1)], key=lambda c: c.number)
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", expand=True)
    drawn.add_column("#", justify="right", style="dim")
    drawn.add_column("swap", no_wrap=True, overflow="ellipsis", max_width=30)
    drawn.add_column("pending → confirmed", no_wrap=True)
    drawn.add_column("time", justify="right", no_wrap=True)
    drawn.add_column("venue", no_wrap=True, overflow="ellipsis", ratio=1)
    for course in shown:
        drawn.add_row(
            str(course.number),
            Text(str(course.swap)),
            stages(course, width >= WIDE),
            _time(course, now),
            note(course, now),
        )
    if len(shown) < len(running):
        drawn.caption = f"{len(running) - len(shown)} more"
        drawn.caption_justify = "left"
    return drawn


def stages(course: SimulatedOrder, wide: bool) -> Text:
    """How far it is: what is behind it green, where it is bright, what is ahead dim."""
    drawn, status = Text(), course.status
    reached = STAGES.index(status) if status in STAGES else -1
    if reached < 0:
        # An end off the way: as far as it came, and then its name.
        reached = max((STAGES.index(event.status) for event in course.events if event.status in STAGES), default=-1) + 1
    for place, stage in enumerate(STAGES):
        if place:
            drawn.append(" → " if wide else "", "dim")
        if place == reached:
            name = status if wide else "●"
            drawn.append(f"{name:<{len(stage)}}" if wide else name, COLOURS.get(status, "bold cyan"))
        elif place < reached:
            drawn.append(stage if wide else "●", "green")
        else:
            drawn.append(stage if wide else "○", "dim")
    if not wide:
        drawn.append(f" {status}", COLOURS.get(status, "bold cyan"))
    return drawn


def note(course: SimulatedOrder, now: float) -> Text:
    """The venue and price; while it waits, why and how long still; what ended it, if that was no fill."""
    last = course.last
    if course.trouble:
        return Text(str(course.trouble), "red")
    attempt = f"attempt {last.attempt}  " if last and last.attempt > 1 else ""
    if last and (last.error or last.code):
        waits = ""
        if last.retry_in_ms is not None:
            left = course.heard_at + last.retry_in_ms / 1000 - now
            waits = f", again in {seconds(left)}" if left > 0 else ", again"
        return Text(f"attempt {last.attempt}: {last.code or fault(last)}{waits}", "yellow" if waits else "red")
    if course.standing and course.standing.starts_in_ms and course.status == STAGES[0]:
        left = course.heard_at + course.standing.starts_in_ms / 1000 - now
        return Text(f"waits for its start, {seconds(left)}" if left > 0 else "waits for its start", "yellow")
    told = last if last and last.dex else course.decision
    if not told or not told.dex or course.status == "routing":
        return Text(attempt, "yellow")
    drawn = Text().append(attempt, "yellow").append(told.dex, "bold").append(f" {told.price}" if told.price else "")
    if course.decision and course.decision.others:
        drawn.append(f"  ({'; '.join(course.decision.others)})", "dim")
    return drawn


def _time(course: SimulatedOrder, now: float) -> str:
    """Since it was accepted: by the engine's clock once it has ended, by ours until then."""
    if course.standing is None:
        return ""
    told = (course.last.at - course.standing.created_at).total_seconds() if course.last else 0.0
    return f"{told if course.over else told + max(now - course.heard_at, 0):.1f} s"
