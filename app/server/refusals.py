"""Answers to requests that never reach the app."""

import secrets

import orjson
from websockets.datastructures import Headers
from websockets.http11 import Response

from app.api.problems import Problem

INVALID = Problem(400, "bad_request", "This is not a valid HTTP request.")
NO_TUNNEL = Problem(400, "bad_request", "CONNECT is not supported: this is not a proxy.")
TWO_HOSTS = Problem(400, "bad_request", "A request has one `Host`.")
AHEAD = Problem(400, "bad_request", "Too much was sent ahead of the answers. Wait for them.", retryable=True)
TARGET_TOO_LONG = Problem(414, "bad_request", "A path with its query may have 2 KiB.")
TOO_LARGE = Problem(431, "headers_too_large", "A request may have 100 headers, and 32 KiB besides its body.")
NOT_CHUNKED = Problem(501, "bad_request", "The only `Transfer-Encoding` that is supported is `chunked`.")
FULL = Problem(
    503,
    "too_many_connections",
    "All connections of the engine are in use. Try again in a moment.",
    retryable=True,
    headers={"Retry-After": "2"},
)
NOT_HTTP_1 = Problem(505, "bad_request", "Only HTTP/1.1 and HTTP/1.0 are supported.")


def refusal(problem: Problem) -> Response:
    """A whole HTTP response."""
    document = problem.as_dict(secrets.token_hex(8))
    body = orjson.dumps(document)
    headers = {"Content-Type": "application/problem+json", "Content-Length": str(len(body)), "Connection": "close"}
    headers |= {"X-Request-Id": document["requestId"], **problem.headers}
    return Response(problem.status, document["title"], Headers(headers), body)


def objection(version: str, headers: list[tuple[bytes, bytes]]) -> Problem | None:
    """What is wrong with a request that the parser accepts."""
    if version not in ("1.1", "1.0"):
        return NOT_HTTP_1
    names = [name for name, _ in headers]
    if names.count(b"host") > 1:
        return TWO_HOSTS
    if b"transfer-encoding" in names:  # the parser looks only at the end of the last one
        codings = [value.lower() for name, value in headers if name == b"transfer-encoding"]
        return None if codings == [b"chunked"] else NOT_CHUNKED
    return None
