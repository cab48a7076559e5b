"""Processor time of each process of a system, and a check of the orders that a run left in its database."""

from collections.abc import Iterable

from tests.bench.processes import cpu
from tests.bench.rows import require
from tests.bench.systems import System
from tests.bench.table import PEER, TableRow

STATUSES = "pending routing building submitted confirmed"

PROCESSES = ("API", "worker", "Postgres", "Redis")


class Costs:
    """CPU per order, by process."""

    def __init__(self, when: str, other: str = PEER) -> None:
        self._rows = {process: TableRow(f"{when}: {process}", "µs", other=other) for process in (*PROCESSES, "all")}

    @property
    def all(self) -> TableRow:
        return self._rows["all"]

    def before(self, system: System) -> dict[str, float]:
        pids = {
            "API": [system.api.pid] if system.api else [],
            "worker": [process.pid for process in system.workers],
            "Postgres": [system.servers[0]],
            "Redis": [system.servers[1]],
        }
        return {process: cpu(*pids[process]) for process in PROCESSES}

    def spent(self, system: System, before: dict[str, float], orders: int) -> dict[str, float]:
        """Microseconds per order since then."""
        spent = {process: (now - before[process]) / orders * 1e6 for process, now in self.before(system).items()}
        return spent | {"all": sum(spent.values())}

    def add(self, system: System, spent: dict[str, float]) -> None:
        for process, figure in spent.items():
            self._rows[process].add(system.name, figure)

    def after(self, system: System, before: dict[str, float], orders: int) -> None:
        self.add(system, self.spent(system, before, orders))

    def rows(self, processes: Iterable[str] = (*PROCESSES, "all")) -> list[TableRow]:
        return [self._rows[process] for process in processes]


async def check_orders(system: System, orders: int, statuses: str = STATUSES) -> None:
    """The database must hold this many orders, each with exactly these statuses."""
    rows = await system.db.fetch(
        """
        SELECT statuses, count(*) FROM (
            SELECT string_agg(e.status, ' ' ORDER BY e.seq) AS statuses
              FROM orders o LEFT JOIN order_events e ON e.order_id = o.id GROUP BY o.id) AS logs GROUP BY 1
        """
    )
    found = {row["statuses"]: row["count"] for row in rows}
    require(
        found == {statuses: orders}, f"the {system.name} should hold {orders} orders with {statuses!r}, but has {found}"
    )
