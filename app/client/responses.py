"""Parses what the server sends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Context, InvalidOperation
from typing import Any

from app.client import CommandError
from app.client.fields import (
    invalid_response,
    json_object,
    number_in,
    price_in,
    required_text,
    rows_in,
    text_in,
    timestamp_in,
)

CONFIRMED = "confirmed"
FILLED = frozenset({CONFIRMED, "completed"})  # the second: an order in slices
FINAL = FILLED | {"failed", "expired", "cancelled"}


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
    frame: str | bytes = field(default="", repr=False, compare=False)  # as it was sent

    @staticmethod
    def parse(frame: str | bytes) -> "Event":
        return Event.of(json_object(frame), frame)

    @staticmethod
    def of(data: Mapping[str, Any], frame: str | bytes = "") -> "Event":
        return Event(
            seq=number_in(data, "seq"),
            status=required_text(data, "status"),
            attempt=number_in(data, "attempt"),
            at=timestamp_in(data, "at"),
            dex=text_in(data, "dex"),
            price=price_in(data, "executedPrice") or price_in(data, "price"),
            amount_out=text_in(data, "amountOut"),
            losing_quotes=_losing_quotes(data.get("quotes")),
            tx_hash=text_in(data, "txHash"),
            error=text_in(data, "error") or text_in(data, "why"),
            code=text_in(data, "code"),
            retry_in_ms=number_in(data, "retryInMs") if data.get("retryInMs") is not None else None,
            fired_at=_fired_at(data),
            frame=frame,
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
        return OrderState.of(json_object(body))

    @staticmethod
    def of(data: Mapping[str, Any]) -> "OrderState":
        ws_url = data.get("wsUrl")
        if not isinstance(ws_url, str) or not ws_url.isprintable() or not ws_url.startswith(("ws://", "wss://")):
            raise invalid_response("wsUrl")
        return OrderState(
            order_id=required_text(data, "orderId"),
            status=required_text(data, "status"),
            ws_url=ws_url,
            created_at=timestamp_in(data, "createdAt"),
            idempotent=data.get("idempotent") is True,
            starts_in_ms=number_in(data, "startsInMs") if data.get("startsInMs") is not None else None,
            waits=waits_for(data),
        )


@dataclass(frozen=True, slots=True)
class GroupState:
    """Orders of which one is filled, as the API returns them when they are placed."""

    group_id: str
    orders: Sequence[OrderState]
    idempotent: bool

    @staticmethod
    def of(data: Mapping[str, Any]) -> "GroupState":
        orders = [OrderState.of(row) for row in rows_in(data, "orders")]
        return GroupState(required_text(data, "groupId"), orders, data.get("idempotent") is True)


def _fired_at(data: Mapping[str, Any]) -> str | None:
    """An amendment has a trigger too."""
    trigger = data.get("trigger")
    return price_in(trigger, "price") if data.get("status") == "pending" and isinstance(trigger, dict) else None


def waits_for(data: Mapping[str, Any]) -> str | None:
    """The price that an order waits for, and how far away it is; the launch; or the slices. None: nothing."""
    trigger, schedule = data.get("trigger"), data.get("schedule")
    if data.get("status") == "open" and isinstance(schedule, dict):
        return f"{number_in(schedule, 'slices')} slices, {number_in(schedule, 'everySeconds')} s apart"
    if data.get("status") != "open" or not isinstance(trigger, dict):
        return None
    worst = price_in(data, "limitPrice")
    if event := text_in(trigger, "event"):
        where, depth = text_in(trigger, "venue"), price_in(trigger, "minDepthUsd")
        pool = f"{f' on {where}' if where else ''}{f' with {depth} USD' if depth else ''}"
        launch = "the launch of" if event == "pool_created" else "liquidity of"
        return f"{launch} {text_in(trigger, 'mint') or '?'}{pool}{f' (worst {worst})' if worst else ''}"
    if trigger.get("trailBps") is not None:
        words = [f"{number_in(trigger, 'trailBps') / 100:g} % below", _trailed(trigger)]
    else:
        words = [text_in(trigger, "when") or "at", price_in(trigger, "price") or "?"]
    if worst and worst != words[1]:
        words.append(f"(worst {worst})")
    away = trigger.get("distanceBps") is not None
    return " ".join(words) + (f", {number_in(trigger, 'distanceBps') / 100:g} % away" if away else "")


def _trailed(trigger: Mapping[str, Any]) -> str:
    """The highest price that a trailing stop has seen, and its level; before, from which price on it follows."""
    if extreme := price_in(trigger, "extreme"):
        return f"{_rounded(extreme)}: {_rounded(price_in(trigger, 'level') or '?')}"
    start = price_in(trigger, "activationPrice")
    return f"the highest from {start} on" if start else "the highest"


def _rounded(price: str) -> str:
    """A price that nobody chose has up to 18 decimals."""
    try:
        return f"{Context(prec=8).create_decimal(price).normalize():f}"
    except InvalidOperation:
        return price


@dataclass(frozen=True, slots=True)
class ProblemDocument:
    """An RFC 9457 problem, as one sentence."""

    sentence: str
    retryable: bool
    code: str | None = None

    @staticmethod
    def parse(body: bytes) -> "ProblemDocument | None":
        """None if the body is not a problem document."""
        try:
            data = json_object(body)
            detail = required_text(data, "detail")
        except CommandError:
            return None
        errors = data.get("errors")
        details = [
            f"{(text_in(error, 'pointer') or '').removeprefix('/')}: {text_in(error, 'message') or '?'}"
            for error in (errors if isinstance(errors, list) else [])
            if isinstance(error, dict) and error.get("message") != detail
        ]
        sentence = f"{detail.rstrip('.')}: {'; '.join(details)}" if details else detail
        ended = sentence if sentence.endswith("?") else f"{sentence.rstrip('.')}."
        return ProblemDocument(ended, data.get("retryable") is True, text_in(data, "code"))


def _losing_quotes(quotes: Any) -> tuple[str, ...]:
    return tuple(
        f"{text_in(quote, 'venue') or '?'}: {(text_in(quote, 'reason') or '?').rstrip('.')}"
        for quote in (quotes if isinstance(quotes, list) else [])
        if isinstance(quote, dict) and quote.get("won") is not True
    )
