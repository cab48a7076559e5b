"""What `engine submit`, `watch` and `simulate` do; how each can end is the exit code."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn
from uuid import uuid4

import typer

from app.client import CommandError
from app.client.engine import Engine
from app.client.format import line
from app.client.responses import CONFIRMED, Event, OrderState, printable
from app.client.simulation import SimulatedOrder, Swap, courses
from app.client.simulation import simulate as run_all
from app.client.summary import summary
from app.client.watch import follow

INTERRUPTED, TERMINATED = 130, 143


def run(work: Coroutine[Any, Any, int]) -> NoReturn:
    """Runs a command to its exit code; what goes wrong is one sentence."""
    logging.disable(logging.CRITICAL)  # the libraries' own remarks are not for this reader
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")  # a terminal without arrows
    # As an exception, so that a drawing puts the terminal back as it was.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        code = asyncio.run(work)
    except CommandError as complaint:
        typer.echo(f"engine: {complaint}", err=True)
        code = 1
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # `engine watch … | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 1
    raise typer.Exit(code)


async def submit(base_url: str, api_key: str | None, order: dict[str, Any], key: str | None, watching: bool) -> int:
    async with Engine(base_url, api_key) as engine:
        standing = await engine.place(order, key or str(uuid4()))
        before = "  (this key had made it before)" if standing.idempotent else ""
        typer.echo(f"order   {standing.order_id}{before}")
        typer.echo(f"status  {standing.status}")
        typer.echo(f"socket  {printable(standing.ws_url, 1000)}")
        return await _tell(engine, standing, 0) if watching else 0


async def watch(base_url: str, api_key: str | None, order_id: str, after: int) -> int:
    async with Engine(base_url, api_key) as engine:
        return await _tell(engine, await engine.order(order_id), after)


async def simulate(base_url: str, api_key: str | None, count: int, *swap: str | None) -> int:
    """`swap`: what to give, what for, and how much; all None for a mixture."""
    if any(swap) and not all(swap):
        raise CommandError("--token-in, --token-out and --amount go together.")
    running = courses(count, Swap(*(part or "" for part in swap)) if any(swap) else None)
    drawing: asyncio.Task[None] | None = None
    async with Engine(base_url, api_key) as engine:
        if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
            from app.client.live_table import LiveTable

            drawing = asyncio.create_task(LiveTable(running).show())
        try:
            await run_all(engine, running, _say if drawing is None else lambda _: None)
        finally:
            if drawing:
                drawing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await drawing
    typer.echo("")
    for one in summary(running):
        typer.echo(one)
    return 0 if all(course.took is not None for course in running) else 1


async def _tell(engine: Engine, standing: OrderState, after: int) -> int:
    told = 0

    def hear(event: Event) -> None:
        nonlocal told
        told += 1
        typer.echo(line(event, standing.created_at))

    end = await follow(
        engine, standing, after=after, hear=hear, broke=lambda why: typer.echo(f"engine: {why}", err=True)
    )
    if not told:
        typer.echo(f"engine: nothing comes after event {after}; the order is {end}.", err=True)
    return 0 if end == CONFIRMED else 1


def _say(course: SimulatedOrder) -> None:
    if course.trouble:
        if course.standing:
            typer.echo(f"#{course.number:<3} {course.swap}: {course.trouble}")
    elif course.standing and course.last:
        typer.echo(f"#{course.number:<3} {course.swap!s:<20} {line(course.last, course.standing.created_at)}")
