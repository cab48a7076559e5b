"""An event as one line of text, the same for a terminal, a file and a pipe."""

from datetime import datetime

from app.client.responses import Event


def event_line(event: Event, start: datetime) -> str:
    """Time since the order was accepted, status, details."""
    return f"{(event.at - start).total_seconds():8.3f} s  {event.status:<9}  {event_details(event)}".rstrip()


def event_details(event: Event) -> str:
    details = []
    if event.error or event.code:
        attempt = f"attempt {event.attempt}: " if event.attempt else ""  # none: it has not started
        details.append(f"{attempt}{error_text(event)}")
    elif event.attempt > 1:
        details.append(f"attempt {event.attempt}")
    if event.fired_at:
        details.append(f"fired at {event.fired_at}")
    if event.dex:
        details.append(event.dex + (f" at {event.price}" if event.price else ""))
    if event.losing_quotes:
        details.append(f"({'; '.join(event.losing_quotes)})")
    if event.status == "confirmed" and event.amount_out:
        details.append(f"received {event.amount_out}")
    if event.tx_hash:
        details.append(f"tx {event.tx_hash}")
    if event.retry_in_ms is not None:
        details.append(f"retry in {seconds(event.retry_in_ms / 1000)}" if event.retry_in_ms else "retry now")
    return "  ".join(details)


def error_text(event: Event) -> str:
    error = (event.error or "").rstrip(".")
    if error and event.code:
        return f"{error} ({event.code})"
    return error or event.code or ""


def seconds(value: float) -> str:
    return f"{value:.3f} s" if value < 1 else f"{value:.1f} s"
