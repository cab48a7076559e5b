"""How long an order may last, from its body."""

from datetime import UTC, datetime, timedelta

from app.api.orders.bodies import ExecuteOrder, OrderTerms
from app.api.orders.schedule_bodies import YEAR_SECONDS
from app.api.problems import invalid
from app.orders.conditions import Lifetime, TimeInForce

IOC_SECONDS = 10
YEAR = timedelta(seconds=YEAR_SECONDS)
FIELDS = frozenset({"time_in_force", "expires_at", "expires_in_seconds"})
UNSAID = Lifetime(TimeInForce.GTD)  # of a market order: it expires after the seconds that are its default


def expires_in(body: OrderTerms) -> int:
    """Seconds; 0: never, or at `expiresAt`."""
    if body.time_in_force in ("ioc", "fok"):
        return IOC_SECONDS
    if (seconds := _said_seconds(body)) is not None:
        return seconds
    defaults = isinstance(body, ExecuteOrder) and body.expires_at is None and body.time_in_force is None
    return body.expires_in_seconds or 0 if defaults else 0


def lifetime_of(body: OrderTerms, at: str) -> Lifetime:
    """Raises a problem for fields that contradict each other, and for a moment that is in the past now."""
    seconds, end = _said_seconds(body), body.expires_at
    ends = [name for name, value in (("/expiresAt", end), ("/expiresInSeconds", seconds)) if value is not None]
    named = "ioc" if body.time_in_force == "fok" else body.time_in_force
    with_end = TimeInForce.GTC if seconds == 0 else TimeInForce.GTD
    force = TimeInForce(named or (with_end if ends or isinstance(body, ExecuteOrder) else TimeInForce.GTC))
    wrong = None
    if len(ends) == 2:
        wrong = "/expiresAt", "cannot be used in a body with expiresInSeconds"
    elif ends and force is not with_end:
        wrong = ends[0], f"cannot be used with timeInForce {body.time_in_force}"
    elif not ends and named == TimeInForce.GTD:
        wrong = "/expiresAt", "timeInForce gtd needs expiresAt or expiresInSeconds"
    elif end is not None and end <= (now := datetime.now(UTC)):
        wrong = "/expiresAt", "is in the past"
    elif end is not None and end > now + YEAR:
        wrong = "/expiresAt", "is more than a year away"
    if wrong:
        raise invalid([(at + wrong[0], wrong[1])])
    return Lifetime(force, end)


def _said_seconds(body: OrderTerms) -> int | None:
    return body.expires_in_seconds if "expires_in_seconds" in body.model_fields_set else None
