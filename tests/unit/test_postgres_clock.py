"""The clock of Postgres, reckoned from what it said last."""

import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.watcher.recorder import Clock

START = 1_800_000_000.0  # what the clock of Postgres says when that of the process says 0


class Clocks:
    def __init__(self) -> None:
        self.now = 0.0
        self.postgres = START

    async def ask(self, clock: Clock, *, before: float, after: float = 0.01) -> None:
        """The answer takes `before` and `after` seconds, until the clock is read and from then on."""

        async def question() -> Any:
            self.now += before
            said = datetime.fromtimestamp(self.postgres + self.now, UTC)
            self.now += after
            return SimpleNamespace(now=said)

        await clock.ask(cast("Any", question))


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(time, "monotonic", lambda: clocks.now)
    return clocks


async def test_one_answer_that_takes_long_moves_the_clock_neither_way(clocks: Clocks) -> None:
    clock = Clock()
    for before, after in ((0.01, 0.01), (0.9, 0.01), (0.01, 0.9)):
        await clocks.ask(clock, before=before, after=after)
        clocks.now += 0.4
        true = clocks.postgres + clocks.now
        assert true <= clock.latest().timestamp() <= true + 0.02
        assert true - 0.02 <= clock.earliest().timestamp() <= true


@pytest.mark.parametrize("by", [-600, -0.5, 0.5, 600])
async def test_a_clock_that_was_set_is_noticed_at_the_next_answer(clocks: Clocks, by: float) -> None:
    clock = Clock()
    await clocks.ask(clock, before=0.01)
    assert clock.was_set  # the first one
    await clocks.ask(clock, before=0.01)
    assert not clock.was_set
    clocks.postgres += by
    await clocks.ask(clock, before=0.01)
    assert clock.was_set
    assert abs(clock.latest().timestamp() - clocks.postgres - clocks.now) < 0.03
    await clocks.ask(clock, before=0.9)
    assert not clock.was_set
