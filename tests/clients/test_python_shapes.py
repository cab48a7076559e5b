"""The Python client without an engine: its fields, its decisions, its package."""

import subprocess
import sys
import time
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import fields
from hashlib import sha256
from hmac import digest
from pathlib import Path
from typing import Any

import orjson
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from app.api.spec.events import COMMON_FIELDS, DETAILS
from app.orders.lifecycle import TERMINAL
from order_execution_client import (
    FINAL,
    AsyncClient,
    Bracket,
    Client,
    Dca,
    EngineError,
    Event,
    EventsLost,
    Exit,
    Group,
    InvalidSignature,
    Launch,
    Limit,
    Market,
    NotAllowed,
    Oco,
    Order,
    Placed,
    PlacedGroup,
    Price,
    PriceBand,
    Schedule,
    Slices,
    Sniper,
    Stop,
    TakeProfit,
    Trail,
    TrailingStop,
    Unreachable,
    Webhook,
    verify_webhook,
)
from order_execution_client._stream import Breaks, Broken, Follow
from order_execution_client.orders import camel
from tests.unit.api.test_documents import openapi

PACKAGE = Path(__file__).resolve().parents[2] / "clients" / "python"
ORDER = "01a1fcf7-9844-77aa-9d16-6136dbf1f4d9"

# class → the schema in /openapi.json, and the fields of that which the class leaves out
SENT: dict[type[Any], tuple[str, set[str]]] = {
    Market: ("ExecuteOrder", {"orderType"}),
    Limit: ("LimitOrder", {"orderType"}),
    Stop: ("StopOrder", {"orderType"}),
    TakeProfit: ("TakeProfitOrder", {"orderType"}),
    TrailingStop: ("TrailingStopOrder", {"orderType"}),
    Dca: ("DcaOrder", {"orderType"}),
    Sniper: ("SniperOrder", {"orderType"}),
    Price: ("StopTrigger", {"when"}),
    Trail: ("TrailingTrigger", set()),
    Launch: ("SniperTrigger", set()),
    Schedule: ("Schedule", set()),
    PriceBand: ("PriceBand", set()),
    Exit: ("StopLossLeg", {"when"}),
    Oco: ("OrderGroup", {"type"}),
    Bracket: ("Bracket", {"type"}),
}
RECEIVED: dict[type[Any], tuple[str, set[str]]] = {
    Order: ("OrderView", {"id"}),
    Slices: ("SliceCounts", set()),
    Group: ("GroupView", set()),
    PlacedGroup: ("AcceptedGroup", set()),
    Webhook: ("NewSecret", set()),
}


def names(kind: type[Any]) -> set[str]:
    return {camel(field.name) for field in fields(kind)} - {"raw"}


@pytest.mark.parametrize(("kind", "schema", "left_out"), [(kind, *of) for kind, of in (SENT | RECEIVED).items()])
def test_a_class_has_the_fields_of_its_schema(kind: type[Any], schema: str, left_out: set[str]) -> None:
    properties = openapi()["components"]["schemas"][schema]["properties"].keys()
    assert names(kind) - {"events"} == properties - left_out


def test_an_event_and_a_placed_order_know_only_documented_fields() -> None:
    details = set().union(*(required.keys() | optional.keys() for required, optional in DETAILS.values()))
    assert names(Event) - {"status"} - COMMON_FIELDS.keys() <= details
    assert names(Placed) <= openapi()["components"]["schemas"]["Accepted"]["properties"].keys()
    assert FINAL == TERMINAL


def frame(seq: int, status: str = "routing") -> bytes:
    event = {"orderId": ORDER, "seq": seq, "status": status, "attempt": 1, "at": "2030-01-01T00:00:00Z"}
    return orjson.dumps({"type": "event", **event})


def test_an_event_is_passed_on_once_and_a_missing_one_breaks_the_connection() -> None:
    follow = Follow((ORDER,), {})
    assert [event.seq for n in (1, 1, 2, 1) if (event := follow.receive(frame(n)))] == [1, 2]
    with pytest.raises(Broken):
        follow.receive(frame(4))
    assert [orjson.loads(text) for text in follow.subscriptions()] == [
        {"op": "subscribe", "orders": [ORDER], "after": {ORDER: 2}}
    ]
    assert not follow.done
    assert follow.receive(frame(3, "confirmed"))
    assert follow.done


def closed(code: int, reason: str) -> ConnectionClosedError:
    return ConnectionClosedError(Close(code, reason), None)


def test_a_close_code_decides_whether_to_connect_again() -> None:
    breaks = Breaks(60, "http://engine")
    for error in (closed(1012, ""), closed(1013, "the database is unavailable"), closed(4429, ""), OSError()):
        assert 0 < breaks.pause(error) < 5
    with pytest.raises(NotAllowed):
        breaks.pause(closed(4401, "the API key was revoked"))
    with pytest.raises(EventsLost):
        breaks.pause(closed(1013, "the database has lost events that were sent here; reconnect with after=0"))
    with pytest.raises(Unreachable):
        Breaks(0, "http://engine").pause(OSError())


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_an_address_without_its_scheme_is_refused_at_once(kind: type[Client] | type[AsyncClient]) -> None:
    with pytest.raises(EngineError, match="'localhost:3931' is not a valid address: http:// is missing"):
        kind("localhost:3931")
    with pytest.raises(EngineError, match="is not a valid address; example: http://localhost:3000"):
        kind("http://localhost:port")


def test_what_is_no_id_is_an_error_of_this_package() -> None:
    with Client() as client:
        asks: list[Callable[[], object]] = [
            lambda: client.order("x"),
            lambda: client.cancel("../kill-switch"),
            lambda: client.group("x"),
            lambda: client.delete_webhook("x"),
            lambda: next(client.watch("x")),
        ]
        for ask in asks:
            with pytest.raises(EngineError, match="is not the id of"):
                ask()


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the specification's example
MESSAGE, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, '{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def headers(at: int, signature: str) -> dict[str, str]:
    return {"Webhook-Id": MESSAGE, "Webhook-Timestamp": str(at), "Webhook-Signature": signature}


def test_a_webhook_is_verified_as_the_specification_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: float(AT))
    assert verify_webhook(SECRET, headers(AT, f"v1,bm90aGluZw== {SIGNATURE}"), BODY) == {"test": 2432232314}
    for wrong in (headers(AT, "v1,bm90aGluZw=="), headers(AT, "é"), headers(AT + 1, SIGNATURE), {}):
        with pytest.raises(InvalidSignature):
            verify_webhook(SECRET, wrong, BODY)
    with pytest.raises(InvalidSignature):
        verify_webhook(SECRET, headers(AT, SIGNATURE), BODY + " ")


def test_an_old_webhook_is_refused_although_its_signature_is_right() -> None:
    at = int(time.time()) - 301
    key = b64decode(SECRET.removeprefix("whsec_"))
    signature = b64encode(digest(key, f"{MESSAGE}.{at}.{BODY}".encode(), sha256)).decode()
    with pytest.raises(InvalidSignature, match="too old"):
        verify_webhook(SECRET, headers(at, f"v1,{signature}"), BODY)


def test_the_wheel_is_typed_and_needs_two_packages(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=PACKAGE, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as built:
        assert "order_execution_client/py.typed" in built.namelist()
        [metadata] = [name for name in built.namelist() if name.endswith("/METADATA")]
        needs = [line for line in built.read(metadata).decode().splitlines() if line.startswith("Requires-Dist")]
    assert [line.split()[1].partition(">")[0].partition("<")[0] for line in needs] == ["httpx", "websockets"]
