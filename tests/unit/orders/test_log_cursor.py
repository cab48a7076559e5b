"""A subscriber gets each order's events in order, each once, whatever the channel loses, repeats or delays."""

from hypothesis import given
from hypothesis import strategies as st

from app.orders.events.publisher import EventMessage
from app.orders.events.subscriber import LogCursor, Subscriber

ORDER = "an order"


def message(seq: int) -> EventMessage:
    return EventMessage(ORDER, "owner", seq, False, b"{}")


def read_log(subscriber: Subscriber, length: int) -> list[int]:
    """What the feed does when a log is needed: read it from where delivery stands."""
    asked = subscriber.needed()
    after = subscriber.delivered(asked)
    log = [message(seq) for seq in range(after.get(ORDER, length) + 1, length + 1)]
    return [item.seq for item in subscriber.apply_log(asked, log)]


@given(st.integers(0, 8), st.lists(st.one_of(st.integers(1, 12), st.just("read"), st.just("heal")), max_size=60))
def test_any_mixture_of_messages_reads_and_healing_delivers_the_log_once_and_in_order(
    start: int, steps: list[int | str]
) -> None:
    subscriber, length, delivered = Subscriber(owner=None, max_buffered=4), 12, []
    subscriber.follow(ORDER, start)
    for step in steps:
        if step == "heal":
            subscriber.exists(ORDER, length)
        elif step == "read":
            delivered += [item.seq for item in subscriber.take()] or read_log(subscriber, length)
        else:
            assert isinstance(step, int)
            subscriber.receive(message(step))
    subscriber.exists(ORDER, length)
    delivered += [item.seq for item in subscriber.take()]
    delivered += read_log(subscriber, length)
    assert delivered == list(range(start + 1, length + 1))
    assert subscriber.needed() == {}


def test_an_event_published_while_the_log_is_read_is_read_next() -> None:
    cursor = LogCursor(0, needed=1)
    assert not cursor.receive(2)
    assert cursor.read(1)
    cursor.has_read(asked=1)
    assert cursor.needed == 2


def test_an_event_that_the_log_does_not_have_is_not_asked_for_again() -> None:
    cursor = LogCursor(3)
    cursor.exists(9)
    cursor.has_read(asked=9)
    assert cursor.needed == 0
    assert cursor.receive(4)
