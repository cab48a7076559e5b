"""The engine's own processes, sabotaged: killed at a chosen point, run with a planted bug, or given a wrong clock.

    python -m tests.chaos.sabotaged_process worker '{"kill_at": {"when": "before", "what": "commit", "n": 2}}'

Everything is patched from outside: the product has no hooks for this.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

Call = Callable[..., Awaitable[Any]]


def main() -> None:
    role, sabotage = sys.argv[1], json.loads(sys.argv[2])
    if seconds := sabotage.get("clock"):
        shift_clock(seconds)
    if chain_url := sabotage.get("chain_url"):
        redirect_chain(chain_url)
    if point := sabotage.get("kill_at"):
        kill_at(**point)
    if venue := sabotage.get("venue_down"):
        venue_down(venue)
    if venue := sabotage.get("swaps_fail"):
        swaps_fail(venue)
    if bug := sabotage.get("bug"):
        from tests.chaos import planted_bugs
        from tests.chaos.waiting import planted_bugs as waiting

        {**planted_bugs.BUGS, **waiting.BUGS}[bug]()
    if role == "worker":
        from worker.main import main as work

        work()
    elif role == "watcher":
        from app.watcher.main import main as watch_prices

        watch_prices()
    else:
        from app.server.server import serve
        from app.settings import load

        serve(load())


def shift_clock(seconds: float) -> None:
    """Move the clock of this process."""
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + seconds
    time.time_ns = lambda: real_ns() + int(seconds * 1e9)


def redirect_chain(url: str) -> None:
    """Give the chain connections of its own, so that they can fail alone."""
    from app.mockchain.ledger import MockChain

    original = MockChain.open

    async def open_via_proxy(_: str, **options: Any) -> MockChain:
        return await original(url, **options)

    setattr(MockChain, "open", staticmethod(open_via_proxy))


def venue_down(name: str) -> None:
    """Make this venue refuse all quotes."""
    from app.dex.errors import DexError
    from app.dex.quotes import Quote, QuoteRequest
    from app.dex.simulated.venues import PoolVenue

    quote = PoolVenue.quote

    async def refusing(self: PoolVenue, request: QuoteRequest, slot: int) -> Quote:
        if self.name == name:
            raise DexError("venue_unavailable", "it is down")
        return await quote(self, request, slot)

    setattr(PoolVenue, "quote", refusing)


def swaps_fail(name: str) -> None:
    """Make all swaps of this venue fail on the chain."""
    from app.mockchain import ledger
    from app.mockchain.outcome import PlannedOutcome, plan_outcome

    def failing(signed: Any, *circumstances: Any) -> PlannedOutcome:
        planned = plan_outcome(signed, *circumstances)
        if signed.venue != name:
            return planned
        return PlannedOutcome("failed", planned.slot, planned.landed_ms, "venue_unavailable")

    setattr(ledger, "plan_outcome", failing)


def kill_at(*, when: str, what: str, n: int, order: str | None = None) -> None:
    """Kill this process before or after its n-th commit or send; `order` limits the count to one order."""
    left = n

    def killing(call: Call, counts: Callable[..., bool]) -> Call:
        async def wrapped(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            counted = counts(*arguments)
            left -= counted
            last = counted and left == 0  # decided now: other calls may start before this one ends
            if last and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = await call(*arguments, **options)
            if last and when == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapped

    if what == "send":
        from app.mockchain.ledger import MockChain

        setattr(MockChain, "send", killing(MockChain.send, lambda *_: True))
    elif what == "queue":
        from app.orders.intake import Intake

        setattr(Intake, "enqueue", killing(Intake.enqueue, lambda *_: True))
    else:
        import asyncpg.pool

        from app.orders.store.placing import PLACE
        from app.orders.store.statements import CLAIM, MOVE

        def counts(_: Any, sql: str, *arguments: Any) -> bool:
            if order is not None:  # reading the order is harmless; only executing it kills
                return sql == MOVE and order in str(arguments)
            return sql in (CLAIM, MOVE, PLACE)

        setattr(asyncpg.pool.Pool, "fetch", killing(asyncpg.pool.Pool.fetch, counts))


if __name__ == "__main__":
    main()
