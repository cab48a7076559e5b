"""JSON-RPC over HTTP: the transport, without the meaning of any answer.

- A call ends in bounded time. Whatever goes wrong is a `DexError` with the code `rpc_timeout`.
- A provider that says 429 is left alone for as long as it asks, and at least for a second.
- A URL may hold a key. No error and no log line has it.
"""

import itertools
import logging
import time
from typing import Any

import httpx
import orjson

from app.dex.errors import DexError

MAX_ANSWER = 8 * 1024 * 1024  # bytes
MIN_REST, MAX_REST = 1.0, 30.0  # seconds without calls after a 429
MAX_CONNECTIONS = 32

logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it writes the URL of every request


class RpcUnanswered(DexError):
    """Nothing is known of the call: it may have been carried out or not."""

    def __init__(self, detail: str) -> None:
        super().__init__("rpc_timeout", detail)


class RpcRefused(DexError):
    """The node answered with an error."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__("rpc_timeout", f"The node refused the call ({number}): {message[:200]}")
        self.number = number


class Rpc:
    """One provider."""

    def __init__(self, url: str, *, timeout: float = 3.0) -> None:
        limits = httpx.Limits(max_connections=MAX_CONNECTIONS)
        self._http = httpx.AsyncClient(timeout=timeout, limits=limits, follow_redirects=False)
        self._url = url
        self._timeout = timeout
        self._numbers = itertools.count(1)
        self._rests_until = 0.0

    async def close(self) -> None:
        await self._http.aclose()

    async def call(self, method: str, *params: Any, within: float | None = None) -> Any:
        """The result. `within`: seconds, if fewer than usual."""
        if time.monotonic() < self._rests_until:
            raise RpcUnanswered("The node was asked too often; it is left alone for a moment.")
        number = next(self._numbers)
        body = orjson.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        seconds = self._timeout if within is None else min(self._timeout, within)
        try:
            answer = orjson.loads(await self._post(body, seconds))
        except (httpx.HTTPError, httpx.InvalidURL, orjson.JSONDecodeError) as error:
            # Not the text of the error, which may have the URL.
            raise RpcUnanswered(f"The node did not answer {method} ({type(error).__name__}).") from None
        if not isinstance(answer, dict) or answer.get("id") != number:
            raise RpcUnanswered(f"The node did not answer {method} with JSON-RPC.")
        if (refused := answer.get("error")) is not None:
            parts = refused if isinstance(refused, dict) else {}
            code = parts.get("code")
            raise RpcRefused(code if isinstance(code, int) else 0, str(parts.get("message", "no reason given")))
        if "result" not in answer:
            raise RpcUnanswered(f"The node did not answer {method} with a result.")
        return answer["result"]

    async def _post(self, body: bytes, seconds: float) -> bytes:
        headers = {"content-type": "application/json"}
        async with self._http.stream("POST", self._url, content=body, headers=headers, timeout=seconds) as response:
            if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                self._rests_until = time.monotonic() + _rest(response.headers.get("retry-after"))
            if response.status_code != httpx.codes.OK:
                raise RpcUnanswered(f"The node answered with HTTP {response.status_code}.")
            data = bytearray()
            async for part in response.aiter_bytes():
                data += part
                if len(data) > MAX_ANSWER:
                    raise RpcUnanswered("The node's answer was too long.")
            return bytes(data)


def _rest(retry_after: str | None) -> float:
    try:
        return min(max(float(retry_after or 0), MIN_REST), MAX_REST)
    except ValueError:  # a date
        return MAX_REST
