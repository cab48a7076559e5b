"""One POST to a stranger's server: it never leads inside, and is bounded in time and size."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any

import httpcore
import pytest

from app.webhooks import sender
from app.webhooks.addresses import Address
from app.webhooks.sender import Answer, Resolve, Sender
from tests.no_tls import NO_TLS
from tests.receiver import Message, listening, receiving


@contextlib.asynccontextmanager
async def sending(*, local: bool = True, resolve: Resolve | None = None) -> AsyncIterator[Sender]:
    opened = Sender(local=local, max_connections=10, resolve=resolve, tls=NO_TLS)
    yield opened
    await opened.close()


def names(*addresses: str) -> Resolve:
    async def resolve(_name: str, _owner: str) -> list[Address]:
        return [ip_address(address) for address in addresses]

    return resolve


async def post(to: Sender, url: str) -> Answer:
    return await to.post("ann", url, {"webhook-id": "msg_1"}, b"{}")


async def test_a_receiver_on_this_machine_in_local_mode() -> None:
    async with receiving() as receiver, sending() as to:
        assert await post(to, receiver.url) == Answer()
        assert await post(to, receiver.url.replace("127.0.0.1", "localhost")) == Answer()
    [message, _] = receiver.messages
    assert (message.path, message.body) == ("/hook", b"{}")
    assert message.headers["content-type"] == "application/json"


@pytest.mark.parametrize("dead", [1, 12])
async def test_a_receiver_with_addresses_that_lead_nowhere_is_reached_at_the_next_one(
    monkeypatch: pytest.MonkeyPatch, dead: int
) -> None:
    """As those of IPv6 do if this machine has no way out: its webhook was switched off."""
    monkeypatch.setattr(sender, "SECONDS", 1.0)
    monkeypatch.setattr(sender, "CONNECT_SECONDS", 0.1)
    monkeypatch.setattr(sender, "OTHERS_SECONDS", 0.4)
    nowhere = [f"127.0.0.{number}" for number in range(2, 2 + dead)]
    connect = httpcore.AnyIOBackend.connect_tcp

    async def silent(network: httpcore.AnyIOBackend, host: str, *where: Any, **options: Any) -> Any:
        if host in nowhere:
            await asyncio.sleep(options["timeout"] or 60)
            raise httpcore.ConnectTimeout
        return await connect(network, host, *where, **options)

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", silent)
    async with receiving() as receiver, sending(resolve=names(*nowhere, "127.0.0.1")) as to:
        assert await post(to, receiver.url.replace("127.0.0.1", "localhost")) == Answer()


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["::ffff:127.0.0.1"], ["8.8.8.8", "10.0.0.1"], []],
    ids=str,
)
async def test_a_name_that_leads_inside_gets_no_connection(addresses: list[str]) -> None:
    async with sending(local=False, resolve=names(*addresses)) as to:
        answer = await post(to, "https://bot.example.com/")
    assert answer.error == "the name leads to no public address"


async def test_a_webhook_of_local_mode_is_not_served_in_production_mode() -> None:
    async with receiving() as receiver, sending(local=False) as to:
        assert (await post(to, receiver.url)).error == "the URL must begin with https://"
    assert receiver.messages == []


async def test_local_mode_sends_in_clear_text_to_this_machine_only() -> None:
    async with sending(resolve=names("8.8.8.8")) as to:
        assert (await post(to, "http://localhost/")).error == "the name leads to no public address"


async def test_the_connection_goes_to_the_address_that_was_checked_and_tls_expects_the_name() -> None:
    """The name leads inside as soon as it is looked up again."""
    lookups, hello = list[str](), asyncio.get_running_loop().create_future()

    async def rebind(host: str, _: str) -> list[Address]:
        lookups.append(host)
        return [ip_address("127.0.0.1" if len(lookups) == 1 else "10.0.0.1")]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello.set_result(await reader.read(4096))

    async with listening(serve) as port, sending(resolve=rebind) as to:
        answer = await post(to, f"https://bot.example.com:{port}/")
        assert b"bot.example.com" in await hello  # the server's name, in the handshake
    assert lookups == ["bot.example.com"]
    assert answer.error is not None


def test_tls_checks_certificate_and_name() -> None:
    context = httpcore.default_ssl_context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (204, Answer()),
        (302, Answer("HTTP 302: redirects are not followed")),
        (410, Answer("HTTP 410", gone=True)),
        (500, Answer("HTTP 500")),
    ],
)
async def test_only_2xx_takes_a_message_and_no_redirect_is_followed(status: int, expected: Answer) -> None:
    async def answer(_: Message) -> int:
        return status

    async with receiving() as receiver, sending() as to:
        receiver.answer = answer
        assert await post(to, receiver.url) == expected
    assert [message.path for message in receiver.messages] == ["/hook"]


async def test_an_answer_without_end_is_cut_and_one_that_does_not_come_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
                sent += 65_536

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(flood) as port, sending() as to:
        assert await post(to, f"http://127.0.0.1:{port}/") == Answer()
    assert sent < 10 * 1024 * 1024  # what fits into the buffers of the sockets
    monkeypatch.setattr(sender, "SECONDS", 0.3)
    async with listening(silence) as port, sending() as to:
        assert (await post(to, f"http://127.0.0.1:{port}/")).error == "no answer within 0 s"


async def test_what_went_wrong_is_said_in_our_own_words() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 a mail server\r\n")

    async def talk_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 a mail server\r\n")
        await reader.read()

    async with listening(talk_first) as port, sending() as to:
        assert (await post(to, f"https://127.0.0.1:{port}/")).error == "TLS failed"
    async with listening(talk) as port, sending() as to:
        assert (await post(to, f"http://127.0.0.1:{port}/")).error == "it broke off (RemoteProtocolError)"
    async with sending() as to:
        assert (await post(to, f"http://127.0.0.1:{port}/")).error == "no connection"
