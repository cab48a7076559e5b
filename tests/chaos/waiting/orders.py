"""Orders that wait, as the model sees them: their terms, their own log, and the times during which they may fire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

STOP_SLIPPAGE = 300
PLACES = 10**18
COMMIT = timedelta(seconds=0.3)  # from the moment of an event to when everybody can see it, on a busy machine
FIRST_WAIT, LONGEST_WAIT = 1, 60


@dataclass(frozen=True, slots=True)
class Price:
    """A recorded price."""

    slot: int
    best: Fraction
    low: Fraction
    high: Fraction
    at: datetime
    known: bool = True  # false: the watcher that recorded it had not heard yet that the market was moved


@dataclass(frozen=True, slots=True)
class Seen:
    """The highest price that a trailing stop has seen: at least, and at most."""

    low: Fraction
    high: Fraction


NOTHING = Seen(Fraction(0), Fraction(0))
UNKNOWN = Seen(Fraction(0), Fraction(10**30))


@dataclass(slots=True)
class Launch:
    """A token that nobody trades at first."""

    symbol: str
    asked: datetime | None = None  # for its pool
    traded: datetime | None = None  # from when on, at the latest


@dataclass(frozen=True, slots=True)
class Event:
    status: str
    at: datetime
    details: Mapping[str, Any]

    @property
    def fires(self) -> bool:
        return self.status == "pending" and "trigger" in self.details


@dataclass(frozen=True, slots=True)
class Terms:
    """What an order asks for, as its owner said it."""

    kind: str
    level: Fraction  # of a trailing stop: from which price on it follows the price
    persist: int  # recorded slots in a row; 0: the best mid, and a quote at the order's size
    floor: int  # base units: the least that it accepts
    floor_price: Fraction
    trail_bps: int = 0

    @staticmethod
    def of(
        body: Mapping[str, Any], amount_in: int, decimals: tuple[int, int], fired_at: Fraction = Fraction(0)
    ) -> "Terms":
        """`fired_at`: the level at which a trailing stop fires, or has fired: its floor lies below that."""
        kind: str = body["orderType"]
        limit: str | None = body.get("limitPrice")
        if kind in ("limit", "sniper"):
            level, persist, worst = Fraction(body["limitPrice"]), 0, Fraction(body["limitPrice"])
        elif kind == "trailing_stop":
            level, persist = (
                Fraction(body["trigger"].get("activationPrice") or 0),
                body["trigger"].get("persistSlots", 2),
            )
            exact = fired_at * (10_000 - body.get("slippageBps", STOP_SLIPPAGE)) / 10_000 * PLACES
            worst = Fraction(-(-exact.numerator // exact.denominator), PLACES)
        else:
            level, persist = Fraction(body["trigger"]["price"]), body["trigger"].get("persistSlots", 2)
            slippage = body.get("slippageBps", STOP_SLIPPAGE)
            worst = Fraction(limit) if limit is not None else level * (10_000 - slippage) / 10_000
        exact = amount_in * worst * Fraction(10) ** (decimals[1] - decimals[0])
        floor = -(-exact.numerator // exact.denominator)
        return Terms(kind, level, persist, floor, worst, body.get("trigger", {}).get("trailBps", 0))

    def again(self) -> "Terms":
        """After an attempt that lost the price: due once a quote at its size reaches its floor. A stop is, wherever the
        price is by then; others wait for their own price as well.
        """
        if self.kind == "limit":
            return self
        stops = self.kind in ("stop", "trailing_stop")
        level = self.floor_price if stops else max(self.level, self.floor_price)
        return Terms(f"due_{self.kind}", level, 0, self.floor, self.floor_price)


@dataclass(frozen=True, slots=True)
class Armed:
    """A time during which an order may fire."""

    terms: Terms
    since: datetime
    wait: timedelta  # before which it may not
    until: datetime | None  # of the event that ends it; None: it goes on
    end: Event | None


@dataclass(slots=True, kw_only=True)
class Order:
    """An order that waits, with its log and its fills."""

    id: str
    feed: str
    amount_in: int
    decimals: tuple[int, int]
    body: Mapping[str, Any]  # as it was placed
    events: Sequence[Event]
    limit_out: int  # its floor in the database
    expires_at: datetime | None
    group: str | None = None
    entry: str | None = None  # the order whose fill arms it
    floors: Sequence[tuple[datetime, int]] = ()  # of its attempts, base units
    fills: Sequence[tuple[datetime, int]] = ()  # base units
    cancel_asked: bool = False
    seen: Seen = NOTHING  # by a trailing stop, when it was placed
    launch: Launch | None = None  # of a sniper
    trigger: str = "none"  # its row, and that of its watermark, before the rest was cancelled

    def story(self) -> str:
        """What it did, for the report of a failure."""
        log = [f"{event.at:%T.%f} {event.status} {event.details.get('code', '')}".rstrip() for event in self.events]
        return f"\n      log: {'; '.join(log)}\n      trigger: {self.trigger}"

    def armed(self) -> list[Armed]:
        """Every time during which it could fire, with its terms then."""
        body, found, rearms, due, fired_at = dict(self.body), list[Armed](), 0, False, Fraction(0)
        events = self.events[self._entered_at() :]
        following: list[Event | None] = [*events[1:], None]
        for event, after in zip(events, following, strict=bool(events)):
            if event.status != "open":
                continue
            wait = 0
            if fires := after is not None and after.fires and "extreme" in after.details["trigger"]:
                assert after is not None
                fired_at = Fraction(after.details["trigger"]["level"])
            if event.details.get("code") in ("launched", "rearmed") and body["orderType"] == "sniper":
                body["orderType"] = "limit"  # from its launch on
            if event.details.get("code") == "rearmed":
                wait, rearms, due = min(FIRST_WAIT * 2**rearms, LONGEST_WAIT), rearms + 1, True
            else:
                body |= {name: value for name, value in event.details.items() if name != "code"}
                due = False
            terms = Terms.of(body, self.amount_in, self.decimals, fired_at if due or fires else Fraction(0))
            terms = terms.again() if due else terms
            found.append(Armed(terms, event.at, timedelta(seconds=wait), after.at if after else None, after))
        return found

    @property
    def at_once(self) -> bool:
        return self.body.get("timeInForce") in ("ioc", "fok")

    @property
    def amount_out(self) -> int | None:
        return self.fills[0][1] if self.fills else None

    def _entered_at(self) -> int:
        """Which of its events is the first that arms it."""
        if self.entry is None:
            return 0
        codes = [event.details.get("code") for event in self.events]
        return codes.index("entered") if "entered" in codes else len(codes)

    def filled_by(self, at: datetime) -> bool:
        return any(event.status == "confirmed" and event.at <= at for event in self.events)

    def under_way(self) -> list[tuple[datetime, datetime | None]]:
        """From each time it fired to the end of what followed."""
        spans, since = list[tuple[datetime, datetime | None]](), None
        for event in self.events:
            if event.fires:
                since = event.at
            elif since is not None and event.status in ("open", "confirmed", "failed", "cancelled", "expired"):
                spans.append((since, event.at))
                since = None
        return [*spans, (since, None)] if since is not None else spans
