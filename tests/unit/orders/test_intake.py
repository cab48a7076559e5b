"""What is queued when an order is placed: orders whose status waits in the queue, and no others."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.orders import intake
from app.orders.events.publisher import EventMessage, EventPublisher
from app.orders.events.signature import EventSignatures
from app.orders.intake import Intake
from app.orders.lifecycle import QUEUED, Status
from app.orders.model import OrderEvent, Placed, PlaceOrder, new_order_id
from app.orders.queue.order_queue import OrderQueue
from app.orders.queue.start_limit import StartLimit
from app.orders.store.writes import OrderStore
from app.postgres.errors import DatabaseUnavailable
from app.redis_client import CircuitBreaker, fail_fast_redis

ORDER = PlaceOrder(
    id=new_order_id(),
    owner="me",
    type="market",
    token_in="SOL",
    token_out="USDC",
    amount_in=1,
    slippage_bps=0,
    fingerprint=b"",
    request_id="request",
)


class FirstStatus(OrderStore):
    """A store whose orders begin with any status."""

    def __init__(self, status: Status) -> None:
        self.status = status

    async def place(self, order: PlaceOrder) -> Placed:
        now = datetime.now(UTC)
        event = OrderEvent(order_id=order.id, seq=1, status=self.status, attempt=0, at=now)
        return Placed(event.order_id, self.status, now, event=event)


class RecordingIntake(Intake):
    queued: list[UUID]

    async def enqueue(self, pending: object) -> list[int | None]:
        assert isinstance(pending, list)
        self.queued = [UUID(message.order) for message, _ in pending]
        return [0 for _ in pending]


class RecordingPublisher(EventPublisher):
    def publish(self, message: EventMessage) -> None:
        self.published = message


@pytest.mark.parametrize("status", list(Status))
async def test_only_an_order_that_waits_in_the_queue_is_queued(status: Status) -> None:
    redis = fail_fast_redis("redis://127.0.0.1:1/0")
    publisher = RecordingPublisher(redis, EventSignatures("secret"), keep_seconds=1)
    placing = RecordingIntake(FirstStatus(status), redis, OrderQueue(redis, StartLimit(0)), publisher, CircuitBreaker())
    placing.queued = []
    accepted = await placing.place(ORDER)
    if status in QUEUED:
        assert placing.queued == [ORDER.id]
        assert accepted.starts_in_ms == 0
    else:
        assert placing.queued == []
        assert accepted.starts_in_ms is None
        assert publisher.published.order == str(ORDER.id)


class Unavailable(OrderStore):
    """A store in front of a database that does not answer."""

    def __init__(self) -> None:
        self.tries = 0

    async def place(self, order: PlaceOrder) -> Placed:
        self.tries += 1
        raise DatabaseUnavailable


@pytest.mark.parametrize(("seconds", "tries"), [(10.0, intake.MAX_TRIES), (-1.0, 1)])
async def test_an_insert_is_not_repeated_once_it_took_too_long(
    seconds: float, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "GIVE_UP_SECONDS", seconds)
    redis, store = fail_fast_redis("redis://127.0.0.1:1/0"), Unavailable()
    publisher = EventPublisher(redis, EventSignatures("secret"), keep_seconds=1)
    placing = Intake(store, redis, OrderQueue(redis, StartLimit(0)), publisher, CircuitBreaker())
    with pytest.raises(DatabaseUnavailable):
        await placing.place(ORDER)
    assert store.tries == tries
