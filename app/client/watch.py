"""Follows an order to its end over its WebSocket, and reconnects when the connection breaks."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus, InvalidURI, WebSocketException

from app.client import CommandError, Unreachable
from app.client.engine import Engine, is_loopback, order_not_found
from app.client.fields import printable
from app.client.responses import FINAL, Event, OrderState

RECONNECT_DELAYS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # seconds, with jitter; after the last one the command fails
STABLE_AFTER = 10.0  # seconds; a connection that lasted this long starts the delays from the first again
# WebSocket close codes of the engine.
COMPLETE, BAD_REQUEST, UNAUTHORIZED, NOT_FOUND = 1000, 4400, 4401, 4404


class _StreamBroken(Exception):
    """The stream stopped before the order ended."""


async def follow(
    engine: Engine,
    state: OrderState,
    *,
    after: int = 0,
    on_event: Callable[[Event], None],
    on_break: Callable[[str], None] = lambda _: None,
) -> str:
    """Calls `on_event` for every event after number `after`, once and in order. Returns the final status.

    Calls `on_break` with the reason of each break. Events missed during a break are replayed after it.
    """
    clock = asyncio.get_running_loop().time
    last, received, status = after, 0, state.status
    delays = iter(RECONNECT_DELAYS)

    def handle(event: Event) -> None:
        nonlocal last, received, status, delays
        if event.seq <= received:
            return
        last = received = event.seq
        status, delays = event.status, iter(RECONNECT_DELAYS)
        on_event(event)

    while True:
        opened = clock()
        try:
            async with aclosing(_receive(engine, state, last)) as events:
                async for event in events:
                    handle(event)
            if status in FINAL and received:
                return status
            # If the log of an ended order has nothing after `after`, only the API knows the final status.
            state = await engine.order(state.order_id)
            if state.status in FINAL:
                return state.status
            reason = "The stream was closed before the order ended"
        except _StreamBroken as broken:
            reason = str(broken)
        except CommandError as error:
            if not error.retryable:
                raise
            reason = str(error).rstrip(".")
        if clock() - opened > STABLE_AFTER:
            delays = iter(RECONNECT_DELAYS)
        # The URL is read again: the old one may hold a ticket that has expired.
        state = await _reconnect(engine, state, delays, reason, last, on_break)


async def _receive(engine: Engine, state: OrderState, after: int) -> AsyncGenerator[Event, None]:
    """Yields events until the engine closes the complete stream. Errors of the consumer pass through unchanged."""
    url = f"{state.ws_url}{'&' if '?' in state.ws_url else '?'}after={after}"
    try:
        async with connect(url, proxy=None if is_loopback(url) else True, open_timeout=10, close_timeout=1) as socket:
            async for frame in socket:
                yield Event.parse(frame)
            code = socket.close_code
    except ConnectionClosedError as error:
        code, reason = (error.rcvd.code, printable(error.rcvd.reason).rstrip(".")) if error.rcvd else (None, "")
        if code == NOT_FOUND:
            raise order_not_found(state.order_id, engine.name) from None
        if code in (UNAUTHORIZED, BAD_REQUEST):
            raise CommandError(f"The stream was refused: {reason or code}.") from None
        raise _StreamBroken("The stream broke" + (f" ({reason})" if reason else "")) from None
    except InvalidStatus as error:
        status = error.response.status_code
        if status < 500 and status != 429:
            raise CommandError(f"The stream was refused: {engine.name} answered {status}.") from None
        raise _StreamBroken(f"The stream could not be opened: {engine.name} answered {status}") from None
    except (InvalidURI, ValueError):
        raise CommandError(f"The engine returned an invalid stream address: {printable(state.ws_url)}") from None
    except (OSError, WebSocketException):
        raise _StreamBroken(f"The stream could not be opened at {printable(state.ws_url.partition('?')[0])}") from None
    if code != COMPLETE:
        raise _StreamBroken("The engine is shutting down")


async def _reconnect(
    engine: Engine,
    state: OrderState,
    delays: Iterator[float],
    reason: str,
    last: int,
    on_break: Callable[[str], None],
) -> OrderState:
    for delay in delays:
        on_break(f"{reason}; resuming after event {last}")
        await asyncio.sleep(delay * random.uniform(0.7, 1.3))
        try:
            return await engine.order(state.order_id)
        except CommandError as error:
            if not error.retryable:
                raise
            reason = str(error).rstrip(".")
    sentence = f"The stream was lost, but the order continues: {reason}."
    raise Unreachable(f"{sentence} Resume with `engine watch {state.order_id} --after {last}`.", sent=True)
