"""Reads fields of what the server sends. Every text is made safe to print here."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from app.client import Unreadable

MAX_TEXT = 300  # characters shown of one text from the server


def printable(text: str, max_length: int = MAX_TEXT) -> str:
    """The text on one line, with control characters escaped."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:max_length])
    return shown if len(text) <= max_length else f"{shown}…"


def invalid_response(field: str) -> Unreadable:
    return Unreadable(f"The server does not answer like this engine ({field} is missing or invalid).")


def json_object(text: str | bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(text, parse_float=str)  # a price keeps its digits
    except (ValueError, RecursionError):
        raise invalid_response("JSON") from None
    if not isinstance(data, dict):
        raise invalid_response("JSON")
    return data


def plain_json(text: str | bytes) -> str:
    """The JSON as it was sent, with all digits of its numbers, on one line. No character of it controls a terminal."""
    json_object(text)  # is JSON: only in strings may be other characters than these
    sent = (text if isinstance(text, str) else text.decode(errors="replace")).strip()
    return re.sub(r"[^ -~]", _escaped, re.sub(r"[\t\r\n]", " ", sent))


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[n]:02x}{units[n + 1]:02x}" for n in range(0, len(units), 2))


def text_in(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    return printable(value) if isinstance(value, str) and value else None


def price_in(data: Mapping[str, Any], name: str) -> str | None:
    """From a JSON number, whole or not, or from a string, as older engines send it."""
    value = data.get(name)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else text_in(data, name)


def required_text(data: Mapping[str, Any], name: str) -> str:
    value = text_in(data, name)
    if value is None:
        raise invalid_response(name)
    return value


def number_in(data: Mapping[str, Any], name: str) -> int:
    value = data.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**15:
        raise invalid_response(name)
    return value


def timestamp_in(data: Mapping[str, Any], name: str) -> datetime:
    try:
        timestamp = datetime.fromisoformat(str(data.get(name)))
        if timestamp.tzinfo is not None:
            return timestamp.astimezone(UTC)
    except (ValueError, OverflowError):  # the second: in UTC it has no year of four digits
        pass
    raise invalid_response(name)


def time_in(data: Mapping[str, Any], name: str) -> str | None:
    """To the second, in UTC."""
    return f"{timestamp_in(data, name):%Y-%m-%d %H:%M:%S}" if data.get(name) is not None else None


def rows_in(data: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    rows = data.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise invalid_response(name)
    return rows
