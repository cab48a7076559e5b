"""The clock of Redis is known as well as the fastest answer shows it, and never expected to be later than it is."""

from app.orders.queue.redis_clock import RedisClock


def test_before_an_answer_nothing_is_expected() -> None:
    assert RedisClock().expected(1_000.0) == 0


def test_time_on_the_way_does_not_add_up() -> None:
    clock = RedisClock()
    clock.read(500_000, "1", sent=10.0, received=10.2)  # at 10.1
    assert clock.expected(11.0) == 500_800
    clock.read(501_000, "1", sent=11.1, received=11.102)  # at 11.101
    assert clock.expected(12.0) == 501_898
    clock.read(502_000, "1", sent=12.0, received=12.4)  # at 12.101
    assert clock.expected(13.0) == 502_898


def test_a_clock_that_runs_slower_is_followed() -> None:
    clock = RedisClock()
    clock.read(500_000, "1", sent=10.0, received=10.0)
    clock.read(509_990, "1", sent=20.0, received=20.004)
    assert clock.expected(20.0) == 509_990


def test_what_was_read_in_another_epoch_does_not_count() -> None:
    clock = RedisClock()
    clock.read(500_000, "1", sent=10.0, received=10.0)
    clock.read(501_000, "2", sent=11.0, received=11.5)
    assert (clock.epoch, clock.expected(12.0)) == ("2", 501_500)
