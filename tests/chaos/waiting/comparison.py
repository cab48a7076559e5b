"""What an engine did, read from its database, beside what the model says."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from app.dex.errors import DexError
from app.dex.quotes import QuoteRequest
from app.dex.simulated.launches import Launch, pool_of
from app.dex.simulated.set_prices import SetPrice
from app.dex.simulated.venues import PoolVenue
from app.network import Network, open_network
from app.settings import load
from tests.chaos.oracle import judge
from tests.chaos.waiting.books import BLOCK_MS, Book
from tests.chaos.waiting.findings import Findings
from tests.chaos.waiting.model import Model
from tests.chaos.waiting.orders import Event, Order, Price


async def compare(
    db: asyncpg.Pool,
    books: Sequence[Book],
    triggers: Mapping[str, str],
    outages: Sequence[tuple[datetime, datetime]] = (),
) -> Findings:
    """Model and engine: what they do not agree on. `triggers`: as they were before the rest was cancelled."""
    settings = load(database_url="", mock_block_ms=BLOCK_MS)
    network = open_network(settings)
    rows = await db.fetch("SELECT id, token_in, token_out, price, from_ms FROM chain.set_prices ORDER BY id")
    network.set_prices.add((SetPrice(**row) for row in rows), forget_before_ms=0)
    quotes = dict[tuple[str, int, int], int | None]()

    def quote(order: Order, slot: int) -> int | None:
        key = order.feed, order.amount_in, slot
        if key not in quotes:
            quotes[key] = _best_quote(network, *key)
        return quotes[key]

    for row in await db.fetch("SELECT venue, symbol, name, decimals, usd, quote, depth_usd FROM chain.launches"):
        pool = pool_of(Launch(**row), network.markets)
        network.markets.add((pool.x, pool.y), (pool,))
    prices = defaultdict[str, list[Price]](list)
    for row in await db.fetch("SELECT * FROM prices"):
        best, low, high = (Fraction(row[name]) for name in ("best", "low", "high"))
        token_in, token_out = (network.markets.token(symbol) for symbol in row["feed"].split("/"))
        known = row["best"] == max(network.mids(token_in, token_out, row["slot"]).values())
        prices[row["feed"]].append(Price(row["slot"], best, low, high, row["at"], known))
    model = Model(prices, quote, slot_seconds=BLOCK_MS / 1000, outages=outages)
    orders = await _orders(db, network, books, triggers)
    findings = model.judge(orders)
    verdict = await judge(db, accepted={order.id: None for order in orders})
    lost = verdict.lost + verdict.twice + verdict.wrong + verdict.gaps + verdict.duplicates
    findings.problems["wrong"] += [one for one in verdict.violations if lost and not one.startswith("all:")]
    findings.problems["slices"] = await _slices(db, books)
    return findings


def _best_quote(network: Network, feed: str, amount_in: int, slot: int) -> int | None:
    token_in, token_out = (network.markets.token(symbol) for symbol in feed.split("/"))
    found = []
    for venue in network.venues:
        try:
            assert isinstance(venue, PoolVenue)
            found.append(venue.quote_now(QuoteRequest(token_in, token_out, amount_in), slot))
        except DexError:
            continue
    best = max(found, key=lambda one: (one.net, one.amount_out), default=None)
    return None if best is None else best.amount_out


async def _orders(
    db: asyncpg.Pool, network: Network, books: Sequence[Book], triggers: Mapping[str, str]
) -> list[Order]:
    bodies = {order: (book, placed) for book in books for order, placed in book.orders.items()}
    logs, floors, fills = (defaultdict[str, list[Any]](list) for _ in range(3))
    for row in await db.fetch("SELECT order_id, status, at, details FROM order_events ORDER BY order_id, seq"):
        event = Event(row["status"], row["at"], orjson.loads(row["details"]) if row["details"] else {})
        logs[str(row["order_id"])].append(event)
    for row in await db.fetch(
        "SELECT split_part(memo, ' ', 1) AS memo, sent_at, amount_out FROM chain.transactions WHERE status = 'landed'"
    ):
        fills[row["memo"]].append((row["sent_at"], int(row["amount_out"])))
    found = []
    for row in await db.fetch("SELECT * FROM orders WHERE id = ANY($1)", [UUID(order) for order in bodies]):
        order = str(row["id"])
        book, placed = bodies[order]
        tokens = [network.markets.find(row[name]) for name in ("token_in", "token_out")]
        decimals = [token.decimals if token else 0 for token in tokens]  # 0: it was not launched
        for event in logs[order]:
            if event.status == "building":
                floors[order].append((event.at, int(Decimal(event.details["minAmountOut"]).scaleb(decimals[1]))))
        found.append(
            Order(
                id=order,
                feed=f"{row['token_in']}/{row['token_out']}",
                amount_in=int(row["amount_in"]),
                decimals=(decimals[0], decimals[1]),
                body=placed.body,
                events=logs[order],
                limit_out=int(row["limit_out"] or 0),
                expires_at=row["expires_at"],
                group=placed.group,
                entry=placed.entry,
                floors=floors[order],
                fills=fills[order],
                cancel_asked=order in book.cancelled,
                seen=placed.seen,
                launch=book.launch,
                trigger=triggers.get(order, "none"),
            )
        )
    return found


async def _slices(db: asyncpg.Pool, books: Sequence[Book]) -> list[str]:
    """What is wrong with the orders that are executed in slices."""
    found = []
    for parent, body in ((parent, body) for book in books for parent, body in book.plans.items()):
        rows = await db.fetch(
            """SELECT c.slice, c.amount_in, p.amount_in AS whole, c.created_at - p.created_at AS after
                 FROM orders c JOIN orders p ON p.id = c.parent_id WHERE p.id = $1 ORDER BY c.slice, c.created_at""",
            UUID(parent),
        )
        wanted, every = body["schedule"]["slices"], body["schedule"]["everySeconds"]
        if [row["slice"] for row in rows] != list(range(1, wanted + 1)):
            found.append(f"{parent} has the slices {[row['slice'] for row in rows]} of {wanted}")
        elif sum(row["amount_in"] for row in rows) != rows[0]["whole"]:
            found.append(f"{parent}: its slices are not the whole")
        if any(row["after"].total_seconds() < (row["slice"] - 1) * every for row in rows):
            found.append(f"{parent}: a slice before its time")
    return found
