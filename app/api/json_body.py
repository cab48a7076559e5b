"""Reads JSON bodies strictly, and keeps numbers as text: a float would round them."""

import json
from typing import Any

from starlette.requests import Request
from starlette.types import Receive

from app.access.headers import headers_of
from app.api.context import authenticate_again
from app.api.problems import Problem, body_too_large
from app.tasks import within

MAX_BODY = 8 * 1024
MAX_FIELDS = 50  # of one object: each unknown one costs an error
MAX_COMMAS = 2_500  # in a body: each value costs a microsecond, in which nobody else is served
BODY_SECONDS = 10.0  # for the whole body, so that a byte per second cannot hold a request open
MAX_INTEGER_DIGITS = 40  # a longer number is no valid amount, and slow to convert


class NumberText:
    """A JSON number with a fraction or an exponent, as its literal text."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def _integer(text: str) -> int | NumberText:
    return int(text) if len(text) <= MAX_INTEGER_DIGITS else NumberText(text)


class _NotStrict(ValueError):
    """Python would accept it; the message is a sentence for the client."""


def _constant(_: str) -> Any:
    raise _NotStrict("NaN and Infinity are not JSON numbers.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_FIELDS:
        raise _NotStrict(f"An object has more than {MAX_FIELDS} fields.")
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _NotStrict("An object has the same field twice.")
    return fields


# Made once: `json.loads` would make one for each body.
_DECODER = json.JSONDecoder(
    parse_float=NumberText, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_object
)

# The messages of the `json` module, for people.
_SYNTAX = {
    "Expecting value": "a value was expected",
    "Expecting property name enclosed in double quotes": "a field name in double quotes was expected",
    "Expecting ':' delimiter": "a colon was expected",
    "Expecting ',' delimiter": "a comma, or the end of the list or object, was expected",
    "Extra data": "nothing more was expected after the object",
    "Unterminated string starting at": "a string has no end",
    "Invalid control character at": "a string contains a control character, which must be escaped",
    "Invalid \\escape": "a string contains an invalid escape",
    "Invalid \\uXXXX escape": "a string contains an invalid escape",
}


def parse(body: bytes) -> dict[str, Any]:
    """The object in a body. Raises a `Problem` that says what is wrong and where, and does not repeat values."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise malformed("It is not UTF-8.") from None
    if text.startswith("\ufeff"):
        raise malformed("It is not valid JSON: line 1, column 1: it starts with a byte order mark.")
    if text.count(",") > MAX_COMMAS:
        raise malformed(f"It has too many values: more than {MAX_COMMAS} commas.")
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise malformed("It is nested too deeply.") from None
    except json.JSONDecodeError as error:
        if not text.strip():
            raise malformed("It is empty.") from None
        what = _SYNTAX.get(error.msg, "the syntax is wrong")
        raise malformed(f"It is not valid JSON: line {error.lineno}, column {error.colno}: {what}.") from None
    except _NotStrict as error:
        raise malformed(str(error)) from None
    if not isinstance(value, dict):
        raise malformed("It is not a JSON object, { … }.")
    return value


async def read_object(request: Request, most: int = MAX_BODY) -> dict[str, Any]:
    """The object in the body, which may have this many bytes."""
    headers = headers_of(request.scope)
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind != b"application/json" and not kind.endswith(b"+json"):
        raise Problem(415, "not_json", "The body must be JSON: send `Content-Type: application/json`.")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Problem(415, "not_json", "The body must not be compressed: send it without `Content-Encoding`.")
    if int(headers.get(b"content-length", 0)) > most:  # then nothing is read
        raise body_too_large(most)
    try:
        body = await within(BODY_SECONDS, _read_body(request.receive, most))
    except TimeoutError:
        detail = f"The body took too long to arrive. Send it within {BODY_SECONDS:g} seconds."
        raise Problem(408, "too_slow", detail, retryable=True, headers={"Connection": "close"}) from None
    await authenticate_again(request)
    return parse(body)


async def _read_body(receive: Receive, most: int) -> bytes:
    body = bytearray()
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if len(body) > most:
            raise body_too_large(most)
        if not message.get("more_body"):
            return bytes(body)
    raise malformed("It ended before it was complete.")


def malformed(why: str) -> Problem:
    return Problem(400, "malformed_body", f"The body cannot be read. {why}")
