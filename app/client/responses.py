"""Parses what the server sends. Every text is made safe to print here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, InvalidOperation
from typing import Any

from app.client import CommandError

CONFIRMED = "confirmed"
FINAL = frozenset({CONFIRMED, "completed", "failed", "expired", "cancelled"})
MAX_TEXT = 300  # characters shown of one text from the server


def printable(text: str, max_length: int = MAX_TEXT) -> str:
    """The text on one line, with control characters escaped."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:max_length])
    return shown if len(text) <= max_length else f"{shown}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of an order's log, as the stream sends it."""

    seq: int  # 1, 2, 3 … within the order
    status: str
    attempt: int
    at: datetime
    dex: str | None  # the venue chosen
    price: str | None  # quoted; executed once confirmed
    amount_out: str | None
    losing_quotes: tuple[str, ...]  # "venue: reason" for each venue that did not win
    tx_hash: str | None
    error: str | None
    code: str | None
    retry_in_ms: int | None  # 0: at once; None: no retry
    fired_at: str | None = None  # the price that an order had waited for

    @staticmethod
    def parse(frame: str | bytes) -> "Event":
        data = _object(frame)
        return Event(
            seq=_number(data, "seq"),
            status=_required_text(data, "status"),
            attempt=_number(data, "attempt"),
            at=_timestamp(data, "at"),
            dex=_text(data, "dex"),
            price=_price(data, "executedPrice") or _price(data, "price"),
            amount_out=_text(data, "amountOut"),
            losing_quotes=_losing_quotes(data.get("quotes")),
            tx_hash=_text(data, "txHash"),
            error=_text(data, "error") or _text(data, "why"),
            code=_text(data, "code"),
            retry_in_ms=_number(data, "retryInMs") if data.get("retryInMs") is not None else None,
            fired_at=_price(data["trigger"], "price") if isinstance(data.get("trigger"), dict) else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """An order as the API returns it."""

    order_id: str
    status: str
    ws_url: str  # its event stream; may hold a ticket that expires
    created_at: datetime
    idempotent: bool = False  # this idempotency key had already placed it
    starts_in_ms: int | None = None  # None: not known
    waits: str | None = None  # for which price, and how far that is; or for which launch

    @staticmethod
    def parse(body: str | bytes) -> "OrderState":
        data = _object(body)
        ws_url = data.get("wsUrl")
        if not isinstance(ws_url, str) or not ws_url.isprintable() or not ws_url.startswith(("ws://", "wss://")):
            raise invalid_response("wsUrl")
        return OrderState(
            order_id=_required_text(data, "orderId"),
            status=_required_text(data, "status"),
            ws_url=ws_url,
            created_at=_timestamp(data, "createdAt"),
            idempotent=data.get("idempotent") is True,
            starts_in_ms=_number(data, "startsInMs") if data.get("startsInMs") is not None else None,
            waits=waits_for(data),
        )


def status_of(body: str | bytes) -> str:
    return _required_text(_object(body), "status")


def cancels_at(body: bytes) -> str | None:
    """When the dead man's switch fires."""
    return _text(_object(body), "cancelsAt")


def waits_for(data: Mapping[str, Any]) -> str | None:
    """The price that an order waits for, and how far away it is, or the launch; None: it waits for neither."""
    trigger = data.get("trigger")
    if data.get("status") != "open" or not isinstance(trigger, dict):
        return None
    worst = _price(data, "limitPrice")
    if event := _text(trigger, "event"):
        where, depth = _text(trigger, "venue"), _price(trigger, "minDepthUsd")
        pool = f"{f' on {where}' if where else ''}{f' with {depth} USD' if depth else ''}"
        return f"{event} {_text(trigger, 'mint') or '?'}{pool}{f' (worst {worst})' if worst else ''}"
    if trigger.get("trailBps") is not None:
        words = [f"{_number(trigger, 'trailBps') / 100:g} % below", _trailed(trigger)]
    else:
        words = [_text(trigger, "when") or "at", _price(trigger, "price") or "?"]
    if worst and worst != words[1]:
        words.append(f"(worst {worst})")
    if trigger.get("distanceBps") is not None:
        words.append(f"{_number(trigger, 'distanceBps') / 100:g} % away")
    return " ".join(words)


def _trailed(trigger: Mapping[str, Any]) -> str:
    """The highest price that a trailing stop has seen, and its level; before, from which price on it follows."""
    if extreme := _price(trigger, "extreme"):
        return f"{_rounded(extreme)}: {_rounded(_price(trigger, 'level') or '?')}"
    start = _price(trigger, "activationPrice")
    return f"the highest from {start} on" if start else "the highest"


def _rounded(price: str) -> str:
    """A price that nobody chose has up to 18 decimals."""
    try:
        return f"{Context(prec=8).create_decimal(price).normalize():f}"
    except InvalidOperation:
        return price


@dataclass(frozen=True, slots=True)
class OpenOrders:
    """A page of the orders that wait, one line each."""

    lines: Sequence[str]
    next_cursor: str | None

    @staticmethod
    def parse(body: str | bytes) -> "OpenOrders":
        data = _object(body)
        rows = data.get("orders")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise invalid_response("orders")
        return OpenOrders([_open_order(row) for row in rows], _text(data, "nextCursor"))


def _open_order(row: Mapping[str, Any]) -> str:
    swap = f"{_required_text(row, 'amount')} {_required_text(row, 'tokenIn')} → {_required_text(row, 'tokenOut')}"
    expires = _text(row, "expiresAt")
    until = f"until {expires}" if expires else None
    words = (_required_text(row, "orderId"), swap, _required_text(row, "orderType"), waits_for(row), until)
    return "  ".join(word for word in words if word)


@dataclass(frozen=True, slots=True)
class ProblemDocument:
    """An RFC 9457 problem, as one sentence."""

    sentence: str
    retryable: bool

    @staticmethod
    def parse(body: bytes) -> "ProblemDocument | None":
        """None if the body is not a problem document."""
        try:
            data = _object(body)
            detail = _required_text(data, "detail")
        except CommandError:
            return None
        errors = data.get("errors")
        details = [
            f"{(_text(error, 'pointer') or '').removeprefix('/')}: {_text(error, 'message') or '?'}"
            for error in (errors if isinstance(errors, list) else [])
            if isinstance(error, dict)
        ]
        sentence = f"{detail.rstrip('.')}: {'; '.join(details)}" if details else detail
        ended = sentence if sentence.endswith("?") else f"{sentence.rstrip('.')}."
        return ProblemDocument(ended, data.get("retryable") is True)


def invalid_response(field: str) -> CommandError:
    return CommandError(f"The server does not answer like this engine ({field} is missing or invalid).")


def _object(text: str | bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(text, parse_float=str)  # a price keeps its digits
    except (ValueError, RecursionError):
        raise invalid_response("JSON") from None
    if not isinstance(data, dict):
        raise invalid_response("JSON")
    return data


def _text(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    return printable(value) if isinstance(value, str) and value else None


def _price(data: Mapping[str, Any], name: str) -> str | None:
    """From a JSON number, whole or not, or from a string, as older engines send it."""
    value = data.get(name)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(data, name)


def _required_text(data: Mapping[str, Any], name: str) -> str:
    value = _text(data, name)
    if value is None:
        raise invalid_response(name)
    return value


def _number(data: Mapping[str, Any], name: str) -> int:
    value = data.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**15:
        raise invalid_response(name)
    return value


def _timestamp(data: Mapping[str, Any], name: str) -> datetime:
    try:
        timestamp = datetime.fromisoformat(str(data.get(name)))
    except ValueError:
        raise invalid_response(name) from None
    if timestamp.tzinfo is None:
        raise invalid_response(name)
    return timestamp


def _losing_quotes(quotes: Any) -> tuple[str, ...]:
    return tuple(
        f"{_text(quote, 'venue') or '?'}: {(_text(quote, 'reason') or '?').rstrip('.')}"
        for quote in (quotes if isinstance(quotes, list) else [])
        if isinstance(quote, dict) and quote.get("won") is not True
    )
