"""What a simulation came to, in plain lines."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import median

from app.client.format import fault
from app.client.simulation import SimulatedOrder

MAX_SHOWN = 10  # orders listed below one heading


def summary(finished: Sequence[SimulatedOrder]) -> list[str]:
    """How they ended, how long it took, which venue won what and why, and what went wrong."""
    ends = Counter(course.status for course in finished)
    orders = "1 order" if len(finished) == 1 else f"{len(finished)} orders"
    lines = [f"{orders}: {', '.join(f'{number} {status}' for status, number in ends.most_common())}"]
    took = [course.took for course in finished if course.took is not None]
    if took:
        lines.append(f"time to confirm: p50 {median(took):.3f} s, max {max(took):.3f} s")
    wins: defaultdict[str, list[str]] = defaultdict(list)
    for course in finished:
        if course.took is not None and course.last:
            wins[course.last.dex or "?"].append(_win(course))
    for venue, won in sorted(wins.items()):
        lines += [f"{venue} won {len(won)}", *_some(won)]
    if unlucky := [course for course in finished if course.took is None]:
        lines += ["not confirmed", *_some([_loss(course) for course in unlucky])]
    return lines


def _win(course: SimulatedOrder) -> str:
    price = f" at {course.last.price}" if course.last and course.last.price else ""
    why = "; ".join(course.decision.others) if course.decision else ""
    return f"#{course.number}  {course.swap}{price}" + (f"  ({why})" if why else "")


def _loss(course: SimulatedOrder) -> str:
    why = str(course.trouble) if course.trouble else fault(course.last) if course.last else ""
    return f"#{course.number}  {course.swap}  {course.status}" + (f": {why}" if why else "")


def _some(rows: Sequence[str]) -> Iterable[str]:
    yield from (f"  {row}" for row in rows[:MAX_SHOWN])
    if len(rows) > MAX_SHOWN:
        yield f"  … and {len(rows) - MAX_SHOWN} more"
