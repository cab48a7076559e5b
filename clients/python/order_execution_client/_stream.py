"""Following orders over the engine's stream. No I/O: both clients send and receive for it."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException

from order_execution_client._calls import Patience, as_id, authorization, is_loopback
from order_execution_client.answers import Event, Order, parse, read
from order_execution_client.errors import EngineError, EventsLost, Unreachable, refusal

IDS_IN_A_FRAME = 40  # the engine takes 4 KiB, and `after` names each order again
STABLE_SECONDS = 10.0  # a connection that lasted this long was a good one
# Close codes that no repetition mends → the status of the same refusal over HTTP.
REFUSALS = {1009: 413, 4400: 400, 4401: 401, 4404: 404}
RESTORED = "after=0"  # in the reason of a 1013: the engine no longer has events which it sent


class Broken(Exception):
    """The connection cannot be used any more; a new one continues after the last event."""


BREAKS = (OSError, WebSocketException, Broken)  # what opening, reading and writing may raise


class Follow:
    """Which events were received of which order: each is passed on once, in the order of its log."""

    def __init__(self, order_ids: tuple[str, ...], after: Mapping[str, int]) -> None:
        self._last = {as_id(order, "an order"): 0 for order in order_ids}  # of each order that has not ended
        self.resumed = [as_id(order, "an order") for order, seq in after.items() if seq > 0]
        for order, seq in after.items():
            self._last[as_id(order, "an order")] = seq

    @property
    def done(self) -> bool:
        return not self._last

    def drop_if_ended(self, order: Order) -> None:
        """The stream would send nothing of an order of which the caller has all events."""
        if order.final and order.seq <= self._last[order.order_id]:
            del self._last[order.order_id]

    def subscriptions(self) -> Iterator[str]:
        orders = list(self._last)
        for first in range(0, len(orders), IDS_IN_A_FRAME):
            some = orders[first : first + IDS_IN_A_FRAME]
            after = {order: self._last[order] for order in some if self._last[order]}
            yield json.dumps({"op": "subscribe", "orders": some, "after": after}, separators=(",", ":"))

    def receive(self, frame: str | bytes) -> Event | None:
        data = parse(frame)
        kind = data.get("type") if isinstance(data, dict) else None
        if kind == "error":
            raise _refused(data)
        if kind == "ended":  # no event of it comes
            self._last.pop(str(data.get("orderId")), None)
        if kind != "event":
            return None
        event = read(Event, {name: value for name, value in data.items() if name != "type"})
        last = self._last.get(event.order_id)
        if last is None or event.seq <= last:
            return None
        if event.seq != last + 1:
            raise Broken("an event is missing")
        self._last[event.order_id] = event.seq
        if event.final:
            del self._last[event.order_id]
        return event


def _refused(data: Mapping[str, Any]) -> Exception:
    """Of a subscription."""
    code = data.get("code")
    if code == "unknown_order":
        detail = f"There is no order {data.get('orderId')}, or it belongs to another owner."
        return refusal(404, {"code": code, "detail": detail})
    if code == "bad_request":
        return refusal(400, data)
    return Broken(str(data.get("detail")))


class Breaks:
    """What follows when a connection broke: a pause and a new one, or the end."""

    def __init__(self, patience: float, engine: str) -> None:
        self._engine = engine
        self._patience = Patience(patience)
        self._opened: float | None = None

    def opened(self) -> None:
        self._opened = time.monotonic()

    def received(self) -> None:
        """An event."""
        self._patience.renew()

    def pause(self, error: Exception) -> float:
        """Seconds until the next connection. Raises what a new connection would not mend."""
        if self._opened is not None and time.monotonic() - self._opened > STABLE_SECONDS:
            self._patience.renew()
        self._opened = None
        if isinstance(error, ConnectionClosed) and error.rcvd is not None:
            _raise_if_final(error.rcvd.code, error.rcvd.reason)
        if isinstance(error, InvalidURI):
            raise EngineError(f"{self._engine} is not a valid address.") from error
        if isinstance(error, InvalidStatus):
            status = error.response.status_code
            if status < 500 and status != 429:
                raise refusal(status, _problem(error.response.body))
        lost = Unreachable(f"The stream of the engine at {self._engine} was lost: {error}.")
        lost.__cause__ = error
        return self._patience.pause(lost)


def _raise_if_final(code: int, reason: str) -> None:
    if code == 1013 and RESTORED in reason:
        raise EventsLost(f"The stream was closed: {reason}.")
    if code in REFUSALS:
        raise refusal(REFUSALS[code], {"code": f"closed_{code}", "detail": reason or f"closed with {code}"})


def _problem(body: bytes | bytearray | None) -> Any:
    try:
        return parse(bytes(body or b""))
    except EngineError:
        return None


def socket_options(base_url: str, api_key: str | None) -> dict[str, Any]:
    """Of either `connect` of websockets."""
    return {
        "uri": f"ws{base_url.removeprefix('http')}/api/stream",
        "additional_headers": authorization(api_key),
        "proxy": None if is_loopback(base_url) else True,
        "open_timeout": 10,
        "close_timeout": 1,
    }
