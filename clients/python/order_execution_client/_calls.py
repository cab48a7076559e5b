"""The requests of the API and when they are repeated. No I/O: both clients send them."""

import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx

from order_execution_client.answers import (
    Answer,
    Group,
    Order,
    Page,
    Placed,
    PlacedGroup,
    Webhook,
    Webhooks,
    parse,
    read,
)
from order_execution_client.errors import EngineError, Refused, Unreachable, refusal
from order_execution_client.orders import AnyGroup, AnyOrder, as_json

TIMEOUT = 10.0  # seconds without a byte
MAX_ANSWER = 16 * 1024 * 1024  # bytes; a page of orders has less than one
LONGEST_PAUSE = 5.0
PAGE = 200  # orders
# The engine cannot have received the request.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Call(Generic[Result]):
    method: str
    path: str
    answer: Callable[[Any], Result]
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True  # sending it twice does what sending it once does
    key: str | None = None


def _call(method: str, path: str, kind: type[Answer], **more: Any) -> Call[Answer]:
    return Call(method, path, lambda data: read(kind, data), **more)


def as_id(text: str, what: str) -> str:
    """It stands in a path, so it is nothing but an id."""
    try:
        return str(UUID(str(text)))
    except ValueError:
        raise EngineError(f"{text!r} is not the id of {what}.") from None


def place(order: AnyOrder, key: str | None) -> Call[Placed]:
    return _place("/api/orders/execute", Placed, order, key)


def place_group(group: AnyGroup, key: str | None) -> Call[PlacedGroup]:
    return _place("/api/order-groups", PlacedGroup, group, key)


def _place(path: str, kind: type[Answer], what: AnyOrder | AnyGroup, key: str | None) -> Call[Answer]:
    """The key is made here, once: all attempts have the same one, so they place one order."""
    key = str(uuid4()) if key is None else key
    return _call("POST", path, kind, body=as_json(what), headers={"Idempotency-Key": key}, key=key)


def order(order_id: str) -> Call[Order]:
    return _call("GET", f"/api/orders/{as_id(order_id, 'an order')}", Order)


def group(group_id: str) -> Call[Group]:
    return _call("GET", f"/api/order-groups/{as_id(group_id, 'a group')}", Group)


def orders(query: Mapping[str, Any], cursor: str | None) -> Call[Page]:
    chosen = {name: str(value) for name, value in as_json({**query, "limit": PAGE, "cursor": cursor}).items()}
    return _call("GET", "/api/orders", Page, query=chosen)


def cancel(order_id: str) -> Call[Order]:
    return _call("POST", f"/api/orders/{as_id(order_id, 'an order')}/cancel", Order)


def cancel_all(chosen: Mapping[str, Any]) -> Call[int]:
    return Call("POST", "/api/orders/cancel-all", lambda data: int(data["cancelled"]), body=as_json(chosen))


def amend(order_id: str, seq: int, changes: Mapping[str, Any]) -> Call[Order]:
    """If the answer is lost, a second one would find that the order has changed."""
    headers = {"If-Match": str(seq)}
    path = f"/api/orders/{as_id(order_id, 'an order')}"
    return _call("PATCH", path, Order, body=as_json(changes), headers=headers, repeatable=False)


def create_webhook(url: str, statuses: Sequence[str] | None, description: str | None) -> Call[Webhook]:
    """A lost answer would have the secret, so that a repetition would leave a webhook that nobody can verify."""
    body = as_json({"url": url, "statuses": statuses, "description": description})
    return _call("POST", "/api/webhooks", Webhook, body=body, repeatable=False)


def webhooks() -> Call[Webhooks]:
    return _call("GET", "/api/webhooks", Webhooks)


def delete_webhook(webhook_id: str) -> Call[bool]:
    return Call("DELETE", f"/api/webhooks/{as_id(webhook_id, 'a webhook')}", lambda data: bool(data["deleted"]))


class Patience:
    """How long to go on trying. The time begins with the first failure."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.renew()

    def renew(self) -> None:
        self._ends: float | None = None
        self._pauses = _pauses()

    def pause(self, error: EngineError, at_least: float = 0.0) -> float:
        """Seconds until the next attempt. Raises the error if that would be too late."""
        now = time.monotonic()
        if self._ends is None:
            self._ends = now + self._seconds
        pause = max(next(self._pauses), at_least)
        if now + pause > self._ends:
            raise error
        return pause


def _pauses() -> Iterator[float]:
    pause = 0.2
    while True:
        yield pause * random.uniform(0.7, 1.3)  # so that many clients do not come back at once
        pause = min(pause * 2, LONGEST_PAUSE)


class Attempts(Generic[Result]):
    """The attempts of one call."""

    def __init__(self, call: Call[Result], patience: float, engine: str) -> None:
        self._call = call
        self._engine = engine
        self._patience = Patience(patience)
        self._may_be_done = False

    def request(self) -> dict[str, Any]:
        call = self._call
        return {
            "method": call.method,
            "url": call.path,
            "params": call.query or None,
            "json": call.body,
            "headers": dict(call.headers),
        }

    def result(self, body: bytes) -> Result:
        """Of a successful answer."""
        try:
            return self._call.answer(parse(body))
        except EngineError as error:
            self._may_be_done = True
            self._final(error)
            raise

    def after_refusal(self, response: httpx.Response, body: bytes) -> float:
        """Seconds until the next attempt; raises the refusal if there is none."""
        refused = refused_by(response, body)
        self._may_be_done |= refused.status >= 500
        if not refused.retryable or (refused.status >= 500 and not self._call.repeatable):
            raise self._final(refused)
        return self._patience.pause(self._final(refused), refused.retry_after)

    def after_error(self, error: httpx.RequestError) -> float:
        sent = not isinstance(error, NOT_SENT)
        self._may_be_done |= sent
        reason = "did not answer in time" if isinstance(error, httpx.TimeoutException) else "cannot be reached"
        unreachable = Unreachable(f"The engine at {self._engine} {reason}.")
        unreachable.__cause__ = error
        if sent and not self._call.repeatable:
            raise self._final(unreachable)
        return self._patience.pause(self._final(unreachable))

    def _final(self, error: EngineError) -> EngineError:
        error.idempotency_key = self._call.key
        if self._call.key is not None and self._may_be_done:
            error.add_note(f"It may have been placed. To find out, place it again with key={self._call.key!r}.")
        return error


def add(body: bytearray, piece: bytes) -> None:
    """Who answers without end, or what decompresses to gigabytes, is no engine."""
    body += piece
    if len(body) > MAX_ANSWER:
        raise httpx.ReadError("the answer is too long")


def refused_by(response: httpx.Response, body: bytes) -> Refused:
    problem, retry_after = None, 0.0
    with suppress(EngineError):
        problem = parse(body)
    with suppress(ValueError):  # a proxy's date
        retry_after = float(response.headers.get("retry-after", "0"))
    return refusal(response.status_code, problem, retry_after)


# Reading the trusted certificates takes 50 ms, and plain HTTP needs none.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def _check_address(url: str) -> None:
    try:
        split = urlsplit(url)
        valid = split.scheme in ("http", "https") and split.hostname and (split.port or 1)
    except ValueError:
        valid = None
    if not valid:
        missing = "" if "://" in url else ": http:// is missing"
        raise EngineError(f"{url!r} is not a valid address{missing}; example: http://localhost:3000.")


def http_options(base_url: str, api_key: str | None) -> dict[str, Any]:
    """Of either client of httpx."""
    _check_address(base_url)
    return {
        "base_url": base_url,
        "headers": {"Accept": "application/json", **authorization(api_key)},
        "timeout": TIMEOUT,
        "trust_env": not is_loopback(base_url),  # no proxy for this machine
        "verify": base_url.startswith("https:") or _NO_CERTIFICATES,
    }


def authorization(api_key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}
