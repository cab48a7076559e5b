"""A subscriber gets each order's events in order, each once, whatever the channel loses, repeats or delays."""

from hypothesis import given
from hypothesis import strategies as st

from app.orders.events.publisher import EventMessage
from app.orders.events.subscriber import LogCursor, Subscriber

ORDER, LENGTH = "an order", 12


def message(seq: int) -> EventMessage:
    return EventMessage(ORDER, "owner", seq, False, b"{}")


class Reader:
    """What the task of a socket does: take what was received, or else read the logs that are needed. Messages can arrive
    while a log is read."""

    def __init__(self, subscriber: Subscriber) -> None:
        self.delivered: list[int] = []
        self._subscriber = subscriber
        self._reading: tuple[dict[str, int], list[EventMessage]] | None = None

    def step(self) -> None:
        if self._reading is not None:
            asked, log = self._reading
            self._reading = None
            self.delivered += [item.seq for item in self._subscriber.apply_log(asked, log)]
        elif messages := self._subscriber.take():
            self.delivered += [item.seq for item in messages]
        elif asked := self._subscriber.needed():
            after = self._subscriber.delivered(asked)[ORDER]
            self._reading = asked, [message(seq) for seq in range(after + 1, LENGTH + 1)]


@given(st.integers(0, 8), st.lists(st.one_of(st.integers(1, LENGTH), st.just("read"), st.just("heal")), max_size=60))
def test_any_mixture_of_messages_reads_and_healing_delivers_the_log_once_and_in_order(
    start: int, steps: list[int | str]
) -> None:
    subscriber = Subscriber(owner=None, max_buffered=4)
    subscriber.follow(ORDER, start)
    reader = Reader(subscriber)
    for step in steps:
        if step == "heal":
            subscriber.exists(ORDER, LENGTH)
        elif step == "read":
            reader.step()
        else:
            assert isinstance(step, int)
            subscriber.receive(message(step))
    subscriber.exists(ORDER, LENGTH)
    for _ in range(4):
        reader.step()
    assert reader.delivered == list(range(start + 1, LENGTH + 1))
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
