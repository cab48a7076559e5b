"""Checks the promises: compares what clients received with the database and with the transactions on the chain."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson

from app.orders.lifecycle import MOVES, TERMINAL, Status
from app.orders.model import PRICES
from tests.engine import event_in, max_in_window

WORTH_AND_COUNTED = """
SELECT (SELECT coalesce(sum(usd_value), 0) FROM orders), (SELECT coalesce(sum(usd), 0) FROM daily_volumes)
"""


@dataclass
class ObservedStream:
    """The events of one order that one client received, over all its reconnects."""

    order: str
    events: list[dict[str, Any]] = field(default_factory=list)
    code: int | None = None  # close code of the last socket


@dataclass
class Verdict:
    orders: int = 0
    lost: int = 0  # P1: accepted but not ended
    twice: int = 0  # P2: more than one fill
    wrong: int = 0  # P2: confirmed without a fill, or filled and not confirmed
    gaps: int = 0  # P3: a log or stream that is not 1..n, not legal, or differs between clients
    duplicates: int = 0  # P4: a key with more than one order
    miscounted: int = 0  # an order that its owner's day does not count, or counts twice
    max_starts: int = 0  # P5: in any 60 s
    violations: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.twice or self.wrong or self.gaps or self.duplicates or self.miscounted)

    def __str__(self) -> str:
        counts = f"{self.orders} orders: {self.lost} lost, {self.twice} twice, {self.wrong} wrong, {self.gaps} gaps, "
        details = "".join(f"\n    {violation}" for violation in self.violations[:10])
        return f"{counts}{self.duplicates} duplicates, at most {self.max_starts} starts in 60 s{details}"


async def judge(
    db: asyncpg.Pool,
    *,
    accepted: Mapping[str, str | None],
    seen: Sequence[ObservedStream] = (),
    chain: bool = True,
    filled: Counter[str] | None = None,
) -> Verdict:
    """`accepted`: the id of each order that was answered with 2xx, with its key. `filled`: how often each order was,
    if that is not on the simulated chain.
    """
    verdict = Verdict(orders=len(accepted))
    orders = {str(row["id"]): row for row in await db.fetch("SELECT * FROM orders")}
    logs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in await db.fetch("SELECT * FROM order_events ORDER BY order_id, seq"):
        details = orjson.loads(row["details"]) if row["details"] else {}
        details |= {name: float(details[name]) for name in PRICES & details.keys()}  # stored as text, sent as numbers
        logs[str(row["order_id"])].append(
            {"seq": row["seq"], "status": row["status"], "attempt": row["attempt"], **details}
        )
    fills = filled or Counter[str]()
    if chain and filled is None:
        rows = await db.fetch("SELECT split_part(memo, ' ', 1) AS memo FROM chain.transactions WHERE status = 'landed'")
        fills.update(row["memo"] for row in rows)

    def violation(order: str, problem: str) -> int:
        verdict.violations.append(f"{order}: {problem}")
        return 1

    ((worth, counted),) = await db.fetch(WORTH_AND_COUNTED)
    if worth != counted:
        verdict.miscounted += violation("all", f"worth {worth}, counted for the risk limits {counted}")

    for order in accepted:
        placed = orders.get(order)
        if placed is None or placed["status"] not in TERMINAL:
            status = "not in the database" if placed is None else placed["status"]
            verdict.lost += violation(order, f"accepted, but {status}")
    for order, row in orders.items():
        if chain:
            if fills[order] > 1:
                verdict.twice += violation(order, f"filled {fills[order]} times")
            if (fills[order] >= 1) != (row["status"] == "confirmed") and row["status"] in TERMINAL:
                verdict.wrong += violation(order, f"{row['status']} with {fills[order]} fills")
        if flaw := _flaw(row["status"], row["seq"], logs[order]):
            verdict.gaps += violation(order, flaw)
    for one in seen:
        received = [
            {name: value for name, value in event_in(frame).items() if name not in ("orderId", "at")}
            for frame in one.events
        ]
        if received != logs[one.order]:
            verdict.gaps += violation(
                one.order, f"a client received {_short(received)}, the log is {_short(logs[one.order])}"
            )
        elif one.code != 1000:
            verdict.gaps += violation(one.order, f"a stream ended with {one.code}")
    keys = Counter(row["idempotency_key"] for row in orders.values() if row["idempotency_key"])
    verdict.duplicates = sum(violation(key, f"made {count} orders") for key, count in keys.items() if count > 1)
    starts = await db.fetch("SELECT at FROM order_events WHERE status = 'routing' AND details IS NULL ORDER BY at")
    verdict.max_starts = max_in_window([row["at"].timestamp() for row in starts], 60)
    return verdict


def _flaw(status: str, seq: int, log: list[dict[str, Any]]) -> str | None:
    """The first thing that is wrong with a log, or None."""
    if [event["seq"] for event in log] != list(range(1, seq + 1)):
        return f"the log is {_short(log)}, the row says {seq}"
    if not log or log[-1]["status"] != status:
        return f"log and row end differently: {_short(log)}, {status}"
    before: Status | None = None
    for event in log:
        after = Status(event["status"])
        amended = before is after is Status.OPEN
        if before is not None and after not in MOVES[before] and not amended:
            return f"an illegal move: {_short(log)}"
        before = after
    return None


def _short(log: list[dict[str, Any]]) -> str:
    return " ".join(f"{event['seq']}:{event['status']}({event['attempt']})" for event in log)
