"""Following an order to its end over its socket, across broken connections."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus, InvalidURI, WebSocketException

from app.client import CommandError
from app.client.engine import Engine, loopback, unknown
from app.client.responses import ENDED, Event, OrderState, printable

RESUME_AFTER = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # seconds, jittered; then the stream is given up
STEADY = 10.0  # a connection that held this long was a good one
DONE, BAD_REQUEST, NOT_ALLOWED, UNKNOWN = 1000, 4400, 4401, 4404


class _Broken(Exception):
    """The stream stopped before the order ended."""


async def follow(
    engine: Engine,
    standing: OrderState,
    *,
    after: int = 0,
    hear: Callable[[Event], None],
    broke: Callable[[str], None] = lambda _: None,
) -> str:
    """Every event after number `after`, once and in order; the answer is how the order ended.

    `broke` is told, in words, of each break. What is missed meanwhile is told first when the stream is back.
    """
    clock = asyncio.get_running_loop().time
    last, heard, status = after, 0, standing.status
    pauses = iter(RESUME_AFTER)

    def one(event: Event) -> None:
        nonlocal last, heard, status, pauses
        if event.seq <= heard:
            return
        last = heard = event.seq
        status, pauses = event.status, iter(RESUME_AFTER)
        hear(event)

    while True:
        opened = clock()
        try:
            async with aclosing(_listen(engine, standing, last)) as events:
                async for event in events:
                    one(event)
            if status in ENDED and heard:
                return status
            # A finished log has nothing after `after`: its end has to be asked for.
            standing = await engine.order(standing.order_id)
            if standing.status in ENDED:
                return standing.status
            reason = "the stream was closed before the order ended"
        except _Broken as broken:
            reason = str(broken)
        except CommandError as complaint:
            if not complaint.passing:
                raise
            reason = str(complaint).rstrip(".")
        if clock() - opened > STEADY:
            pauses = iter(RESUME_AFTER)
        # Another way in: the old address may have held a ticket that has run out.
        standing = await _come_back(engine, standing, pauses, reason, last, broke)


async def _listen(engine: Engine, standing: OrderState, after: int) -> AsyncGenerator[Event, None]:
    """Until the engine says that it is done. What goes wrong in the listener is not taken for a broken stream."""
    url = f"{standing.ws_url}{'&' if '?' in standing.ws_url else '?'}after={after}"
    try:
        async with connect(url, proxy=None if loopback(url) else True, open_timeout=10, close_timeout=1) as socket:
            async for frame in socket:
                yield Event.read(frame)
            code = socket.close_code
    except ConnectionClosedError as error:
        code, said = (error.rcvd.code, printable(error.rcvd.reason)) if error.rcvd else (None, "")
        if code == UNKNOWN:
            raise unknown(standing.order_id, engine.name) from None
        if code in (NOT_ALLOWED, BAD_REQUEST):
            raise CommandError(f"The stream was refused: {said.rstrip('.') or code}.") from None
        raise _Broken("the stream broke" + (f" ({said.rstrip('.')})" if said else "")) from None
    except InvalidStatus as error:
        status = error.response.status_code
        if status < 500 and status != 429:
            raise CommandError(f"The stream was refused: {engine.name} answered {status}.") from None
        raise _Broken(f"the stream was answered with {status}") from None
    except (InvalidURI, ValueError):
        raise CommandError(f"The engine gave an address that cannot be opened: {printable(standing.ws_url)}") from None
    except (OSError, WebSocketException):
        raise _Broken(f"no stream can be opened at {printable(standing.ws_url.partition('?')[0])}") from None
    if code != DONE:
        raise _Broken("the engine is going away")


async def _come_back(
    engine: Engine,
    standing: OrderState,
    pauses: Iterator[float],
    reason: str,
    last: int,
    broke: Callable[[str], None],
) -> OrderState:
    for pause in pauses:
        broke(f"{reason}; going on after event {last}")
        await asyncio.sleep(pause * random.uniform(0.7, 1.3))
        try:
            return await engine.order(standing.order_id)
        except CommandError as complaint:
            if not complaint.passing:
                raise
            reason = str(complaint).rstrip(".")
    raise CommandError(
        f"The stream was lost, although the order goes on: {reason}. "
        f"Hear the rest with `engine watch {standing.order_id} --after {last}`."
    )
