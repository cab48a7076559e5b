"""Where the client connects to, and the key that it sends."""

import json

import pytest

from app.client import CommandError, address
from app.client.engine import Engine
from app.client.responses import OrderState


def test_a_key_is_read_from_the_environment_and_said_to_be_visible_over_http(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENGINE_API_KEY", "oe_secret")
    for url in ("http://127.0.0.1:1", "https://engine.example.com"):
        address.engine(url)
        assert capsys.readouterr().err == ""
    address.engine("http://engine.example.com")
    assert "use https" in (said := capsys.readouterr().err)
    assert "oe_secret" not in said


@pytest.mark.parametrize("address", ["http://x", "", "ws://a\nb", None])
def test_a_stream_is_opened_only_at_a_websocket_address(address: str | None) -> None:
    body = {"orderId": "1", "status": "pending", "createdAt": "2030-01-01T00:00:00Z", "wsUrl": address}
    with pytest.raises(CommandError, match="wsUrl"):
        OrderState.parse(json.dumps(body))


@pytest.mark.parametrize("address", ["", "localhost:3000", "ftp://x", "http://", "http://x:99999", "http://a\x1b[2J"])
def test_an_invalid_engine_address_is_refused(address: str) -> None:
    with pytest.raises(CommandError, match="is not a valid address"):
        Engine(address)


async def test_an_invalid_order_id_is_refused_without_a_request() -> None:
    async with Engine("http://127.0.0.1:1") as engine:
        with pytest.raises(CommandError, match="is not an order id"):
            await engine.order("../../health\x1b[31m")


def test_a_password_in_an_address_is_not_shown() -> None:
    assert Engine("https://me:hunter2@engine.example.com/").name == "https://engine.example.com"


@pytest.mark.parametrize("key", ["a\nb", "schlüssel", " a "])
def test_a_key_that_cannot_be_a_header_value_is_refused(key: str) -> None:
    with pytest.raises(CommandError, match="printable ASCII"):
        Engine("http://127.0.0.1:1", key)
