"""Reading JSON bodies: strictly, and numbers as they were written. A float would round them."""

import asyncio
import json
from typing import Any

from starlette.requests import ClientDisconnect, Request

from app.api.problems import Problem, body_too_large

MAX_BODY = 64 * 1024
BODY_SECONDS = 10.0  # for all of it: a byte a second must not hold anything for long
MAX_INTEGER_DIGITS = 40  # digits; more is no amount, and costs time to convert


class NumberText:
    """A JSON number with a fraction or an exponent, word for word."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def _integer(text: str) -> int | NumberText:
    return int(text) if len(text) <= MAX_INTEGER_DIGITS else NumberText(text)


def _constant(_: str) -> Any:
    raise ValueError("not a JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field stands twice")
    return fields


def parse(body: bytes) -> dict[str, Any]:
    """The one object a body holds; a `Problem` says what is wrong with it, without repeating it."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise malformed("It is not UTF-8.") from None
    try:
        value = json.loads(
            text,
            parse_float=NumberText,
            parse_int=_integer,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise malformed("It is nested too deeply.") from None
    except ValueError:
        raise malformed("It is not JSON, or a field stands twice in it.") from None
    if not isinstance(value, dict):
        raise malformed("It is not an object.")
    return value


async def read_object(request: Request) -> dict[str, Any]:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise Problem(415, "not_json", "The body must be application/json.")
    return parse(await _all_of(request))


async def _all_of(request: Request) -> bytes:
    """The body, if it is not too large; one that says it is, is not read."""
    if int(request.headers.get("content-length", 0)) > MAX_BODY:
        raise body_too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise body_too_large()
    except TimeoutError:
        detail = "The body took too long to arrive."
        raise Problem(408, "too_slow", detail, retryable=True, headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise malformed("It ended too soon.") from None
    return bytes(body)


def malformed(why: str) -> Problem:
    return Problem(400, "malformed_body", f"The body cannot be read. {why}")
