"""Fires snipers: as soon as this process hears of a new pool, and for orders that came later once a second.

Owners take turns of MAX_QUOTES orders.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from app.dex.amounts import MAX_UNITS
from app.dex.errors import DexError
from app.dex.markets import Markets
from app.dex.quotes import QuoteRequest
from app.network import Network
from app.orders.conditions import amount_at, launch_feed
from app.orders.queue.lanes import Lane
from app.orders.waiting.snipes import Decided, Snipe, SnipeStore
from app.orders.waiting.triggers import Moved
from app.watcher.announcer import Announcer
from app.watcher.turns import Turns

MAX_QUOTES = 100  # at once


class Snipers:
    def __init__(self, store: SnipeStore, network: Network, announcer: Announcer) -> None:
        self._store = store
        self._network = network
        self._router = network.router()
        self._announcer = announcer
        self._turns = Turns()
        self.launched = asyncio.Event()  # a pool is new
        network.markets.on_growth(self.launched.set)

    async def round(self) -> bool:
        """Whether there may be more to do."""
        self.launched.clear()
        markets = self._network.markets
        page = await self._store.met(
            depths(markets),
            MAX_QUOTES,
            tokens_in=[token.symbol for token in markets.tokens],
            excluded_owners=self._turns.served(),
        )
        changed = bool(page) and await self._decide(page)
        return self._turns.took((snipe.owner for snipe in page), is_full=len(page) == MAX_QUOTES, changed=changed)

    async def _decide(self, page: Sequence[Snipe]) -> bool:
        """Whether any of these was changed."""
        at = page[0].now
        slot = self._network.slot_at(at)
        decided = await asyncio.gather(*(self._quote(snipe, slot) for snipe in page))
        moved = list[Moved]()
        if quoted := [one for one in decided if one.price is not None]:
            backlog = await self._announcer.backlog(Lane.LIMITS)
            moved += (fired := await self._store.fire(quoted, slot, at, backlog=backlog))
            await self._announcer.fired(fired, at)
        if others := [one for one in decided if one.price is None]:
            moved += (waiting := await self._store.wait_for_price(others))
            await self._announcer.ended(waiting)
        return bool(moved)

    async def _quote(self, snipe: Snipe, slot: int) -> Decided:
        token = self._network.markets.token
        token_in, token_out = token(snipe.token_in), token(snipe.mint)
        floor = amount_at(snipe.limit_price, snipe.amount_in, token_in.decimals, token_out.decimals)
        what = Decided(snipe=snipe, floor=min(floor, MAX_UNITS), symbol=token_out.symbol)
        try:
            route = await self._router.route(
                QuoteRequest(token_in, token_out, snipe.amount_in),
                slot,
                only=snipe.venues,
                max_price_impact_bps=snipe.max_price_impact_bps,
            )
        except DexError:
            return what
        if route.best.amount_out < floor:
            return what
        return Decided(snipe=snipe, floor=floor, symbol=token_out.symbol, price=route.price, venue=route.best.venue)


def depths(markets: Markets) -> dict[str, int]:
    """What the pools of each token hold, in dollars: on each venue, and on all of them."""
    found: dict[str, int] = defaultdict(int)
    for pool in markets.pools:
        for token in (pool.x, pool.y):
            found[launch_feed(token.mint)] += pool.depth_usd
            found[launch_feed(token.mint, pool.venue)] += pool.depth_usd
    return found
