"""A subscriber gets each order's events in order, each once, whatever the channel loses, repeats or delays."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from app.orders.events.publisher import EventMessage
from app.orders.events.subscriber import MAX_ENDED, LogCursor, Subscriber

ORDER = "an order"


def message(seq: int) -> EventMessage:
    return EventMessage(ORDER, "owner", seq, False, b"{}")


class Order:
    """One order whose events are published on a bad channel, and the task of a socket that follows it.

    The task takes what was received, or else reads the log. Messages can arrive while it reads.
    """

    def __init__(self, after: int) -> None:
        self.length = after
        self.delivered: list[int] = []
        self._subscriber = Subscriber(owner=None, max_buffered=4)
        self._subscriber.follow(ORDER, after)
        self._in_flight: list[EventMessage] = []  # published, and not yet received
        self._reading: tuple[dict[str, int], list[EventMessage]] | None = None

    def commit(self) -> None:
        self.length += 1
        self._in_flight.append(message(self.length))

    def arrive(self) -> None:
        if self._in_flight:
            self._subscriber.receive(self._in_flight.pop(0))

    def lose(self) -> None:
        if self._in_flight:
            self._in_flight.pop(0)

    def repeat(self) -> None:
        if self._in_flight:
            self._subscriber.receive(self._in_flight[0])

    def heal(self) -> None:
        self._subscriber.exists(ORDER, self.length)

    def read(self) -> None:
        if self._reading is not None:
            asked, log = self._reading
            self._reading = None
            self.delivered += [item.seq for item in self._subscriber.apply_log(asked, log)]
        elif messages := self._subscriber.take():
            self.delivered += [item.seq for item in messages]
        elif asked := self._subscriber.needed():
            after = self._subscriber.delivered(asked)[ORDER]
            self._reading = asked, [message(seq) for seq in range(after + 1, self.length + 1)]


STEPS = st.sampled_from(["commit", "commit", "arrive", "arrive", "lose", "repeat", "heal", "read", "read", "read"])


@given(st.integers(0, 2), st.lists(STEPS, min_size=10, max_size=60))
def test_whatever_the_channel_loses_or_repeats_the_log_is_delivered_once_and_in_order(
    after: int, steps: list[str]
) -> None:
    order = Order(after)
    for step in steps:
        getattr(order, step)()
    order.heal()
    for _ in range(6):
        order.read()
    assert order.delivered == list(range(after + 1, order.length + 1))


def test_what_a_full_buffer_cannot_take_is_read_from_the_log() -> None:
    subscriber = Subscriber(owner=None, max_buffered=2)
    for seq in (1, 2, 3):
        subscriber.receive(message(seq))
    assert [item.seq for item in subscriber.take()] == [1, 2]
    assert subscriber.needed() == {ORDER: 3}


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


def test_only_the_next_event_of_a_log_is_delivered() -> None:
    cursor = LogCursor(2)
    assert [seq for seq in (2, 4, 3, 3, 4) if cursor.read(seq)] == [3, 4]


def test_ended_orders_take_little_memory() -> None:
    orders = [f"order {number}" for number in range(10_000)]
    tracemalloc.start()
    subscriber = Subscriber(owner="owner", max_buffered=4)
    for order in orders:
        subscriber.receive(EventMessage(order, "owner", 1, True, b"{}"))
        subscriber.take()
        subscriber.finish(order)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 320 * 1024
    assert all(map(subscriber.follows, orders[-MAX_ENDED:]))  # none of them begins again
    assert not any(map(subscriber.awaits, orders))
