"""`engine submit`, `open`, `cancel`, `dead-man`, `watch` and `simulate`. Each returns its exit code."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Mapping
from typing import Any, NoReturn
from uuid import uuid4

import typer

from app.client import CommandError
from app.client.engine import Engine
from app.client.fields import printable
from app.client.format import event_line
from app.client.groups import orders_in
from app.client.responses import CONFIRMED, Event, OrderState
from app.client.simulation import SimulatedOrder, Swap, simulated_orders
from app.client.simulation import simulate as run_all
from app.client.summary import summary
from app.client.watch import follow

INTERRUPTED, TERMINATED = 130, 143


def run(work: Coroutine[Any, Any, int]) -> NoReturn:
    """Runs a command and exits with its code. An expected error is printed as one sentence."""
    logging.disable(logging.CRITICAL)  # log lines of the libraries would mix with the output
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")  # for a terminal that cannot show arrows
    # SIGTERM raises SystemExit, so that the live table restores the terminal.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        code = asyncio.run(work)
    except CommandError as error:
        typer.echo(f"engine: {error}", err=True)
        code = 1
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # `engine watch … | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 1
    raise typer.Exit(code)


async def submit(base_url: str, api_key: str | None, order: dict[str, Any], key: str | None, watching: bool) -> int:
    async with Engine(base_url, api_key) as engine:
        state = await engine.place(order, key or str(uuid4()))
        repeated = "  (already placed with this idempotency key)" if state.idempotent else ""
        typer.echo(f"order   {state.order_id}{repeated}")
        typer.echo(f"status  {state.status}")
        if state.waits:
            typer.echo(f"waits   {state.waits}")
        typer.echo(f"socket  {printable(state.ws_url, 1000)}")
        return await _print_events(engine, state, 0) if watching else 0


async def submit_group(base_url: str, api_key: str | None, group: Mapping[str, Any], key: str | None) -> int:
    async with Engine(base_url, api_key) as engine:
        placed = await engine.place_group(group, key or str(uuid4()))
        repeated = "  (already placed with this idempotency key)" if placed.idempotent else ""
        typer.echo(f"group   {placed.group_id}{repeated}")
        for name, order in zip(orders_in(group), placed.orders, strict=False):
            typer.echo(f"order   {order.order_id}  {name}  {order.waits or order.status}")
        return 0


async def open_orders(base_url: str, api_key: str | None) -> int:
    async with Engine(base_url, api_key) as engine:
        none = True
        async for line in engine.open_orders():
            none = False
            typer.echo(line)
    if none:
        typer.echo("There are no open orders.")
    return 0


async def cancel(base_url: str, api_key: str | None, order_id: str) -> int:
    async with Engine(base_url, api_key) as engine:
        status = await engine.cancel(order_id)
        sent = "" if status == "cancelled" else "  (its swap was sent: it is cancelled if that does not land)"
        typer.echo(f"status  {status}{sent}")
        return 0


async def dead_man(base_url: str, api_key: str | None, seconds: int) -> int:
    async with Engine(base_url, api_key) as engine:
        cancels_at = await engine.dead_man(seconds)
        typer.echo(f"cancels all orders at {cancels_at}, unless renewed" if cancels_at else "off")
        return 0


async def watch(base_url: str, api_key: str | None, order_id: str, after: int) -> int:
    async with Engine(base_url, api_key) as engine:
        return await _print_events(engine, await engine.order(order_id), after)


async def simulate(base_url: str, api_key: str | None, count: int, *swap: str | None) -> int:
    """`swap` is token in, token out and amount; without it the orders are a mixture."""
    if any(swap) and not all(swap):
        raise CommandError("Use --token-in, --token-out and --amount together.")
    orders = simulated_orders(count, Swap(*(value or "" for value in swap)) if any(swap) else None)
    drawing: asyncio.Task[None] | None = None
    async with Engine(base_url, api_key) as engine:
        if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
            from app.client.live_table import LiveTable

            drawing = asyncio.create_task(LiveTable(orders).show())
        try:
            await run_all(engine, orders, _print_last_event if drawing is None else lambda _: None)
        finally:
            if drawing:
                drawing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await drawing
    typer.echo("")
    for text in summary(orders):
        typer.echo(text)
    return 0 if all(order.confirmed_after is not None for order in orders) else 1


async def _print_events(engine: Engine, state: OrderState, after: int) -> int:
    printed = 0

    def print_event(event: Event) -> None:
        nonlocal printed
        printed += 1
        typer.echo(event_line(event, state.created_at))

    final_status = await follow(
        engine,
        state,
        after=after,
        on_event=print_event,
        on_break=lambda reason: typer.echo(f"engine: {reason}", err=True),
    )
    if not printed:
        typer.echo(f"engine: There are no events after {after}; the order is {final_status}.", err=True)
    return 0 if final_status == CONFIRMED else 1


def _print_last_event(order: SimulatedOrder) -> None:
    if order.error:
        if order.state:  # if no order was accepted, the command ends with the error itself
            typer.echo(f"#{order.number:<3} {order.swap}: {order.error}")
    elif order.state and order.last_event:
        typer.echo(f"#{order.number:<3} {order.swap!s:<20} {event_line(order.last_event, order.state.created_at)}")
