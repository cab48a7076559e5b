"""What a run cost each process of a side, and whether its book holds what it should."""

from collections.abc import Iterable

from tests.bench.processes import cpu
from tests.bench.rows import must
from tests.bench.stacks import Side
from tests.bench.table import TableRow

STORY = "pending routing building submitted confirmed"

PARTS = ("API", "worker", "Postgres", "Redis")


class Costs:
    """CPU per order, by process."""

    def __init__(self, when: str) -> None:
        self.lines = {part: TableRow(f"{when}: {part}", "µs") for part in (*PARTS, "all")}

    def before(self, side: Side) -> dict[str, float]:
        pids = {
            "API": [side.api.pid] if side.api else [],
            "worker": [process.pid for process in side.workers],
            "Postgres": [side.servers[0]],
            "Redis": [side.servers[1]],
        }
        return {part: cpu(*pids[part]) for part in PARTS}

    def after(self, side: Side, before: dict[str, float], orders: int) -> None:
        spent = {part: (now - before[part]) / orders * 1e6 for part, now in self.before(side).items()}
        for part, figure in (spent | {"all": sum(spent.values())}).items():
            self.lines[part].add(side.name, figure)

    def told(self, parts: Iterable[str] = (*PARTS, "all")) -> list[TableRow]:
        return [self.lines[part] for part in parts]


async def holds(side: Side, orders: int, story: str = STORY) -> None:
    """So many orders, each with this story and no other."""
    rows = await side.db.fetch(
        """
        SELECT story, count(*) FROM (
            SELECT string_agg(e.status, ' ' ORDER BY e.seq) AS story
              FROM orders o LEFT JOIN order_events e ON e.order_id = o.id GROUP BY o.id) told GROUP BY 1
        """
    )
    found = {row["story"]: row["count"] for row in rows}
    must(found == {story: orders}, f"the {side.name} was to hold {orders} orders told as {story!r}, and has {found}")
