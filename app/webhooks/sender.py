"""One POST to a stranger's server: where it may go, how long it may take, and how much it may answer.

No redirect is followed, and no proxy of the environment is used: either would lead where nobody has looked.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import httpcore

from app.webhooks.addresses import Address, is_loopback, is_public, is_public_or_loopback, refusal

SECONDS = 10.0  # for all of it, from the look-up of the name to the end of the answer
MAX_ANSWER = 64 * 1024
MAX_CONNECTIONS = 200
IDLE_SECONDS = 15.0  # that a connection is kept
GONE = 410

Resolve = Callable[[str, int], Awaitable[list[Address]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """`error`: in our words, nothing of the stranger's; None: it was taken."""

    error: str | None = None
    gone: bool = False  # nobody wants any more


class NotPublic(Exception):
    """One of the name's addresses is not public, or it has none."""


async def resolve(host: str, port: int) -> list[Address]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(address[0]) for *_, address in found))


class _CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to the address that it has checked. TLS, above it, still expects a certificate of the name."""

    def __init__(self, allowed: Callable[[Address], bool], resolve: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(self, host: str, port: int, *_: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        addresses = await self._resolve(host, port)
        if not addresses or not all(map(self._allowed, addresses)):
            raise NotPublic
        *others, last = map(str, addresses)
        for address in others:
            with contextlib.suppress(httpcore.ConnectError):
                return await self._network.connect_tcp(address, port, **options)
        return await self._network.connect_tcp(last, port, **options)


class Sender:
    def __init__(self, *, local: bool, tls: ssl.SSLContext | None = None, resolve: Resolve = resolve) -> None:
        self._local = local
        self._tls = tls
        self._resolve = resolve
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if why := refusal(url, local=self._local):  # it was created in another mode
            return Answer(f"the URL {why}")
        try:
            async with asyncio.timeout(SECONDS):
                status = await self._post(url, headers, body)
        except TimeoutError:
            return Answer(f"no answer within {SECONDS:.0f} s")
        except Exception as error:
            return Answer(_said(error))
        if 200 <= status < 300:
            return Answer()
        if 300 <= status < 400:
            return Answer(f"HTTP {status}: redirects are not followed")
        return Answer(f"HTTP {status}", gone=status == GONE)

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        pool = await self._pool("http" if url.startswith("http://") else "https")
        sent = {"content-type": "application/json", "user-agent": "order-execution-engine", **headers}
        async with pool.stream("POST", url, headers=list(sent.items()), content=body) as response:
            size = 0
            async for part in response.aiter_stream():  # to its end, so that the connection can be used again
                if (size := size + len(part)) > MAX_ANSWER:
                    break
            return response.status

    async def _pool(self, scheme: str) -> httpcore.AsyncConnectionPool:
        if scheme not in self._pools:
            allowed = is_loopback if scheme == "http" else is_public_or_loopback if self._local else is_public
            # Reading the trusted certificates takes 50 ms.
            tls = self._tls or await asyncio.to_thread(httpcore.default_ssl_context)
            made = httpcore.AsyncConnectionPool(
                tls,
                max_connections=MAX_CONNECTIONS,
                keepalive_expiry=IDLE_SECONDS,
                network_backend=_CheckedBackend(allowed, self._resolve),
            )
            self._pools.setdefault(scheme, made)
        return self._pools[scheme]


def _said(error: Exception) -> str:
    match error.__context__ or error:  # httpcore has removed the cause
        case NotPublic() | socket.gaierror():  # which of the two would tell of names inside
            return "the name leads to no public address"
        case ssl.SSLCertVerificationError():
            return "the TLS certificate is not valid for this name"
        case ssl.SSLError():
            return "TLS failed"
    return "no connection" if isinstance(error, httpcore.ConnectError) else f"it broke off ({type(error).__name__})"
