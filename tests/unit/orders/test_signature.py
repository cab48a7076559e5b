"""An event from Redis counts only as this engine has signed it."""

from typing import Any

import pytest

from app.orders.events.publisher import MAX_BATCH, EventMessage, pack, unpack
from app.orders.events.signature import EventSignatures
from app.settings import load

SIGNATURES = EventSignatures("a secret")
EVENT = EventMessage("01a1fcdd-4c14-773b-8d77-909b122b0037", "alice", 5, True, b'{"status":"confirmed"}')
PACKED = pack(EVENT, SIGNATURES)


def test_signed_events_arrive_as_they_were_sent() -> None:
    other = EventMessage("01a1fcdd-4c14-773b-8d77-909b122b0038", "bob", 1, False, b'{"status":"pending"}')
    assert list(unpack(PACKED, SIGNATURES)) == [EVENT]
    assert list(unpack(PACKED + b"\n" + pack(other, SIGNATURES), SIGNATURES)) == [EVENT, other]


def test_a_change_of_any_byte_makes_an_event_invalid() -> None:
    for at in range(len(PACKED)):
        changed = PACKED[:at] + bytes([PACKED[at] ^ 1]) + PACKED[at + 1 :]
        assert list(unpack(changed, SIGNATURES)) == [], at


def test_an_invalid_event_costs_no_other_event_of_its_message() -> None:
    forged = pack(EVENT, EventSignatures("another secret"))
    for message in (forged + b"\n" + PACKED, PACKED + b"\n" + forged, PACKED + b"\nhalf an event"):
        assert list(unpack(message, SIGNATURES)) == [EVENT]


@pytest.mark.parametrize("message", [b"", b"\n", b"x", b"\xff\xff \n", b"a b c d\n{}", b"a 1 end b \n{}"])
def test_anything_else_on_the_channel_is_no_event(message: bytes) -> None:
    assert list(unpack(message, SIGNATURES)) == []


def test_a_message_of_line_breaks_costs_no_more_than_a_full_one(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[bytes] = []
    monkeypatch.setattr(SIGNATURES, "valid", lambda metadata, body, _: checked.append(metadata + body))
    assert list(unpack(b"\n" * 4 * 1024 * 1024, SIGNATURES)) == []
    assert len(checked) <= MAX_BATCH + 1
    monkeypatch.undo()
    assert list(unpack(b"\n".join([PACKED] * MAX_BATCH), SIGNATURES)) == [EVENT] * MAX_BATCH


def agree(one: dict[str, Any], other: dict[str, Any]) -> bool:
    ours, theirs = (EventSignatures.of(load(_env_file=None, **settings)) for settings in (one, other))
    return ours.sign(b"a", b"b") == theirs.sign(b"a", b"b")


def test_processes_agree_if_they_have_the_same_secret_or_the_same_login() -> None:
    db = "postgresql://engine:password@127.0.0.1:5432/orders"
    assert agree({"database_url": db}, {"database_url": db.replace("127.0.0.1:5432", "pooler:6543")})
    assert not agree({"database_url": db}, {"database_url": db.replace("password", "other")})
    assert agree({"engine_secret": "s", "database_url": db}, {"engine_secret": "s"})
    assert not agree({"engine_secret": "s"}, {"engine_secret": "t"})
