"""The frames of legacy clients: events with further fields, or in another form. No field of an event is invented.

A socket calls its `Frames` with the events so far, which may be none or come in pages (`more` follow), and then for
each later event.
"""

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Protocol

import orjson

from app.orders.events.publisher import EventMessage

Event = dict[str, Any]

MESSAGES = {
    "open": "Order waits for its condition",
    "pending": "Order queued",
    "routing": "Comparing the quotes of all venues",
    "building": "Building the swap on the best venue",
    "submitted": "Swap sent to the network",
    "confirmed": "Order executed",
    "failed": "Order failed",
    "cancelled": "Order cancelled",
    "expired": "Order expired",
    "completed": "All slices of the order have ended",
}
# A status that legacy clients do not know → the one they know
_OLDER = [
    (f'"status":"{status}"'.encode(), f'"status":"{known}"'.encode())
    for status, known in (("open", "pending"), ("expired", "failed"), ("completed", "confirmed"))
]
# field of an event → its name in `detail`
DETAIL_NAMES = {
    "dex": "chosenDex",
    "price": "bestPrice",
    "executedPrice": "executedPrice",
    "txHash": "txHash",
    "error": "reason",
}
_DECODER = json.JSONDecoder(parse_float=orjson.Fragment)  # a float would round a price
AT = b'"at":"'
EXECUTION = ("dex", "executedPrice", "amountOut", "txHash")


class Frames(Protocol):
    def __call__(self, messages: Iterable[EventMessage], more: bool = False) -> list[str]: ...


class ExecuteFrames:
    """For one socket: each event, with `ts` and `replay`, and with `execution` once it is confirmed."""

    __slots__ = ("_replay",)

    def __init__(self) -> None:
        self._replay = True

    def __call__(self, messages: Iterable[EventMessage], more: bool = False) -> list[str]:
        sent = [_execute_frame(message.body, self._replay) for message in messages]
        self._replay = more
        return sent


def status_frames() -> Frames:
    """For one socket: each event, with `type`, `message`, `timestamp` and `detail` besides."""
    return _with_fields(lambda body, replay: _status_fields(_event(body)) | _execute_fields(body, replay), older=True)


def history_then_updates() -> Frames:
    """For one socket: one frame with all events so far, then one frame for each later event.

    An order that has ended is a single frame of history, without updates.
    """
    history: list[str] | None = []  # None: it was sent

    def frames(messages: Iterable[EventMessage], more: bool = False) -> list[str]:
        nonlocal history
        bodies = [with_detail(message.body).decode() for message in messages]
        if history is None:
            return [f'{{"type":"update","data":{body}}}' for body in bodies]
        history += bodies
        if more:
            return []
        sent, history = f'{{"type":"history","data":[{",".join(history)}]}}', None
        return [sent]

    return frames


def with_detail(body: bytes) -> bytes:
    """An event with `timestamp` and `detail`."""
    return _append(_older(body), _detail_fields(_event(body)))


def venue_frames(messages: Iterable[EventMessage], more: bool = False) -> list[str]:
    """Each event with `venue` "Raydium" or "Meteora", and with prices and amounts as exact numbers."""
    return [orjson.dumps(_with_venue(_event(_older(message.body)))).decode() for message in messages]


def _older(body: bytes) -> bytes:
    """The event with a status that legacy clients know. It is not in any value, where quotes are escaped."""
    for status, known in _OLDER:
        body = body.replace(status, known)
    return body


def _with_fields(fields: Callable[[bytes, bool], Event], *, older: bool = False) -> Frames:
    replay = True

    def frames(messages: Iterable[EventMessage], more: bool = False) -> list[str]:
        nonlocal replay
        bodies = [_older(message.body) if older else message.body for message in messages]
        sent = [_append(body, fields(body, replay)).decode() for body in bodies]
        replay = more
        return sent

    return frames


def _event(body: bytes) -> Event:
    event: Event = _DECODER.decode(body.decode())
    return event


def _append(body: bytes, fields: Event) -> bytes:
    """The event itself is not written again: its bytes stay as they are."""
    return body[:-1] + b"," + orjson.dumps(fields)[1:]


@lru_cache(maxsize=64)  # for all sockets that follow the order
def _execute_frame(body: bytes, replay: bool) -> str:
    if b'"executedPrice":' in body:
        return _append(body, _execute_fields(body, replay)).decode()
    # Most events are not parsed. In JSON a quote within a text is escaped, and `at` comes before all texts of others.
    begins = body.index(AT) + len(AT)
    at = body[begins : body.index(b'"', begins)]
    return (body[:-1] + b',"ts":"%b","replay":%b}' % (at, b"true" if replay else b"false")).decode()


def _execute_fields(body: bytes, replay: bool) -> Event:
    event = _event(body)
    fields = {"ts": event["at"], "replay": replay}
    if "executedPrice" in event:
        fields["execution"] = {name: event[name] for name in EXECUTION}
    return fields


def _status_fields(event: Event) -> Event:
    return {"type": "status", "message": _message(event), **_detail_fields(event)}


def _detail_fields(event: Event) -> Event:
    detail = {"message": _message(event)}
    detail |= {name: event[field] for field, name in DETAIL_NAMES.items() if field in event}
    for quote in event.get("quotes", ()):
        if quote["won"]:
            detail["reason"] = quote["reason"]
    return {"timestamp": event["at"], "detail": detail}


def _message(event: Event) -> str:
    text: str = event.get("error") or MESSAGES[event["status"]]
    return text


_DECIMALS = ("amountOut", "minAmountOut")
_OMITTED = ("dex", "quotes", "route")


def _with_venue(event: Event) -> Event:
    frame = {name: value for name, value in event.items() if name not in _OMITTED}
    for name in _DECIMALS:
        if name in frame:
            frame[name] = orjson.Fragment(frame[name])
    if "executedPrice" in frame:
        frame["price"] = frame["executedPrice"]
    if "dex" in event:
        frame["venue"] = event["dex"].capitalize()
    return frame
