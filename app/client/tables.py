"""The tables of the commands that list something: which answer of the API, and its columns."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.client.fields import price_in, printable, required_text, text_in, time_in
from app.client.responses import waits_for

Row = Mapping[str, Any]
Column = Callable[[Row], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    path: str
    rows: str  # the field of the answer that holds them
    columns: Mapping[str, Column]
    empty: str  # printed if there are none
    paged: bool = True  # the API gives so many at once
    compared: Callable[[Sequence[Row]], Sequence[Row]] = lambda rows: rows  # what one row says of another

    def lines(self, rows: Sequence[Row]) -> list[str]:
        """A heading and a line for each row; a column in which no row has anything is left out."""
        cells = [[column(row) or "" for column in self.columns.values()] for row in self.compared(rows)]
        columns = [(heading, *texts) for heading, *texts in zip(self.columns, *cells, strict=True) if any(texts)]
        widths = [max(map(len, column)) for column in columns]
        return [
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
            for line in zip(*columns, strict=True)
        ]


def text(name: str) -> Column:
    return lambda row: text_in(row, name)


def number(name: str) -> Column:
    return lambda row: price_in(row, name)


def time(name: str) -> Column:
    return lambda row: time_in(row, name)


def swap(row: Row) -> str:
    return f"{price_in(row, 'amount') or '?'} {required_text(row, 'tokenIn')} → {required_text(row, 'tokenOut')}"


def price(row: Row) -> str | None:
    """Of an order in slices the average."""
    return price_in(row, "executedPrice") or price_in(row, "avgPrice")


def received(row: Row) -> str | None:
    """Of an order in slices what all have brought."""
    return price_in(row, "amountOut") or price_in(row, "filledOut")


def _slices(row: Row) -> str | None:
    slices = row.get("slices")
    if not isinstance(slices, dict):
        return None
    others = [f", {price_in(slices, name)} {name}" for name in ("failed", "skipped") if slices.get(name)]
    return f"{price_in(slices, 'filled')} of {price_in(slices, 'total')} filled{''.join(others)}"


def _after_entries(rows: Sequence[Row]) -> Sequence[Row]:
    """The exits of a group whose entry is open wait for that first: how far the price is says nothing yet."""
    entries = {row["groupId"] for row in rows if row.get("groupId") and row.get("orderType") == "limit"}
    return [
        {**row, "trigger": {**row["trigger"], "distanceBps": None}, "afterEntry": True}
        if row.get("groupId") in entries and row.get("orderType") != "limit" and isinstance(row.get("trigger"), dict)
        else row
        for row in rows
    ]


def _waits(row: Row) -> str | None:
    return f"its entry, then {waits_for(row)}" if row.get("afterEntry") else waits_for(row)


def _original_swap(row: Row) -> str | None:
    original = row.get("originalOrder")
    return swap(original) if isinstance(original, dict) else None


def _details(row: Row) -> str | None:
    details = row.get("details")
    return printable(json.dumps(details, separators=(",", ":"))) if details else None


ORDER: Column = partial(required_text, name="orderId")
ORDERS = Table(
    path="/api/orders",
    rows="orders",
    columns={
        "ORDER": ORDER,
        "PLACED (UTC)": time("createdAt"),
        "STATUS": text("status"),
        "TYPE": text("orderType"),
        "SWAP": swap,
        "VENUE": text("dex"),
        "PRICE": price,
        "RECEIVED": received,
        "ERROR": text("code"),
    },
    empty="There are no such orders.",
)
OPEN = Table(
    path="/api/orders",
    rows="orders",
    columns={
        "ORDER": ORDER,
        "SWAP": swap,
        "TYPE": text("orderType"),
        "WAITS FOR": _waits,
        "UNTIL (UTC)": time("expiresAt"),
    },
    compared=_after_entries,
    empty="There are no open orders.",
)
DEAD_LETTERS = Table(
    path="/api/dlq/failed-orders",
    rows="failedOrders",
    columns={
        "ORDER": ORDER,
        "FAILED (UTC)": time("failedAt"),
        "OWNER": text("owner"),
        "SWAP": _original_swap,
        "ATTEMPTS": number("attemptsMade"),
        "REASON": text("failureReason"),
        "ERROR": text("lastError"),
    },
    empty="There are no dead letters.",
)
AUDIT = Table(
    path="/api/audit",
    rows="entries",
    columns={
        "AT (UTC)": time("at"),
        "ACTION": text("action"),
        "OUTCOME": text("outcome"),
        "OWNER": text("owner"),
        "KEY": text("keyPrefix"),
        "ADDRESS": text("address"),
        "DETAILS": _details,
    },
    empty="There are no such entries.",
)

WEBHOOKS = Table(
    path="/api/webhooks",
    rows="webhooks",
    columns={
        "WEBHOOK": partial(required_text, name="id"),
        "URL": text("url"),
        "STATE": lambda row: "on" if row.get("enabled") is True else f"off: {text_in(row, 'disabledWhy') or '?'}",
        "DELIVERED (UTC)": time("lastDeliveredAt"),
        "WAITING": number("waiting"),
        "FAILED": number("failed"),
        "ERROR": text("lastError"),
    },
    empty="There are no webhooks.",
    paged=False,
)

# What `engine show` says of an order, above its events.
FACTS: Mapping[str, Column] = {
    "order": ORDER,
    "status": text("status"),
    "type": text("orderType"),
    "swap": swap,
    "placed": time("createdAt"),
    "waits": waits_for,
    "until": time("expiresAt"),
    "limit": number("limitPrice"),
    "group": text("groupId"),
    "slice of": text("parentId"),
    "retry of": text("retryOf"),
    "seq": number("seq"),
    "venue": text("dex"),
    "slices": _slices,
    "price": price,
    "received": received,
    "tx": text("txHash"),
    "error": text("error"),
}
