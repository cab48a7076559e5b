"""The engine's HTTP API, for all commands: one client, one way to report an error, and no repeat that places twice."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from app.client import CommandError, MayBePlaced, Refused, Unreachable, Unreadable
from app.client.fields import json_object, printable
from app.client.responses import GroupState, OrderState, ProblemDocument

RETRY_DELAYS = (0.3, 1.0, 2.0)  # seconds between the attempts to place an order; then it fails
MAX_RETRY_AFTER = 5.0  # seconds; for a longer Retry-After the command fails and prints the server's text
MAX_ANSWER = 16 * 1024 * 1024  # bytes
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading the trusted ones takes 50 ms; plain HTTP needs none
# Of the errors of the server, those that come before anything is written.
PLACED_NOTHING = frozenset({"trading_halted", "trading_reducing", "queue_full", "wrong_schema", "too_many_connections"})
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.LocalProtocolError)


class Engine:
    """Used as `async with`. Every failure is a CommandError."""

    def __init__(self, base_url: str, api_key: str | None = None) -> None:
        self.name = _display_url(base_url)
        headers = {"Accept": "application/json"}
        if api_key:
            headers["Authorization"] = f"Bearer {_header('API key', api_key)}"
        try:
            self._http = httpx.AsyncClient(
                base_url=base_url,
                headers=headers,
                timeout=httpx.Timeout(10.0, pool=None),
                trust_env=not is_loopback(base_url),  # no proxy for this machine
                verify=base_url.startswith("https:") or NO_CERTIFICATES,
            )
        except (httpx.InvalidURL, ValueError):
            raise CommandError(f"{self.name} is not a valid address.") from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def place(self, order: Mapping[str, Any], key: str) -> bytes:
        return await self._place("order", "/api/orders/execute", order, key, OrderState.of)

    async def place_group(self, group: Mapping[str, Any], key: str) -> bytes:
        return await self._place("group", "/api/order-groups", group, key, GroupState.of)

    async def _place(
        self, what: str, path: str, body: Mapping[str, Any], key: str, read: Callable[[Mapping[str, Any]], object]
    ) -> bytes:
        """Retries with the same idempotency key, so a retry never places a second one. `read` refuses other answers."""
        headers = {"Idempotency-Key": _header("idempotency key", key)}
        may_exist = False
        for pause in (*RETRY_DELAYS, None):
            try:
                answer = await self.request("POST", path, json=body, headers=headers)
                read(json_object(answer))
                return answer
            except Unreadable as unreadable:
                error: CommandError = unreadable
                may_exist, wait, final = True, 0.0, True
            except Unreachable as unreachable:
                error = unreachable
                may_exist |= unreachable.sent
                wait, final = 0.0, not may_exist
            except Refused as refused:
                error = refused
                may_exist |= refused.status >= 500 and refused.code not in PLACED_NOTHING
                wait, final = refused.retry_after, not refused.retryable or refused.retry_after > MAX_RETRY_AFTER
            if pause is None or final:
                break
            await asyncio.sleep(max(pause, wait))
        if may_exist:
            raise MayBePlaced(
                f"{error} The {what} may have been placed. To find out, repeat with --idempotency-key {key}"
            )
        raise error

    async def order(self, order_id: str) -> OrderState:
        return OrderState.parse(await self.request_of("GET", order_id))

    async def request_of(self, method: str, order_id: str, path: str = "/api/orders/{}", **request: Any) -> bytes:
        """A request about one order, whose id stands in the path."""
        valid_id = as_id(order_id, "an order id")
        try:
            return await self.request(method, path.format(valid_id), **request)
        except Refused as refused:
            if refused.status == 404:
                raise order_not_found(valid_id, self.name) from None
            raise

    async def request(self, method: str, path: str, **request: Any) -> bytes:
        """The body of the answer. CommandError if there is none, or if it is an error."""
        body = bytearray()
        try:
            async with self._http.stream(method, path, **request) as response:
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > MAX_ANSWER:
                        raise Unreadable(f"{self.name} answered with more than {MAX_ANSWER >> 20} MiB.")
        except httpx.InvalidURL:
            raise CommandError(f"{self.name} is not a valid address.") from None
        except httpx.RequestError as error:
            sent = not isinstance(error, NOT_SENT)
            what = "closed the connection before it answered" if sent else "cannot be reached"
            if isinstance(error, httpx.TimeoutException):
                what = "did not answer in time"
            hint = "; `engine up` starts one" if not sent and is_loopback(self.name) else ""
            raise Unreachable(f"The engine at {self.name} {what}{hint}.", sent=sent) from None
        if response.is_success:
            return bytes(body)
        problem = ProblemDocument.parse(bytes(body))
        raise Refused(
            problem.sentence if problem else f"{self.name} answered {response.status_code}: is this an engine?",
            code=problem.code if problem else None,
            status=response.status_code,
            retryable=problem.retryable if problem else response.status_code in (502, 503, 504),
            retry_after=_seconds(response.headers.get("retry-after", "")),
        )


def as_id(text: str, what: str) -> str:
    """It stands in a path, so it is nothing but an id."""
    try:
        return str(UUID(text))
    except ValueError:
        raise CommandError(f"{printable(text, 80)} is not {what}.") from None


def order_not_found(order_id: str, engine_name: str) -> CommandError:
    return CommandError(f"There is no order {order_id} at {engine_name}.")


def is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def _display_url(base_url: str) -> str:
    """The address without its user name and password."""
    try:
        split = urlsplit(base_url)
        valid = split.scheme in ("http", "https") and split.hostname and (split.port or 1)
    except ValueError:
        valid = None
    if not valid or not base_url.isprintable():
        raise CommandError(f"{printable(base_url, 80)} is not a valid address; example: http://127.0.0.1:3000.")
    return printable(f"{split.scheme}://{split.netloc.rpartition('@')[2]}{split.path.rstrip('/')}")


def _header(name: str, value: str) -> str:
    if not value.isascii() or not value.isprintable() or value != value.strip():
        raise CommandError(f"The {name} must be printable ASCII without leading or trailing spaces.")
    return value


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0
