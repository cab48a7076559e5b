"""An engine somewhere, over HTTP: placing an order and asking how one stands."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from app.client import CommandError, Refused, Unreachable
from app.client.responses import OrderState, ProblemDocument, printable

REPEAT_AFTER = (0.3, 1.0, 2.0)  # seconds; then placing an order is given up
MAX_RETRY_AFTER = 5.0  # a server that wants more patience than this gets to say so to the person
NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.LocalProtocolError)


class Engine:
    """Used as `async with`; raises nothing but complaints."""

    def __init__(self, base_url: str, api_key: str | None = None) -> None:
        self.name = _shown(base_url)
        headers = {"Accept": "application/json"}
        if api_key:
            headers["Authorization"] = f"Bearer {_header('API key', api_key)}"
        try:
            self._http = httpx.AsyncClient(
                base_url=base_url,
                headers=headers,
                timeout=httpx.Timeout(10.0, pool=None),
                trust_env=not loopback(base_url),
            )
        except (httpx.InvalidURL, ValueError):
            raise CommandError(f"{self.name} is not an address of an engine.") from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def place(self, order: Mapping[str, Any], key: str) -> OrderState:
        """Once, however often it must be asked: repeating with the same key never makes a second order."""
        headers = {"Idempotency-Key": _header("idempotency key", key)}
        doubtful = False
        for pause in (*REPEAT_AFTER, None):
            try:
                return OrderState.read(await self._ask("POST", "/api/orders/execute", json=order, headers=headers))
            except Unreachable as unreachable:
                complaint: CommandError = unreachable
                doubtful |= unreachable.sent
                wait, hopeless = 0.0, not doubtful
            except Refused as refused:
                complaint = refused
                doubtful |= refused.status >= 500
                wait, hopeless = refused.retry_after, not refused.passing or refused.retry_after > MAX_RETRY_AFTER
            if pause is None or hopeless:
                break
            await asyncio.sleep(max(pause, wait))
        if doubtful:
            raise CommandError(f"{complaint} The order may have been made: repeat with --idempotency-key {key}")
        raise complaint

    async def order(self, order_id: str) -> OrderState:
        try:
            known = str(UUID(order_id))
        except ValueError:
            raise CommandError(f"{printable(order_id, 80)} is not an order id.") from None
        try:
            return OrderState.read(await self._ask("GET", f"/api/orders/{known}"))
        except Refused as refused:
            if refused.status == 404:
                raise unknown(known, self.name) from None
            raise

    async def _ask(self, method: str, path: str, **request: Any) -> bytes:
        try:
            answer = await self._http.request(method, path, **request)
        except httpx.InvalidURL:
            raise CommandError(f"{self.name} is not an address of an engine.") from None
        except httpx.RequestError as error:
            sent = not isinstance(error, NOTHING_SENT)
            what = "broke off while answering" if sent else "cannot be reached"
            if isinstance(error, httpx.TimeoutException):
                what = "does not answer in time"
            hint = "; `engine up` starts one" if not sent and loopback(self.name) else ""
            raise Unreachable(f"The engine at {self.name} {what}{hint}.", sent=sent) from None
        if answer.is_success:
            return answer.content
        problem = ProblemDocument.read(answer.content)
        raise Refused(
            problem.sentence if problem else f"{self.name} answered {answer.status_code}: is this an engine's address?",
            status=answer.status_code,
            passing=problem.retryable if problem else answer.status_code in (502, 503, 504),
            retry_after=_seconds(answer.headers.get("retry-after", "")),
        )


def unknown(order_id: str, name: str) -> CommandError:
    return CommandError(f"There is no order {order_id} at {name}.")


def loopback(url: str) -> bool:
    """This machine is never asked through a proxy."""
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def _shown(base_url: str) -> str:
    """An address for people: without the password it may hold."""
    try:
        split = urlsplit(base_url)
        valid = split.scheme in ("http", "https") and split.hostname and (split.port or 1)
    except ValueError:
        valid = None
    if not valid or not base_url.isprintable():
        raise CommandError(f"{printable(base_url, 80)} is not an address: http://127.0.0.1:3000 is one.")
    return printable(f"{split.scheme}://{split.netloc.rpartition('@')[2]}{split.path.rstrip('/')}")


def _header(name: str, value: str) -> str:
    if not value.isascii() or not value.isprintable() or value != value.strip():
        raise CommandError(f"The {name} must be printable ASCII, without spaces around it.")
    return value


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0
