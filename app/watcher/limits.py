"""Fires limit orders: the best mid selects them, the router's quote at the size of each decides.

Only the newest slot counts. MAX_QUOTES orders are quoted at once, those first whose level the mid has passed the
furthest, and owners take turns; then the newest slot is looked at again. An order whose quote says no is put aside, so
that it is not quoted in each slot: until the mid has moved by what was missing, or for a while.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from app.dex.errors import DexError, may_retry
from app.dex.quotes import QuoteRequest
from app.network import Network
from app.orders.queue.lanes import Lane
from app.orders.waiting.prices import HIGHEST
from app.orders.waiting.statements import LONGEST_ASIDE
from app.orders.waiting.triggers import Candidate, Marketable, Refused, TriggerStore
from app.watcher.announcer import Announcer
from app.watcher.recorder import Tick
from app.watcher.rounds import attempt
from app.watcher.turns import Turns

MAX_QUOTES = 100
SHORTEST_ASIDE = 5.0  # seconds


class Limits:
    def __init__(self, store: TriggerStore, network: Network, announcer: Announcer) -> None:
        self._store = store
        self._network = network
        self._router = network.router()
        self._announcer = announcer
        self._newest: Tick | None = None
        self._arrived = asyncio.Event()
        self._turns: defaultdict[str, Turns] = defaultdict(Turns)  # of each pair

    def receive(self, tick: Tick) -> None:
        if any(group.persist == 0 for group in tick.groups):
            self._newest = tick
            self._arrived.set()

    async def run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await attempt("refuse limits", self._refuse_at_mid)
            while self._newest and await self._round(self._newest):
                pass

    async def _refuse_at_mid(self) -> None:
        await self._announcer.ended(await self._store.refuse_at_mid())

    async def _round(self, tick: Tick) -> bool:
        """Whether there may be more."""
        feeds = [group.feed for group in tick.met() if group.persist == 0]
        if not feeds:
            return False
        share = -(-MAX_QUOTES // len(feeds))
        return any(await asyncio.gather(*(attempt("limits", self._fire, feed, tick, share) for feed in feeds)))

    async def _fire(self, feed: str, tick: Tick, share: int) -> bool:
        turns = self._turns[feed]
        page = await self._store.candidates(feed, tick.slot, share, excluded_owners=turns.served())
        changed = bool(page) and await self._decide(feed, tick, page)
        return turns.took((one.owner for one in page), is_full=len(page) == share, changed=changed)

    async def _decide(self, feed: str, tick: Tick, page: Sequence[Candidate]) -> bool:
        """Whether any of these was changed."""
        # The cost is measured against this process's own mid: the recorded one may be of a watcher that knows more.
        token_in, token_out = (self._network.markets.token(symbol) for symbol in feed.split("/"))
        mids = self._network.mids(token_in, token_out, tick.slot).values()
        mid = max(mids, default=tick.rows[feed][tick.slot].best)
        answers = await asyncio.gather(*(self._quote(candidate, tick.slot, mid) for candidate in page))
        changed = False
        if quoted := [answer for answer in answers if isinstance(answer, Marketable)]:
            backlog = await self._announcer.backlog(Lane.LIMITS)
            fired = await self._store.fire_quoted(feed, tick.slot, quoted, backlog=backlog)
            await self._announcer.fired(fired, tick.at)
            changed |= bool(fired)
        refused = [answer for answer in answers if isinstance(answer, Refused)]
        final = [one.candidate for one in refused if one.is_final]
        if at_once := [candidate.order for candidate in final if candidate.time_in_force == "ioc"]:
            await self._announcer.ended(ended := await self._store.refuse_quoted(at_once))
            changed |= bool(ended)
        if refused:
            changed |= await self._store.put_aside(feed, tick.slot, refused) > 0
        return changed

    async def _quote(self, candidate: Candidate, slot: int, mid: Decimal) -> Marketable | Refused:
        try:
            token = self._network.markets.token
            request = QuoteRequest(token(candidate.token_in), token(candidate.token_out), candidate.amount_in)
            route = await self._router.route(
                request, slot, only=candidate.venues, max_price_impact_bps=candidate.max_price_impact_bps
            )
        except DexError as error:  # nobody knows at which price there will be a quote
            if may_retry(error.code):
                return _late(candidate)
            # As long again as it has waited, so twice as long each time: many that no venue can serve at any price
            # would otherwise take all the quotes.
            lasting = max(SHORTEST_ASIDE, candidate.armed_for)
            return Refused(candidate, candidate.base_level, min(lasting, LONGEST_ASIDE))
        if (out := route.best.amount_out) >= candidate.limit_out:
            return Marketable(candidate, route.price, route.best.venue)
        if any(answer.code and may_retry(answer.code) for answer in route.answers):
            return _late(candidate)  # a venue that gave no quote may be the better one
        missing_bps = (candidate.limit_out - out) * 10_000 // out
        needs = min(mid * candidate.limit_out / out, HIGHEST)
        return Refused(candidate, needs, min(SHORTEST_ASIDE + missing_bps, LONGEST_ASIDE))


def _late(candidate: Candidate) -> Refused:
    return Refused(candidate, candidate.base_level, SHORTEST_ASIDE, is_final=False)
