"""A ticket is good for one thing, for a minute, for whom it was made; no other string is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.tickets import VALID_SECONDS, Ticket, Tickets, split_ticket

ORDER = "01a1fcdd-4c14-773b-8d77-909b122b0037"


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_it_says_whose_order_and_by_whose_key_for_a_minute() -> None:
    clock = Clock()
    ticket = Tickets("s" * 32, now=clock).issue(ORDER, owner="a b", key="oe_1")
    clock.now += VALID_SECONDS
    assert Tickets("s" * 32, now=clock).read(ticket, ORDER) == Ticket("a b", "oe_1")  # in any process
    clock.now += 1
    assert Tickets("s" * 32, now=clock).read(ticket, ORDER) is None


def test_it_is_for_nothing_else_and_signed_by_nobody_else() -> None:
    tickets = Tickets("s" * 32)
    ticket = tickets.issue(ORDER, owner="a", key="oe_1")
    assert tickets.read(ticket, "stream") is None
    assert tickets.read(ticket, ORDER[:-1] + "8") is None
    assert Tickets("t" * 32).read(ticket, ORDER) is None
    assert Tickets(None).read(Tickets(None).issue(ORDER, owner="a", key=""), ORDER) is None


@given(text=st.text(max_size=200), position=st.integers(0, 100), bit=st.integers(0, 7))
def test_no_other_string_is_a_ticket_and_none_is_an_error(text: str, position: int, bit: int) -> None:
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
def test_it_is_taken_out_of_an_address(query: bytes, rest: bytes, ticket: str | None) -> None:
    assert split_ticket(query) == (rest, ticket)
