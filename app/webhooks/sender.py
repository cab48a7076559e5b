"""One POST to a stranger's server: where it may go, how long it may take, and how much it may answer.

No redirect is followed, and no proxy of the environment is used: either would lead where nobody has looked.
"""

import asyncio
import contextlib
import functools
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpcore

from app.tls import quick, with_each_curve
from app.webhooks.addresses import Address, is_loopback, is_public, is_public_or_loopback, refusal
from app.webhooks.answers import Answers, BadAnswer
from app.webhooks.names import Names, Silent

SECONDS = 10.0  # for all of it, from the look-up of the name to the end of the answer
CONNECT_SECONDS = 2.0  # to one of several addresses, before the next one is tried: one may lead nowhere
OTHERS_SECONDS = 4.0  # to all but the last, which gets the rest
IDLE_SECONDS = 15.0  # that a connection is kept
GONE = 410

trusted = functools.cache(lambda: quick(httpcore.default_ssl_context()))  # that takes 50 ms of processor time
Resolve = Callable[[str, str], Awaitable[list[Address]]]  # name, owner


@dataclass(frozen=True, slots=True)
class Answer:
    """`error`: in our words, nothing of the stranger's; None: it was taken."""

    error: str | None = None
    gone: bool = False  # nobody wants any more


class NotPublic(Exception):
    """One of the name's addresses is not public, or it has none."""


class _CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to the address that it has checked. TLS, above it, still expects a certificate of the name."""

    def __init__(self, allowed: Callable[[Address], bool], resolve: Resolve, owner: str) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._owner = owner
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(self, host: str, port: int, *_: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        addresses = await self._resolve(host, self._owner)
        if not addresses or not all(map(self._allowed, addresses)):
            raise NotPublic
        *others, last = map(str, addresses)
        for address in others:
            soon = options | {"timeout": min(CONNECT_SECONDS, OTHERS_SECONDS / len(others))}
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return Answers.of(await self._network.connect_tcp(address, port, **soon))
        return Answers.of(await self._network.connect_tcp(last, port, **options))


@dataclass(slots=True)
class _Pool:
    """Of one owner, so that those of others leave its connections alone, and looking through them is cheap."""

    connections: httpcore.AsyncConnectionPool
    used_at: float


class Sender:
    def __init__(
        self, *, local: bool, max_connections: int, tls: ssl.SSLContext | None = None, resolve: Resolve | None = None
    ) -> None:
        self._local = local
        self._max_connections = max_connections  # of one owner
        self._tls = tls
        self._resolve = resolve or Names().addresses
        self._pools: dict[tuple[str, str], _Pool] = {}

    async def close(self, *, idle_for: float = 0.0) -> None:
        """The connections that no attempt has used for so long."""
        before = time.monotonic() - idle_for
        for key in [key for key, pool in self._pools.items() if pool.used_at <= before]:
            await self._pools.pop(key).connections.aclose()

    async def post(self, owner: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if why := refusal(url, local=self._local):  # it was created in another mode
            return Answer(f"the URL {why}")
        try:
            async with asyncio.timeout(SECONDS):
                ask = functools.partial(self._post, owner, url, headers, body)
                status = await with_each_curve(ask, httpcore.ConnectError)
        except TimeoutError:
            return Answer(f"no answer within {SECONDS:.0f} s")
        except Exception as error:
            return Answer(_said(error))
        if 200 <= status < 300:
            return Answer()
        if 300 <= status < 400:
            return Answer(f"HTTP {status}: redirects are not followed")
        return Answer(f"HTTP {status}", gone=status == GONE)

    async def _post(self, owner: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        pool = await self._pool(owner, "http" if url.startswith("http://") else "https")
        sent = {"content-type": "application/json", "user-agent": "order-execution-engine", **headers}
        async with pool.stream("POST", url, headers=list(sent.items()), content=body) as response:
            length, stream = _length(response), response.extensions["network_stream"]
            if length is not None and stream.has_rest(length):  # then the connection can be used again
                async for _ in response.aiter_stream():
                    pass
            return response.status

    async def _pool(self, owner: str, scheme: str) -> httpcore.AsyncConnectionPool:
        if self._tls is None:
            self._tls = await asyncio.to_thread(trusted)
        if (pool := self._pools.get((owner, scheme))) is None:
            allowed = is_loopback if scheme == "http" else is_public_or_loopback if self._local else is_public
            made = httpcore.AsyncConnectionPool(
                self._tls,
                max_connections=self._max_connections,
                keepalive_expiry=IDLE_SECONDS,
                network_backend=_CheckedBackend(allowed, self._resolve, owner),
            )
            pool = self._pools[owner, scheme] = _Pool(made, 0.0)
        pool.used_at = time.monotonic()
        return pool.connections


def _length(response: httpcore.Response) -> int | None:
    """Of the body. None: it has no known end, or pieces of its own."""
    fields = {name.lower(): value for name, value in response.headers}
    if b"transfer-encoding" in fields:
        return None
    said = b"0" if response.status == 204 else fields.get(b"content-length", b"")
    return int(said) if said.isdigit() and len(said) < 10 else None


def _said(error: Exception) -> str:
    match error if isinstance(error, BadAnswer) else error.__context__ or error:  # httpcore has removed the cause
        case NotPublic() | socket.gaierror():  # which of the two would tell of names inside
            return "the name leads to no public address"
        case Silent():
            return "no name server has answered for the name"
        case BadAnswer() as bad:
            return str(bad)
        case ssl.SSLCertVerificationError():
            return "the TLS certificate is not valid for this name"
        case ssl.SSLError():
            return "TLS failed"
    return "no connection" if isinstance(error, httpcore.ConnectError) else f"it broke off ({type(error).__name__})"
