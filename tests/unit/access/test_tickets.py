"""A ticket is valid for one scope and one minute, and nothing else passes as a ticket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.tickets import VALID_SECONDS, Ticket, Tickets, split_ticket

ORDER = "01a1fcdd-4c14-773b-8d77-909b122b0037"


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_ticket_holds_owner_and_key_and_is_valid_for_a_minute() -> None:
    clock = Clock()
    ticket = Tickets("s" * 32, now=clock).issue(ORDER, owner="a b", key="oe_1")
    clock.now += VALID_SECONDS
    assert Tickets("s" * 32, now=clock).read(ticket, ORDER) == Ticket(
        "a b", "oe_1"
    )  # another process with the same secret
    clock.now += 1
    assert Tickets("s" * 32, now=clock).read(ticket, ORDER) is None


def test_another_scope_or_another_secret_makes_a_ticket_invalid() -> None:
    tickets = Tickets("s" * 32)
    ticket = tickets.issue(ORDER, owner="a", key="oe_1")
    assert tickets.read(ticket, "stream") is None
    assert tickets.read(ticket, ORDER[:-1] + "8") is None
    assert Tickets("t" * 32).read(ticket, ORDER) is None
    assert Tickets(None).read(Tickets(None).issue(ORDER, owner="a", key=""), ORDER) is None


@given(text=st.text(max_size=200), position=st.integers(0, 100), bit=st.integers(0, 7))
def test_any_other_string_is_refused_and_none_raises(text: str, position: int, bit: int) -> None:
    tickets = Tickets("s" * 32)
    assert tickets.read(text, ORDER) is None
    issued = tickets.issue(ORDER, owner="a", key="oe_1").encode()
    spoiled = bytearray(issued)
    spoiled[position] ^= 1 << bit
    assert tickets.read(spoiled.decode("latin-1"), ORDER) is None or bytes(spoiled) == issued


@pytest.mark.parametrize(
    ("query", "rest", "ticket"),
    [
        (b"", b"", None),
        (b"orderId=x&after=3", b"orderId=x&after=3", None),
        (b"orderId=x&ticket=abc&after=3", b"orderId=x&after=3", "abc"),
        (b"ticket=a&ticket=b", b"", "a"),
        (b"ticket=", b"", ""),
    ],
)
def test_the_ticket_is_removed_from_a_query_string(query: bytes, rest: bytes, ticket: str | None) -> None:
    assert split_ticket(query) == (rest, ticket)
