"""A slot of a worker: the order that has it, and the one that has it next.

The statement that ends an order claims the next one too: one commit and one round trip for both. Only a claim that is
known to have succeeded counts. Otherwise the next order is claimed by itself, as if nothing had been tried.
"""

from collections.abc import Callable
from uuid import UUID

from app.orders.model import Order
from app.orders.queue.order_queue import Job
from app.orders.steps import Claim


class Slot:
    def __init__(
        self, order: str, start_by: float, take_next: Callable[[], Job | None], claimed: Order | None = None
    ) -> None:
        self.order = order
        self.start_by = start_by  # until when it may be started, as in its job
        self.claimed = claimed  # the order, if the end of the one before has claimed it
        self.next_job: Job | None = None  # has this slot next, whatever became of its claim
        self.next_claimed: Order | None = None
        self._take_next = take_next

    def next_claim(self) -> Claim | None:
        """What to claim with the end of this order: a job that was taken ahead, if there is one."""
        self.next_job = self.next_job or self._take_next()
        if self.next_job is None or self.next_job.order is None:
            return None
        return Claim(UUID(self.next_job.order), self.next_job.start_by)
