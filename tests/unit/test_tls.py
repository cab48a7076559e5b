"""What servers that are not ours may ask of a handshake, which is computed in the event loop."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import pytest

from app import tls
from app.dex.adapters import connections, http
from app.dex.adapters.http import Server, Unanswered
from app.webhooks import sender
from app.webhooks.addresses import Address

GROUPS = b"\x00\x0a"  # the extension of a TLS hello that names the groups for the exchange of keys
P_256, P_384 = b"\x00\x17", b"\x00\x18"
HANDSHAKE_FAILURE = b"\x15\x03\x03\x00\x02\x02\x28"


def hello(context: ssl.SSLContext) -> bytes:
    received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(received, sent, server_hostname="bot.example.com").do_handshake()
    return sent.read()


@pytest.mark.parametrize("made", [sender.trusted, http.trusted])
def test_no_server_can_ask_for_a_handshake_that_takes_long(made: Callable[[], ssl.SSLContext]) -> None:
    """With Diffie-Hellman in a group of 10,000 bits one kept the loop that fires orders busy for 0.9 s."""
    context = made()
    assert {cipher["kea"] for cipher in context.get_ciphers()} == {"kx-ecdhe", "kx-any"}  # the latter: TLS 1.3
    assert GROUPS + b"\x00\x04\x00\x02" + P_256 in hello(context)
    assert ssl.OP_NO_RENEGOTIATION in context.options


async def asked_as_webhook(port: int) -> None:
    async def resolve(*_: str) -> list[Address]:
        return [ip_address("127.0.0.1")]

    to = sender.Sender(local=True, max_connections=1, resolve=resolve)
    assert (await to.post("alice", f"https://localhost:{port}/", {}, b"{}")).error is not None
    await to.close()


async def asked_as_node(port: int) -> None:
    server = Server(f"https://localhost:{port}", timeout=10, max_answer=1_000)
    with pytest.raises(Unanswered):
        await server.ask("GET")
    await server.close()


@pytest.mark.parametrize("ask", [asked_as_webhook, asked_as_node])
async def test_a_server_that_refuses_a_curve_is_offered_the_next_one_at_once(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[int], Awaitable[None]]
) -> None:
    """Servers with `ssl_ecdh_curve secp384r1`, or with TLS 1.2 and a certificate of that curve, were not reached."""
    monkeypatch.setattr(tls, "_curves", {})
    offered = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await reader.read(4096)
        offered.append(hello.partition(GROUPS + b"\x00\x04\x00\x02")[2][:2])
        if offered[-1] != P_384:
            writer.write(HANDSHAKE_FAILURE)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1") as listening:
        port = listening.sockets[0].getsockname()[1]
        await ask(port)
        assert offered == [P_256, P_384]
        await ask(port)
        assert offered == [P_256, P_384, P_384]


async def test_a_node_that_sends_without_end_below_tls_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """With new keys without end, eight calls of one node kept each turn of the worker's loop for up to 0.46 s."""
    monkeypatch.setattr(connections, "OVERHEAD", 10_000)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        with contextlib.suppress(OSError):
            writer.write(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb\x03\x03" + bytes(15_000))  # not all of a hello
            await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "localhost") as listening:
        server = Server(f"https://localhost:{listening.sockets[0].getsockname()[1]}", timeout=30, max_answer=1_000)
        with pytest.raises(Unanswered, match="ConnectError"):
            await asyncio.wait_for(server.ask("GET"), 10)
        await server.close()
