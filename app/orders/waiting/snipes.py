"""Firing snipers: orders that wait until a token is traded. They are found by its mint.

- The feed of such a trigger is `mint`, or `mint@venue`, and its level the least depth in dollars.
- Once it is met, the quote at the order's size decides. It says yes: the order is fired. It says no, or nobody gives
  one: the order waits like a limit order from then on. Each happens once, by one statement, which also fixes the floor:
  until then nobody knew the decimals of the token.
- A row that somebody else has locked is skipped. The kill switch is part of the statements.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import asyncpg

from app.orders.conditions import feed_of
from app.orders.kill_switch.states import may_fire
from app.orders.lifecycle import LAUNCHED, Status
from app.orders.store.reads import event_from
from app.orders.store.statements import logged
from app.orders.waiting.isolation import LeftOut
from app.orders.waiting.statements import IN_TIME, fires, of_chain, starts_in
from app.orders.waiting.triggers import Backlog, Moved
from app.postgres.running import fetch

# $1 feeds, $2 the depth of each in dollars, $3 at most so many, $4 orders that failed, $5 owners that are left out,
# $6 the tokens that are traded: an order that pays with another one waits, and must not take the place of one that can
# be quoted. $7 the chain. Each feed is one step into an index. The status is written as CASE, so that orders are found
# by key.
MET = f"""
SELECT met.*, clock_timestamp() AS now
  FROM unnest($1::text[], $2::numeric[]) AS traded(feed, depth)
 CROSS JOIN LATERAL (
       SELECT t.order_id, t.owner, t.feed, t.base_level, o.token_in, o.amount_in, o.venues, o.max_price_impact_bps
         FROM triggers t JOIN orders o ON o.id = t.order_id
        WHERE t.armed AND t.op = 'launch' AND t.feed = traded.feed AND t.level <= traded.depth
          AND t.order_id <> ALL($4::uuid[]) AND t.owner <> ALL($5::text[]) AND {may_fire("t.owner", "t.order_type")}
          AND o.token_in = ANY($6::text[])
          AND CASE o.status WHEN '{Status.OPEN}' THEN {IN_TIME} AND {of_chain("$7")} END
        ORDER BY t.level LIMIT $3) met
 LIMIT $3
"""

# $1 orders, $2 their limit prices when they were looked at, $3 their floors, $4 the symbol of the token that they buy.
# The limit price is in the row that is locked: of an order that was amended meanwhile it differs.
_WANTED = """SELECT * FROM unnest($1::uuid[], $2::numeric[], $3::numeric[], $4::text[]{more})
                  AS w(order_id, base_level, floor, symbol{names})"""
_MINE = "t.armed AND t.op = 'launch' AND t.base_level = w.base_level"

# $5 the prices and $6 the venues of the quotes, $7 their slot, $8 when they were asked for, $9 the greatest age in
# seconds: a watcher may have been frozen since. $10 and $11 for `starts_in`, $12 the chain.
FIRE = f"""
WITH wanted AS (
    {_WANTED.format(more=", $5::text[], $6::text[]", names=", price, venue")}
     WHERE $8::timestamptz BETWEEN clock_timestamp() - $9 * interval '1 second' AND clock_timestamp()
), met AS MATERIALIZED (
    SELECT t.ctid AS row, t.order_id, t.base_level AS level, t.group_id, t.rank, w.price, w.venue, w.floor, w.symbol
      FROM wanted w JOIN triggers t USING (order_id) JOIN orders o ON o.id = t.order_id
     WHERE {_MINE} AND {may_fire("t.owner", "t.order_type")} AND {IN_TIME} AND {of_chain("$12")}
     ORDER BY t.order_id FOR UPDATE OF t, o SKIP LOCKED
), {
    fires(
        "json_strip_nulls(json_build_object('tokenOut', symbol, 'trigger', json_build_object("
        "'slot', $7::bigint, 'price', price, 'level', trim_scale(level)::text, 'source', venue),"
        f" 'startsInMs', {starts_in('$10', '$11')}))",
        also="limit_out = gone.floor, token_out = gone.symbol",
    )
}"""

# $5 the feeds of their prices, $6 the chain
WAIT_FOR_PRICE = f"""
WITH wanted AS (
    {_WANTED.format(more=", $5::text[]", names=", price_feed")}
), met AS MATERIALIZED (
    SELECT t.order_id, w.floor, w.symbol, w.price_feed
      FROM wanted w JOIN triggers t USING (order_id) JOIN orders o ON o.id = t.order_id
     WHERE {_MINE} AND {of_chain("$6")} ORDER BY t.order_id FOR UPDATE OF t, o SKIP LOCKED
), armed AS (
    UPDATE triggers t SET feed = met.price_feed, op = 'ge', persist = 0, level = t.base_level
      FROM met WHERE t.order_id = met.order_id
), told AS (
    UPDATE orders o SET limit_out = met.floor, token_out = met.symbol, seq = o.seq + 1, updated_at = now()
      FROM met WHERE o.id = met.order_id AND o.status = '{Status.OPEN}'
    RETURNING o.id, o.owner, o.type, o.seq, o.status, o.attempt, o.updated_at,
              json_build_object('code', '{LAUNCHED}', 'tokenOut', o.token_out) AS details
), {logged("told", details="details")}
SELECT id AS order_id, seq, status, attempt, updated_at AS at, details, owner, type FROM told
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snipe:
    """An order whose token is traded now, as deep as it asked for."""

    order: UUID
    owner: str
    feed: str
    limit_price: Decimal
    token_in: str
    amount_in: int
    venues: tuple[str, ...] | None
    max_price_impact_bps: int | None
    now: datetime  # on the clock of Postgres

    @property
    def mint(self) -> str:
        return self.feed.partition("@")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What was found for an order."""

    snipe: Snipe
    floor: int  # base units
    symbol: str  # of the token that it buys
    price: str | None = None  # of the quote at its size that reaches the floor; None: there is no such quote
    venue: str | None = None


class SnipeStore:
    def __init__(self, pool: asyncpg.Pool, *, max_age: float, chain: str | None = None) -> None:
        self._pool = pool
        self._max_age = max_age  # seconds: an older quote fires nothing
        self._chain = chain  # on which the tokens are launched; None: the simulated one
        self._left_out = LeftOut[UUID]()

    async def met(
        self, depths: Mapping[str, int], limit: int, *, tokens_in: Sequence[str], excluded_owners: Sequence[str] = ()
    ) -> list[Snipe]:
        """Orders that wait for one of these feeds, whose depth in dollars is given, and pay with one of these tokens,
        except those of some owners."""
        dollars = list(map(Decimal, depths.values()))
        rows = await fetch(
            self._pool, MET, list(depths), dollars, limit, self._left_out.ids(), excluded_owners, tokens_in, self._chain
        )
        return [
            Snipe(
                order=row["order_id"],
                owner=row["owner"],
                feed=row["feed"],
                limit_price=row["base_level"],
                token_in=row["token_in"],
                amount_in=int(row["amount_in"]),
                venues=None if row["venues"] is None else tuple(row["venues"]),
                max_price_impact_bps=row["max_price_impact_bps"],
                now=row["now"],
            )
            for row in rows
        ]

    async def fire(self, decided: Sequence[Decided], slot: int, at: datetime, *, backlog: Backlog) -> list[Moved]:
        """Those with a quote, which was asked for at this slot and time."""

        async def fire(these: Sequence[Decided]) -> list[Moved]:
            quotes = [one.price for one in these], [one.venue for one in these]
            age = slot, at, self._max_age
            return await self._move(FIRE, these, *quotes, *age, backlog.ahead, backlog.per_minute, self._chain)

        return await self._left_out.change(decided, fire, key=lambda one: one.snipe.order)

    async def wait_for_price(self, decided: Sequence[Decided]) -> list[Moved]:
        """Those without one: each waits for its limit price from now on."""

        async def wait(these: Sequence[Decided]) -> list[Moved]:
            feeds = [feed_of(one.snipe.token_in, one.symbol) for one in these]
            return await self._move(WAIT_FOR_PRICE, these, feeds, self._chain)

        return await self._left_out.change(decided, wait, key=lambda one: one.snipe.order)

    async def _move(self, sql: str, decided: Sequence[Decided], *arguments: object) -> list[Moved]:
        rows = await fetch(
            self._pool,
            sql,
            [one.snipe.order for one in decided],
            [one.snipe.limit_price for one in decided],
            [Decimal(one.floor) for one in decided],
            [one.symbol for one in decided],
            *arguments,
        )
        return [Moved(row["owner"], row["type"], event_from(row)) for row in rows]
