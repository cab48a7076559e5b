"""An event in words: one line, the same for a terminal, a file and a pipe."""

from datetime import datetime

from app.client.responses import Event


def line(event: Event, began: datetime) -> str:
    """Time since the order's first event, status, and what there is to know."""
    return f"{(event.at - began).total_seconds():8.3f} s  {event.status:<9}  {words(event)}".rstrip()


def words(event: Event) -> str:
    parts = []
    if event.error or event.code:
        parts.append(f"attempt {event.attempt}: {fault(event)}")
    elif event.attempt > 1:
        parts.append(f"attempt {event.attempt}")
    if event.dex:
        parts.append(event.dex + (f" at {event.price}" if event.price else ""))
    if event.others:
        parts.append(f"({'; '.join(event.others)})")
    if event.status == "confirmed" and event.amount_out:
        parts.append(f"gave {event.amount_out}")
    if event.tx_hash:
        parts.append(f"tx {event.tx_hash}")
    if event.retry_in_ms is not None:
        parts.append(f"again in {seconds(event.retry_in_ms / 1000)}" if event.retry_in_ms else "again at once")
    return "  ".join(parts)


def fault(event: Event) -> str:
    error = (event.error or "").rstrip(".")
    if error and event.code:
        return f"{error} ({event.code})"
    return error or event.code or ""


def seconds(value: float) -> str:
    return f"{value:.3f} s" if value < 1 else f"{value:.1f} s"
