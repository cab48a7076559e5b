"""What servers that are not ours may ask of a handshake, which is computed in the event loop."""

import ssl
from collections.abc import Callable

import pytest

from app.dex.adapters import http
from app.webhooks import sender

GROUPS = b"\x00\x0a"  # the extension of a TLS hello that names the groups for the exchange of keys
P_256 = b"\x00\x17"


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
