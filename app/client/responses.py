"""What comes over the wire becomes values here. Whatever a server says, it leaves this file safe to print."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.client import CommandError

CONFIRMED = "confirmed"
ENDED = frozenset({CONFIRMED, "failed", "cancelled"})
MAX_TEXT = 300  # characters of one server text that are worth showing


def printable(text: str, most: int = MAX_TEXT) -> str:
    """The text on one line, without anything a terminal would obey."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:most])
    return shown if len(text) <= most else f"{shown}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of an order's log, as a stream tells it."""

    seq: int
    status: str
    attempt: int
    at: datetime
    dex: str | None
    price: str | None  # quoted, or executed once confirmed
    amount_out: str | None
    others: tuple[str, ...]  # what every venue that did not win was told
    tx_hash: str | None
    error: str | None
    code: str | None
    retry_in_ms: int | None

    @staticmethod
    def read(frame: str | bytes) -> "Event":
        said = _object(frame)
        return Event(
            seq=_number(said, "seq"),
            status=_needed(said, "status"),
            attempt=_number(said, "attempt"),
            at=_moment(said, "at"),
            dex=_text(said, "dex"),
            price=_text(said, "executedPrice") or _text(said, "price"),
            amount_out=_text(said, "amountOut"),
            others=_losers(said.get("quotes")),
            tx_hash=_text(said, "txHash"),
            error=_text(said, "error"),
            code=_text(said, "code"),
            retry_in_ms=_number(said, "retryInMs") if said.get("retryInMs") is not None else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderState:
    """An order as the API answers it, with a fresh way to hear the rest."""

    order_id: str
    status: str
    ws_url: str
    created_at: datetime
    idempotent: bool = False
    starts_in_ms: int | None = None  # None: not known

    @staticmethod
    def read(body: str | bytes) -> "OrderState":
        said = _object(body)
        ws_url = said.get("wsUrl")
        if not isinstance(ws_url, str) or not ws_url.isprintable() or not ws_url.startswith(("ws://", "wss://")):
            raise not_ours("wsUrl")
        return OrderState(
            order_id=_needed(said, "orderId"),
            status=_needed(said, "status"),
            ws_url=ws_url,
            created_at=_moment(said, "createdAt"),
            idempotent=said.get("idempotent") is True,
            starts_in_ms=_number(said, "startsInMs") if said.get("startsInMs") is not None else None,
        )


@dataclass(frozen=True, slots=True)
class ProblemDocument:
    """RFC 9457, as one sentence."""

    sentence: str
    retryable: bool

    @staticmethod
    def read(body: bytes) -> "ProblemDocument | None":
        """None: it is no problem document."""
        try:
            said = _object(body)
            detail = _needed(said, "detail")
        except CommandError:
            return None
        errors = said.get("errors")
        points = [
            f"{(_text(error, 'pointer') or '').removeprefix('/')}: {_text(error, 'message') or '?'}"
            for error in (errors if isinstance(errors, list) else [])
            if isinstance(error, dict)
        ]
        sentence = f"{detail.rstrip('.')}: {'; '.join(points)}" if points else detail
        return ProblemDocument(f"{sentence.rstrip('.')}.", said.get("retryable") is True)


def not_ours(what: str) -> CommandError:
    return CommandError(f"What answers there does not speak as this engine does ({what} is missing or wrong).")


def _object(text: str | bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise not_ours("JSON") from None
    if not isinstance(said, dict):
        raise not_ours("JSON")
    return said


def _text(said: Mapping[str, Any], name: str) -> str | None:
    value = said.get(name)
    return printable(value) if isinstance(value, str) and value else None


def _needed(said: Mapping[str, Any], name: str) -> str:
    value = _text(said, name)
    if value is None:
        raise not_ours(name)
    return value


def _number(said: Mapping[str, Any], name: str) -> int:
    value = said.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**15:
        raise not_ours(name)
    return value


def _moment(said: Mapping[str, Any], name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(said.get(name)))
    except ValueError:
        raise not_ours(name) from None
    if moment.tzinfo is None:
        raise not_ours(name)
    return moment


def _losers(quotes: Any) -> tuple[str, ...]:
    return tuple(
        f"{_text(quote, 'venue') or '?'}: {(_text(quote, 'reason') or '?').rstrip('.')}"
        for quote in (quotes if isinstance(quotes, list) else [])
        if isinstance(quote, dict) and quote.get("won") is not True
    )
