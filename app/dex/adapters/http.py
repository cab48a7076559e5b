"""One HTTP server that answers in JSON: the transport, without the meaning of any answer.

- A call ends in bounded time, and its answer has a bounded length, and bounded numbers of pieces and values: reading it
  keeps everything else in this process waiting. Of the long answers of one server one is read at a time: in memory it
  takes ten times its length.
- A server's cookies are not kept.
- A server that says 429 is left alone for as long as it asks, and at least for a second.
- A URL and headers may hold a key. No error and no log line has them, nor any text of the server.
"""

import asyncio
import functools
import logging
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from http.client import HTTPResponse
from http.cookiejar import CookieJar
from typing import Any
from urllib.request import Request

import httpx
import orjson

from app.dex.adapters.connections import bound
from app.dex.errors import DexError
from app.tls import quick, with_each_curve

MIN_REST, MAX_REST = 1.0, 30.0  # seconds without calls after a 429
MAX_CONNECTIONS = 32
SHORT = 256 * 1024  # bytes of an answer
MAX_PIECES, PIECE = 100, 256  # an answer may come in so many, and in one more for each so many bytes
MAX_VALUES = 100_000  # in the JSON of an answer, about: 8 MiB of empty objects took 300 MiB of memory
SIGNS = (b",", b"[", b"{")
BUSY = frozenset({500, 502, 503, 504})

logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it writes the URL of every request

trusted = functools.cache(lambda: quick(httpx.create_ssl_context()))  # the certificates take 50 ms of processor time


class NoCookies(CookieJar):
    """A server may send any number of them, and each would make all later requests slower."""

    def extract_cookies(self, response: HTTPResponse, request: Request) -> None:
        pass


class Unanswered(Exception):
    """Nothing is known of the call: it may have been carried out or not."""

    def __init__(self, why: str, *, at_once: bool = False) -> None:
        super().__init__(why)
        self.at_once = at_once  # whether it makes sense to ask again at once


class Server:
    """`per_second`: calls are spread out so that there are no more of them."""

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        max_answer: int,
        headers: Mapping[str, str] | None = None,
        per_second: float | None = None,
    ) -> None:
        limits = httpx.Limits(max_connections=MAX_CONNECTIONS)
        self._http = bound(
            httpx.AsyncClient(
                timeout=timeout,
                limits=limits,
                headers=headers,
                cookies=NoCookies(),
                follow_redirects=False,
                verify=trusted(),
            )
        )
        self._url = url
        self._timeout = timeout
        self._max_answer = max_answer
        self._seconds_between = 1 / per_second if per_second else 0.0
        self._next_call = 0.0
        self._rests_until = 0.0
        self._long_answers = asyncio.Lock()

    async def close(self) -> None:
        await self._http.aclose()

    def rests_for(self) -> float:
        """Seconds for which it is left alone yet."""
        return max(0.0, self._rests_until - time.monotonic())

    async def ask(
        self,
        method: str,
        path: str = "",
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        within: float | None = None,
        times: int = 1,
        may_be_long: bool = False,
    ) -> tuple[int, Any]:
        """The status, and what its JSON says. `within`: seconds, if fewer than usual, which are so many `times` the
        time-out. Raises `Unanswered`.
        """
        usual, most = self._timeout * times, self._max_answer
        seconds = usual if within is None else min(usual, within)
        content = _Content(most if may_be_long else min(most, SHORT), self._long_answers)
        try:
            async with content.turn:
                # httpx limits each read, so a server that sends a byte now and then would never be given up.
                async with asyncio.timeout(seconds):
                    await self._turn(seconds)
                    ask = functools.partial(self._answer, method, self._url + path, params, body, seconds, content)
                    status = await with_each_curve(ask, httpx.ConnectError)
                return status, orjson.loads(content.data)
        except TimeoutError:
            raise Unanswered("in time") from None
        except (httpx.HTTPError, httpx.InvalidURL, orjson.JSONDecodeError) as error:
            # Not the text of the error, which may have the URL.
            again = isinstance(error, httpx.TransportError) and not isinstance(error, httpx.TimeoutException)
            raise Unanswered(f"({type(error).__name__})", at_once=again) from None

    async def _turn(self, seconds: float) -> None:
        if self.rests_for():
            raise Unanswered("because it was asked too often; it is left alone for a moment")
        now = time.monotonic()
        at = max(self._next_call, now)
        if at - now > seconds:
            raise Unanswered("because too many calls wait for it")
        self._next_call = at + self._seconds_between
        if at > now:
            await asyncio.sleep(at - now)

    async def _answer(
        self, method: str, url: str, params: Mapping[str, str] | None, body: Any, seconds: float, answer: "_Content"
    ) -> int:
        content = None if body is None else orjson.dumps(body)
        # Compressed, a short answer could be a very long one.
        headers = {"accept-encoding": "identity"} | ({} if body is None else {"content-type": "application/json"})
        request = self._http.stream(method, url, params=params, content=content, headers=headers, timeout=seconds)
        async with request as response:
            status = response.status_code
            if status == httpx.codes.TOO_MANY_REQUESTS:
                self._rests_until = time.monotonic() + _rest(response.headers.get("retry-after"))
            if status == httpx.codes.TOO_MANY_REQUESTS or status in BUSY or 300 <= status < 400:
                raise Unanswered(f"(HTTP {status})", at_once=status in BUSY)
            async for piece in response.aiter_raw():
                await answer.add(piece)
            if values_in(answer.data) > MAX_VALUES:
                raise Unanswered("(its text has too many values)")
            return status


class _Content:
    """The bytes of an answer that arrives. Once it is a long one, `turn` holds the lock of long answers."""

    def __init__(self, most: int, turns: asyncio.Lock) -> None:
        self.data = bytearray()
        self.turn = AsyncExitStack()
        self._most, self._pieces = most, 0
        self._turns: asyncio.Lock | None = turns

    async def add(self, piece: bytes) -> None:
        self.data += piece
        self._pieces += 1
        if len(self.data) > self._most or self._pieces > MAX_PIECES + len(self.data) // PIECE:
            raise Unanswered("(its text is too long, or comes in too many pieces)")
        if self._turns is not None and len(self.data) > SHORT:
            turns, self._turns = self._turns, None
            await self.turn.enter_async_context(turns)


def values_in(text: bytes | bytearray) -> int:
    """About how many its JSON has. What is in a string is none: anybody writes memos of thousands of commas into the
    transactions that name our wallet, and a node's list of these would count as too long.
    """
    signs = sum(map(text.count, SIGNS))
    if signs <= MAX_VALUES:
        return signs
    plain = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    if (strings := plain.count(b'"') // 2) > MAX_VALUES:
        return strings
    outside = b"".join(plain.split(b'"')[::2])
    return max(strings, sum(map(outside.count, SIGNS)))


class Refused(DexError):
    """A venue answered that it will not. `body` is what it said: a stranger's text, not to be shown or logged."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__("venue_unavailable", f"The venue refused the request (HTTP {status}).")
        self.body = body


class VenueHttp:
    """The HTTP API of a vendor. All its calls only ask, so one that was not answered is made once more at once."""

    MAX_ANSWER = 256 * 1024  # bytes

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 2.0,
        per_second: float | None = None,
    ) -> None:
        self._server = Server(url, timeout=timeout, max_answer=self.MAX_ANSWER, headers=headers, per_second=per_second)

    async def close(self) -> None:
        await self._server.close()

    async def get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        return await self._ask("GET", path, params=params)

    async def post(self, path: str, body: Any) -> dict[str, Any]:
        return await self._ask("POST", path, body=body)

    async def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            status, answer = await self._asked_twice(method, path, **request)
        except Unanswered as error:
            raise DexError("venue_unavailable", f"The venue did not answer {error}.") from None
        if status != httpx.codes.OK:
            raise Refused(status, answer)
        if not isinstance(answer, dict):
            raise DexError("venue_unavailable", "The venue's answer cannot be read.")
        return answer

    async def _asked_twice(self, method: str, path: str, **request: Any) -> tuple[int, Any]:
        try:
            return await self._server.ask(method, path, **request)
        except Unanswered as error:
            if not error.at_once:
                raise
        return await self._server.ask(method, path, **request)


def _rest(retry_after: str | None) -> float:
    try:
        return min(max(MIN_REST, float(retry_after or 0)), MAX_REST)  # in this order NaN is the least
    except ValueError:  # a date
        return MAX_REST
