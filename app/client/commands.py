"""`engine submit`, `watch` and `simulate`. Each returns its exit code."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn
from uuid import uuid4

import typer

from app.client import FAILED, INTERRUPTED, TERMINATED, CommandError, address
from app.client.engine import Engine
from app.client.fields import json_object, plain_json, printable
from app.client.format import event_line
from app.client.groups import orders_in
from app.client.responses import FILLED, Event, GroupState, OrderState
from app.client.simulation import SimulatedOrder, Swap, simulated_orders
from app.client.simulation import simulate as run_all
from app.client.summary import summary
from app.client.watch import follow


def run(url: str | None, command: Callable[[Engine], Coroutine[Any, Any, int]]) -> NoReturn:
    """Runs a command against the engine at this address, and exits with its code. An error is one sentence."""
    logging.disable(logging.CRITICAL)  # log lines of the libraries would mix with the output
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")  # for a terminal that cannot show arrows
    # SIGTERM raises SystemExit, so that the live table restores the terminal.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        code = asyncio.run(_run(url, command))
    except CommandError as error:
        typer.echo(f"engine: {error}", err=True)
        code = error.exit_code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # `engine watch … | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = FAILED
    raise typer.Exit(code)


async def _run(url: str | None, command: Callable[[Engine], Coroutine[Any, Any, int]]) -> int:
    async with address.engine(url) as engine:
        return await command(engine)


def say(body: bytes, lines: Callable[[Mapping[str, Any]], Iterable[str]], as_json: bool) -> int:
    """An answer of the API: as it was sent, or as lines."""
    if as_json:
        print_json(body)
    else:
        for line in lines(json_object(body)):
            typer.echo(line)
    return 0


def print_json(body: str | bytes) -> None:
    typer.echo(plain_json(body))


async def submit(
    engine: Engine, order: Mapping[str, Any], key: str | None, *, watching: bool, as_json: bool = False
) -> int:
    body = await engine.place(order, key or str(uuid4()))
    say(body, _placed, as_json)
    return await _print_events(engine, OrderState.parse(body), 0, as_json) if watching else 0


def _placed(answer: Mapping[str, Any]) -> Iterator[str]:
    state = OrderState.of(answer)
    yield f"order   {state.order_id}{_repeated(state.idempotent)}"
    yield f"status  {state.status}"
    if state.waits:
        yield f"waits   {state.waits}"
    yield f"socket  {printable(state.ws_url, 1000)}"


async def submit_group(engine: Engine, group: Mapping[str, Any], key: str | None, *, as_json: bool = False) -> int:
    def placed(answer: Mapping[str, Any]) -> Iterator[str]:
        state = GroupState.of(answer)
        yield f"group   {state.group_id}{_repeated(state.idempotent)}"
        for name, order in zip(orders_in(group), state.orders, strict=False):
            yield f"order   {order.order_id}  {name}  {order.waits or order.status}"

    return say(await engine.place_group(group, key or str(uuid4())), placed, as_json)


def _repeated(idempotent: bool) -> str:
    return "  (already placed with this idempotency key)" if idempotent else ""


async def watch(engine: Engine, order_id: str, after: int, *, as_json: bool = False) -> int:
    return await _print_events(engine, await engine.order(order_id), after, as_json)


async def simulate(engine: Engine, count: int, *swap: str | None, as_json: bool = False) -> int:
    """`swap` is token in, token out and amount; without it the orders are a mixture."""
    if any(swap) and not all(swap):
        raise CommandError("Use --token-in, --token-out and --amount together.")
    orders = simulated_orders(count, Swap(*(value or "" for value in swap)) if any(swap) else None)
    drawing: asyncio.Task[None] | None = None
    if as_json:
        await run_all(engine, orders, _print_last_frame)
        return _exit_code(orders)
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
    return _exit_code(orders)


def _exit_code(orders: Sequence[SimulatedOrder]) -> int:
    return 0 if all(order.confirmed_after is not None for order in orders) else FAILED


async def _print_events(engine: Engine, state: OrderState, after: int, as_json: bool) -> int:
    printed = 0

    def print_event(event: Event) -> None:
        nonlocal printed
        printed += 1
        if as_json:
            print_json(event.frame)
        else:
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
    return 0 if final_status in FILLED else FAILED


def _print_last_event(order: SimulatedOrder) -> None:
    if order.error:
        if order.state:  # if no order was accepted, the command ends with the error itself
            typer.echo(f"#{order.number:<3} {order.swap}: {order.error}")
    elif order.state and order.last_event:
        typer.echo(f"#{order.number:<3} {order.swap!s:<20} {event_line(order.last_event, order.state.created_at)}")


def _print_last_frame(order: SimulatedOrder) -> None:
    if order.error is None and order.last_event:
        print_json(order.last_event.frame)
